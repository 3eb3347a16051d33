"""The pages of a pack open from a folder, tell what its records tell, and are under its signature."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from policy_service.packs.scope import Scope
from policy_service.packs.site import POLICY
from policy_service.packs.times import both_times, zone_of
from policy_service.packs.verification import verify_pack
from policy_service.subject import Subject
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER
from tests.packs.packing import HOSTILE, Pack, fill, packed


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        fill(here)
        yield here


@pytest.fixture(scope="module")
def pack(here: Company, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return packed(here, tmp_path_factory.mktemp("pack") / "policy.zip", Scope(policy=TIER))


def pages(pack: Pack) -> dict[str, LexborHTMLParser]:
    return {name: LexborHTMLParser(pack.read(name)) for name in pack.names() if name.endswith(".html")}


def text(page: LexborHTMLParser, selector: str = "body") -> str:
    return " ".join(" ".join(node.text(separator=" ") for node in page.css(selector)).split())


def test_every_page_is_complete_by_itself(pack: Pack) -> None:
    names = set(pack.names())
    assert {"index.html", "index.en.html"} <= names
    assert len(pages(pack)) == 2 + 2 * pack.manifest["counts"]["decisions"]
    for name, page in pages(pack).items():
        assert not page.css("script, img, link, iframe, form, [style], [onclick]"), name
        [policy] = page.css("meta[http-equiv=Content-Security-Policy]")
        assert policy.attributes["content"] == POLICY
        assert page.css("html")[0].attributes["lang"] == ("en" if name.endswith(".en.html") else "zh-CN")
        for link in page.css("a[href]"):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), str(link.attributes["href"])))
            assert target in names, (name, target)


def test_the_index_tells_what_was_in_force_who_signed_and_what_is_verified(pack: Pack) -> None:
    index = text(pages(pack)["index.en.html"])
    assert "Sales , sales director, 2026-11-20 10:00:00 +08:00 (2026-11-20T02:00:00.000000Z)" in index
    assert f"{pack.manifest['counts']['entries']}; of these without a proof: 0" in index
    assert not re.search(r"[\u4e00-\u9fff][:;,] |\bcustomer\b", text(pages(pack)["index.html"])), (
        "Chinese has its own marks and words"
    )
    assert "imported at set-up" in index
    assert "审计资料包" in text(pages(pack)["index.html"])


def test_a_decision_has_its_sentence_its_rule_and_its_signers(here: Company, tmp_path: Path) -> None:
    pack = packed(here, tmp_path / "pack.zip", Scope(subject=Subject("C1"), policy=TIER))
    english = [text(page) for name, page in pages(pack).items() if re.fullmatch(r"decisions/.+/index\.en\.html", name)]
    [by_second] = [each for each in english if f"size {TIER} 1.1.0" in each]
    assert f"bonus {BONUS} 1.0.0 Outcome: bonus: 10 Rule: big When" in by_second
    assert "Because: big" in by_second
    assert f"size {TIER} 1.1.0 Outcome: size: big Rule: big When “orders” is at least 90" in by_second
    assert "Compliance , compliance" in by_second
    assert "Inputs orders orders 95" in by_second, "the title of a fact, its name, and its value"
    chinese = [text(page) for name, page in pages(pack).items() if re.fullmatch(r"decisions/.+/index\.html", name)]
    assert any("理由：大" in each for each in chinese)


def test_what_people_wrote_is_text_and_the_pages_are_under_the_signature(pack: Pack, tmp_path: Path) -> None:
    [name] = [
        each for each in pages(pack) if each.endswith("index.en.html") and HOSTILE[-9:] in text(pages(pack)[each], "h1")
    ]
    assert b"<script>" not in pack.read(name)
    assert "[U+202E]" in text(pages(pack)[name], "h1")
    assert verify_pack(pack.file, [pack.key]).is_fine
    other = pack.tampered(tmp_path / "other.zip", "index.html", lambda page: page.replace(b"bdi", b"b"))
    assert verify_pack(other, [pack.key]).faults == (
        "index.html was altered: it does not have the digest that the list says",
    )
    assert pack.relisted(tmp_path / "list.zip", "index.html", lambda _: b"").exists()
    assert any("manifest.json" in each for each in verify_pack(tmp_path / "list.zip", [pack.key]).faults)
    with zipfile.ZipFile(pack.file) as opened:
        assert opened.testzip() is None


def test_packs_from_before_tell_utc_alone() -> None:
    assert both_times("2026-11-21T02:00:00.000000Z", zone_of(None)) == "2026-11-21T02:00:00.000000Z"
    assert zone_of("Nowhere/At all") is None


def test_the_sample_is_drawn_from_what_was_asked_for(here: Company, tmp_path: Path) -> None:
    of_subject = packed(here, tmp_path / "subject.zip", Scope(subject=Subject("C1"), policy=TIER, sample=2))
    sample = of_subject.json("decisions/sample.json")
    assert (sample["population"], sample["drawn"], len(sample["taken"])) == (3, 2, 2)
    other = packed(here, tmp_path / "other.zip", Scope(policy="tiering/unheard_of", sample=2))
    assert (other.json("decisions/sample.json")["population"], other.manifest["counts"]["decisions"]) == (0, 0)

"""What packs of a policy, a subject and a period hold; they are the same every time, and hold nothing secret."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.audit.merkle import root_from_path
from policy_service.canonical import digest
from policy_service.decisions.masking import MASK
from policy_service.decisions.request import DecisionRequest
from policy_service.packs import contents
from policy_service.packs.sample import draw_positions
from policy_service.packs.scope import InvalidScope, Scope
from policy_service.packs.verification import verify_pack
from policy_service.subject import Subject
from tests.api.client import SECRET
from tests.api.company import Company, company, later
from tests.approval.world import BONUS, TIER, tier
from tests.faults.machine import put
from tests.packs.packing import CRM, HOSTILE, Pack, fill, packed


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company(furnish=fill) as here:
        yield here


@pytest.fixture(scope="module")
def of_policy(here: Company, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return packed(here, tmp_path_factory.mktemp("pack") / "policy.zip", Scope(policy=TIER))


def test_a_pack_of_a_policy_has_all_its_versions_differences_and_signatures(of_policy: Pack) -> None:
    names = of_policy.names()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        assert f"versions/{TIER}/{version}.yaml" in names
        assert f"versions/{TIER}/{version}.zh.md" in names
    assert f"differences/{TIER}/1.0.0..1.1.0.en.md" in names
    changes = [name for name in names if name.endswith("/change.json")]
    assert len(changes) == of_policy.manifest["counts"]["changes"] == 2
    assert of_policy.manifest["counts"]["signatures"] == 4
    page = of_policy.read(changes[0].replace("change.json", "signatures.en.md")).decode()
    assert "| Sales" in page
    assert "sales director" in page
    zh = of_policy.read(changes[0].replace("change.json", "signatures.zh.md")).decode()
    assert "销售总监" in zh
    assert any(name.startswith("suspensions/") for name in names)
    assert {each["version"] for each in of_policy.json("timeline.json")} >= {"1.0.0", "1.1.0", "1.2.0"}
    assert [each["reason"] for each in of_policy.json("overrides.json")] == [HOSTILE]


def test_a_pack_is_fine_as_it_was_made(of_policy: Pack) -> None:
    verdict = verify_pack(of_policy.file, [of_policy.key])
    assert verdict.faults == ()
    assert verdict.files == len(of_policy.names())


def test_the_same_question_gives_the_same_bytes(here: Company, of_policy: Pack, tmp_path: Path) -> None:
    again = packed(here, tmp_path / "again.zip", Scope(policy=TIER))
    assert again.file.read_bytes() == of_policy.file.read_bytes()


def test_every_file_is_on_the_list_with_its_digest(of_policy: Pack) -> None:
    listed = of_policy.manifest["files"]
    assert set(of_policy.names()) == {*listed, "manifest.json", "manifest.signature.json"}
    for name, text in listed.items():
        assert f"sha256:{text['sha256']}" == digest(of_policy.read(name))


def test_entries_lead_to_the_signed_root(of_policy: Pack) -> None:
    checkpoint = of_policy.json("audit/checkpoint.json")
    entries = of_policy.lines("audit/entries.ndjson")
    for entry in entries:
        leaf = digest(entry["entry"].encode())
        assert root_from_path(leaf, entry["seq"] - 1, checkpoint["size"], entry["path"]) == checkpoint["root"]
    assert [entry["seq"] for entry in entries] == sorted(entry["seq"] for entry in entries)
    events = {e for entry in entries for e in ("change_signed_off", "policy_suspended") if f'"{e}"' in entry["entry"]}
    assert events == {"change_signed_off", "policy_suspended"}


def test_decisions_are_replayed_and_sensitive_facts_are_masked(of_policy: Pack) -> None:
    records = [name for name in of_policy.names() if name.endswith("/record.json")]
    assert of_policy.manifest["counts"]["decisions"] == len(records) == 9
    assert of_policy.manifest["counts"]["replayed_same"] == 9
    results = [of_policy.json(name)["facts"]["orders"] for name in records]
    assert results.count(MASK) == 1
    whole = b"".join(of_policy.read(name) for name in of_policy.names())
    assert not re.search(rb"(?<![0-9a-f])770077(?![0-9a-f])", whole)


def test_tables_hold_no_formula(of_policy: Pack) -> None:
    tables = [name for name in of_policy.names() if name.endswith(".csv")]
    assert {"timeline.csv", "overrides.csv", "audit/entries.csv", "decisions/decisions.csv"} == set(tables)
    for name in tables:
        text = of_policy.read(name).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert f"'{HOSTILE}" in [
        cell for row in csv.reader(io.StringIO(of_policy.read("overrides.csv").decode("utf-8-sig"))) for cell in row
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_first_page_says_what_it_is_and_how_to_verify_it(of_policy: Pack, lang: str) -> None:
    page = of_policy.read(f"README.{lang}.md").decode()
    assert TIER in page
    assert of_policy.key.id in page
    assert "policy-service audit verify-pack PACK.zip --public-key policy-service.pub.pem" in page
    assert "manifest.json" in page


def test_a_pack_of_a_subject_has_its_decisions_and_what_they_rest_on(here: Company, tmp_path: Path) -> None:
    pack = packed(here, tmp_path / "subject.zip", Scope(subject=Subject(HOSTILE)))
    assert pack.manifest["counts"]["decisions"] == 1
    assert pack.manifest["counts"]["overrides"] == 1
    record = pack.json(next(name for name in pack.names() if name.endswith("/record.json")))
    assert record["subject"] == HOSTILE
    used = {
        name.rpartition("/")[2]
        for name in pack.names()
        if name.startswith(f"versions/{TIER}/") and name.endswith(".yaml")
    }
    assert "1.1.0.yaml" in used
    assert "1.0.0.yaml" not in used
    assert f"versions/{BONUS}/1.0.0.yaml" in pack.names()
    assert "\\<script>" in pack.read("README.en.md").decode()
    assert verify_pack(pack.file, [pack.key]).faults == ()


def test_a_pack_of_a_subject_holds_nothing_of_another_kind_with_the_same_identifier(tmp_path: Path) -> None:
    orders = "rewards/order_size"
    with company() as here:
        about_orders = tier("1.0.0").replace(b"subject: customer", b"subject: order")
        put(here, about_orders.replace(TIER.encode(), orders.encode()))
        here.app.service.decisions.in_force.refresh()
        for kind, policy in (("customer", TIER), ("order", orders)):
            request = DecisionRequest("17", {"orders": 7}, (policy,), kind=kind)
            here.app.service.decisions.decide_in_thread(request, CRM)
            body = {"subject": "17", "kind": kind, "policy": policy, "outcome": {"size": "big"}, "password": SECRET}
            signed = {**body, "role": "sales_director", "reason": f"for the {kind}", "until": later(here, 30)["from"]}
            here.did("POST", "/v1/overrides", "sales", signed)
        here.app.service.sealer.seal_all()
        packs = {
            kind: packed(here, tmp_path / f"{kind}.zip", Scope(subject=Subject("17", kind)))
            for kind in ("customer", "order")
        }
    for kind, pack in packs.items():
        assert verify_pack(pack.file, [pack.key]).faults == ()
        assert (pack.manifest["scope"]["subject"], pack.manifest["scope"]["kind"]) == ("17", kind)
        assert [each["reason"] for each in pack.json("overrides.json")] == [f"for the {kind}"]
        [row] = csv.DictReader(io.StringIO(pack.read("decisions/decisions.csv").decode("utf-8-sig")))
        assert (row["subject"], row["kind"]) == ("17", kind)
        bodies = [json.loads(line["entry"])["body"] for line in pack.lines("audit/entries.ndjson")]
        assert {body["kind"] for body in bodies if body.get("subject") == "17"} == {kind}
        assert f"`{kind}`" in pack.read("README.en.md").decode()


def test_a_pack_of_a_period_has_what_was_done_in_it(here: Company, tmp_path: Path) -> None:
    everything = packed(here, tmp_path / "all.zip", Scope(since=here.clock.at.replace(year=2020)))
    assert everything.manifest["counts"]["entries"] == everything.manifest["log"]["size"]
    assert everything.manifest["counts"]["decisions"] == 9
    assert verify_pack(everything.file, [everything.key]).faults == ()
    nothing = packed(
        here,
        tmp_path / "none.zip",
        Scope(since=here.clock.at.replace(year=2020), until=here.clock.at.replace(year=2021)),
    )
    assert nothing.manifest["counts"]["entries"] == nothing.manifest["counts"]["decisions"] == 0
    assert verify_pack(nothing.file, [nothing.key]).faults == ()


def test_the_sample_can_be_drawn_again_from_what_the_pack_says(here: Company, tmp_path: Path) -> None:
    pack = packed(here, tmp_path / "sample.zip", Scope(policy=TIER, sample=4))
    text = pack.json("decisions/sample.json")
    assert len(text["taken"]) == 4
    drawn = [
        text["first"] + place
        for place, _ in zip(draw_positions(text["seed"], text["population"]), range(4), strict=False)
    ]
    assert sorted(drawn) == text["taken"]
    assert any("sample" in each["en"] for each in pack.manifest["left_out"])


def test_limits_are_said_plainly(here: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_ENTRIES", "MAX_VERSIONS", "MAX_CHANGES"):
        monkeypatch.setattr(contents, name, 1)
    monkeypatch.setattr(contents, "MAX_OVERRIDES", 0)
    pack = packed(here, tmp_path / "small.zip", Scope(policy=TIER))
    message = " ".join(each["en"] for each in pack.manifest["left_out"])
    assert "Of 4 versions 1 are in it." in message
    assert "the newest 1 are in it" in message
    assert "Only the oldest 0 overrides" in message
    assert "more entries of the log" in message
    assert "Of 4 versions" in pack.read("README.en.md").decode()
    assert verify_pack(pack.file, [pack.key]).faults == ()


def test_what_was_not_signed_yet_has_no_proof_and_says_so(tmp_path: Path) -> None:
    with company(furnish=fill) as here:
        here.in_force(tier("1.3.0", 70))
        pack = packed(here, tmp_path / "late.zip", Scope(policy=TIER))
        assert pack.manifest["counts"]["entries_without_proof"] > 0
        assert any("no proof" in each["en"] for each in pack.manifest["left_out"])
        assert verify_pack(pack.file, [pack.key]).faults == ()


@pytest.mark.parametrize("wrong", [{}, {"sample": -1, "policy": "a/b"}, {"sample": 201, "policy": "a/b"}])
def test_a_pack_about_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidScope):
        Scope(**wrong)  # type: ignore[arg-type]  # wrong on purpose

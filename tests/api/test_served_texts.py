"""What is served as a policy file is the file: its bytes have the digest that is told, however they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from policy_service.packs.scope import Scope
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.packs.packing import packed
from tests.pages.visitor import Visitor

TEXTS = {
    "1.1.0": tier("1.1.0", 90_000),
    "1.2.0": b"\xef\xbb\xbf" + tier("1.2.0", 80_000),
    "1.3.0": b"\xef\xbb\xbf" + tier("1.3.0", 70_000).replace(b"\n", b"\r\n"),
    "1.4.0": tier("1.4.0", 60_000).rstrip(b"\n") + "\n# 注 — «ñ» 🙂".encode(),
}
"""Versions as editors write them: plain, behind a byte order mark, with Windows line ends, without a last line end."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.in_force(*TEXTS.values())
        here.app.service.sealer.seal_all()
        yield here


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def served(here: Company, path: str, by: str = "ann", **headers: str) -> httpx.Response:
    """The answer, with its bytes as they came."""
    return here.ask("GET", path, by, **headers)


@pytest.mark.parametrize("version", TEXTS)
def test_a_version_is_served_to_the_byte_whatever_is_accepted(here: Company, version: str) -> None:
    path = f"/v1/policies/{TIER}/versions/{version}"
    result = served(here, path).json()["digest"]
    assert result == digest(TEXTS[version])
    for accept in ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/yaml, */*;q=0.1"):
        answer = served(here, path, accept=accept)
        assert answer.headers["content-type"].partition(";")[0] == "application/yaml"
        assert answer.headers["etag"].startswith(f'"{result}')
        assert digest(answer.content) == result
    for accept in ("*/*", "application/json", "text/html", "text/plain"):
        assert digest(served(here, f"{path}?format=yaml", accept=accept).content) == result
    file = Visitor(here, "sales").get(f"/policies/{TIER}/versions/{version}/file")
    assert digest(file.body) == result


def test_the_files_of_a_change_are_served_to_the_byte(here: Company) -> None:
    for change in served(here, "/v1/changes").json()["items"]:
        whole: dict[str, Any] = served(here, f"/v1/changes/{change['id']}").json()
        texts = whole["texts"]
        assert texts
        for text in texts:
            assert digest(served(here, f"/v1/changes/{change['id']}/texts/{text}").content) == text
            assert digest(Visitor(here, "ann").get(f"/changes/{change['id']}/texts/{text}").body) == text


def test_the_files_of_a_pack_are_those_that_were_submitted(here: Company, tmp_path: Path) -> None:
    pack = packed(here, tmp_path / "pack.zip", Scope(policy=TIER))
    listed = {each["version"]: each for each in pack.manifest["versions"]}
    assert set(TEXTS) <= set(listed)
    for version, content in TEXTS.items():
        assert pack.read(listed[version]["file"]) == content
        assert listed[version]["digest"] == digest(content)


def test_a_policy_with_a_mark_and_windows_line_ends_decides_like_any_other(here: Company) -> None:
    assert here.version() == "1.4.0"
    with here.database.read() as session:
        policies = here.app.service.catalogue.in_force(session, here.clock.at)
    assert policies[TIER].content == TEXTS["1.4.0"]

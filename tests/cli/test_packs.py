"""`policy-service audit pack`: makes packs that verify, with the right exit status, and leaves nothing half-written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.audit.keys import public_keys
from policy_service.cli import packs as command
from policy_service.packs.verification import verify_pack
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.cli.command import Ended, call
from tests.packs.packing import fill

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company(furnish=fill) as here:
        yield here


@pytest.fixture(autouse=True)
def _environment(here: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", here.database.url)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(here.app.service.settings.keys))


def pack(capsys: Capture, *arguments: object) -> Ended:
    return call(capsys, "audit", "pack", *arguments)


@pytest.mark.parametrize(
    "about", [("--policy", TIER), ("--subject", "C1"), ("--from", "2020-01-01", "--until", "2030-01-01")]
)
def test_a_pack_is_made_for_its_owner_alone_and_verifies(
    here: Company, tmp_path: Path, capsys: Capture, about: tuple[str, ...]
) -> None:
    ended = pack(capsys, "pack.zip", *about)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("the pack in pack.zip holds ")
    assert (tmp_path / "pack.zip").stat().st_mode & 0o777 == 0o600
    verdict = verify_pack(tmp_path / "pack.zip", list(public_keys(here.app.service.settings.keys).values()))
    assert verdict.faults == ()
    assert "is there already" in pack(capsys, "pack.zip", *about).err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Say what the pack is about"),
        (("--policy", "tiering/siez"), "no policy `tiering/siez`, did you mean `tiering/size`?"),
        (("--policy", TIER, "--from", "soon"), "--from 'soon': expected a date such as 2026-11-21"),
        (("--policy", TIER, "--from", "20261121"), "--from '20261121': expected a date such as 2026-11-21"),
        (("--policy", TIER, "--from", "2026-02-01", "--until", "2026-01-01"), "ends before it begins"),
        (("--policy", TIER, "--sample", "201"), "less than or equal to 200"),
        (("--subject", "x", "--until", "9999-12-31"), "--until '9999-12-31': expected a date such as"),
        (("--subject", "C1 "), "leave out the blanks around it"),
        (("--subject", "C1", "--kind", "Order"), "write small letters, digits and underscores"),
    ],
)
def test_what_the_caller_can_mend_is_told(capsys: Capture, arguments: tuple[str, ...], why: str) -> None:
    ended = pack(capsys, "pack.zip", *arguments)
    assert ended.status == 2
    assert why in ended.err


def test_without_the_keys_nothing_is_left_behind(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No such file or directory" in pack(capsys, "nowhere/pack.zip", "--policy", TIER).err
    monkeypatch.setattr(command, "make_pack", _fail)
    assert "disk: no room" in pack(capsys, "pack.zip", "--policy", TIER).err
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path / "none"))
    assert "subjects.key cannot be read" in pack(capsys, "pack.zip", "--policy", TIER).err
    assert list(tmp_path.iterdir()) == []


def _fail(*_: object) -> None:
    raise OSError(28, "no room", "disk")

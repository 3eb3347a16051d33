"""Whoever verifies is told how far it is, part by part, and how much more there is than what is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from policy_service.audit import expected_rows as shadow
from policy_service.audit import verify
from policy_service.audit.keys import public_keys
from policy_service.audit.log_key import read_log_keys
from policy_service.cli.audit import run_verify
from policy_service.database import Database
from policy_service.decisions import blocks
from policy_service.decisions.verification import parts_of, verify_everything
from tests.verification.everything import Place, executed, filled


@pytest.fixture
def place() -> Iterator[Place]:
    with filled() as (here, place):
        here.app.service.close()
        yield place


def test_each_part_is_told_up_to_its_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PROGRESS_INTERVAL", 1)
    monkeypatch.setattr(shadow, "PROGRESS_INTERVAL", 1)
    results: list[tuple[str, int]] = []
    with closing(Database(place.url)) as database, database.read() as session:
        parts = parts_of(session)
        trusted, keys = list(public_keys(place.keys).values()), read_log_keys(place.keys)
        verdict = verify_everything(session, trusted, (), keys, lambda part, done: results.append((part, done)))
    assert verdict.is_fine
    assert list(parts) == ["entries", "rows", "records", "MACs of records", "periods of group lists"]
    assert list(dict.fromkeys(part for part, _ in results)) == list(parts)
    assert dict(results) == parts
    assert verdict.rows == parts["rows"] + parts["records"]


def test_how_many_more_differ_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(blocks, "MAX_GAPS", 3)
    executed(place, "UPDATE decision SET actor = 'x'")
    verdict = place.verify()
    assert (len(verdict.faults), verdict.untold) == (3, verdict.differences - 3)
    monkeypatch.setenv("DATABASE_URL", place.url)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(place.keys))
    monkeypatch.setenv("POLICY_SERVICE_CHECKPOINTS", str(place.keys / "none.ndjson"))
    assert run_verify(None, None, None, as_json=False) == 1
    assert f"  and {verdict.untold} more\n" in capsys.readouterr().out

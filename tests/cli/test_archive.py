"""`policy-service archive` says in one line why nothing was moved; `replay` reads what was."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policy_service.clock import DEFAULT_ZONE, SystemClock, today
from policy_service.decisions.master_keys import open_or_create
from policy_service.paths import CHECKPOINTS, DATABASE, KEYS, RETENTION_DAYS
from tests.cli.command import call
from tests.databases import empty_url, fresh_database
from tests.decisions.setting import tamper
from tests.decisions.test_archiving import Archived
from tests.registry.texts import policy_text, put_file


def test_open_years_and_a_database_without_old_records_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_file(tmp_path / "policies", policy_text())
    with empty_url("sqlite") as url:
        for name, value in ((DATABASE, url), (KEYS, tmp_path / "keys"), (CHECKPOINTS, tmp_path / "checkpoints")):
            monkeypatch.setenv(name, str(value))
        assert call(capsys, "init", "--policies", tmp_path / "policies").status == 0
        file = str(tmp_path / "old.archive")

        def refused(day: str) -> str:
            ended = call(capsys, "archive", "--before", day, "--output", file)
            assert (ended.status, Path(file).exists()) == (2, False)
            return ended.err

        monkeypatch.setenv(RETENTION_DAYS, "1000")
        first_kept = today(SystemClock(), ZoneInfo(DEFAULT_ZONE)) - timedelta(days=1000)
        assert f"Records from {first_kept} on stay in the database" in refused(f"{first_kept + timedelta(days=1)}")
        assert "No sealed block of records lies wholly before that day." in refused(f"{first_kept}")
        assert "--before '1 May'" in refused("1 May")
        monkeypatch.setenv(RETENTION_DAYS, "none")
        assert "POLICY_SERVICE_RETENTION_DAYS is a number of days, 1 to 36525" in refused("2001-01-01")
        assert call(capsys, "audit", "verify", "--archive", tmp_path / "keys").status == 2


def test_a_decision_is_replayed_and_one_in_an_archive_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    open_or_create(keys)
    with fresh_database("sqlite") as database:
        made = Archived(database, tmp_path)
        made.archive()
        tamper(database, "UPDATE decision SET subject = 'C9' WHERE seq = 9")
        monkeypatch.setenv(DATABASE, database.url)
        monkeypatch.setenv(KEYS, str(keys))
        matching = call(capsys, "replay", made.new[0])
        assert (matching.status, matching.out.splitlines()[0]) == (0, f"{made.new[0]}: replay matches")
        altered = call(capsys, "replay", made.new[1])
        assert (altered.status, "cannot be replayed: Decision record 9 was altered" in altered.out) == (1, True)
        archived = call(capsys, "replay", made.old[0])
        assert archived.status == 2
        assert "the file 2026.archive: its facts are no longer here. Name the file: --archive FILE" in archived.err
        answer = call(capsys, "replay", made.old[0], "--archive", made.file, "--json")
        assert (answer.status, json.loads(answer.out)["verdict"]) == (0, "same")
        assert "is no archive" in call(capsys, "replay", made.old[0], "--archive", __file__).err
        assert "there is no decision C1" in call(capsys, "replay", "C1").err

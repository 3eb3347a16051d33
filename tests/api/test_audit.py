"""The log over HTTP: read in words, filtered, verified, exported, and proved to somebody who has only the key."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from api.app import Application
from api.features.audit import endpoints as auditing
from api.features.audit.endpoints import export_in_worker, verify_in_worker
from api.service import Service
from api.web.error_mapping import problem_of
from api.web.problems import CONFLICT
from policy_service.actor import Role
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.events import EVENTS
from policy_service.audit.export import verify_export
from policy_service.audit.keys import KeyUnavailable, PublicKey, read_public_key
from policy_service.audit.proofs import verify_proof
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.clock import timestamp
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.verification import verify_rest
from policy_service.log_work import verify, write_export
from policy_service.workers.progress import ProgressFile
from tests.api.client import ask, assert_problem, keys, one_policy, opened, populate
from tests.audit.logs import Log
from tests.audit.test_database_verification import tamper
from tests.databases import TestClock, fresh_database

Json = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """A service whose log has a key, accounts, comments and two checkpoints."""

    app: FastAPI
    log: Log
    key: PublicKey

    @property
    def service(self) -> Service:
        assert isinstance(self.app, Application)
        return self.app.service

    def get(self, path: str, role: Role = Role.COMPLIANCE) -> Any:  # noqa: ANN401  # whatever JSON says
        answer = ask("GET", f"/v1/audit{path}", app=self.app, role=role)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, status: int, name: str) -> Json:
        return assert_problem(ask("GET", f"/v1/audit{path}", app=self.app, role=Role.COMPLIANCE), status, name)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The newest entry is in no checkpoint yet."""
    copies_file = tmp_path_factory.mktemp("elsewhere") / "checkpoints.ndjson"
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), keys())
        database.keys = keys()
        populate(database.url, log.clock, one_policy())
        with database.write(log.clock) as transaction:
            key = ensure_signing_key(transaction, keys())
            sign_checkpoint(transaction, keys())
        log.write(6)
        with database.write(log.clock) as transaction:
            sign_checkpoint(transaction, keys())
        copy_checkpoints(database, log.clock, FileCopy(copies_file))
        log.write(1)
        with opened(log.clock, database_url=SecretStr(database.url), checkpoints=copies_file, engine="python") as app:
            yield Watched(app, log, key)


def test_entries_are_told_in_both_languages_the_newest_first(watched: Watched) -> None:
    page = watched.get("")
    numbers = [entry["seq"] for entry in page["items"]]
    assert numbers == list(range(numbers[0], 0, -1))
    assert page["next_cursor"] is None
    first, commented = page["items"][-1], next(e for e in page["items"] if e["event"] == "change_commented")
    assert first["sentence"]["en"] == f"a new signing key is in use: {watched.key.id}"
    assert (first["by"]["id"], first["by"]["kind"]) == ("command-line", "command_line")
    assert commented["sentence"]["zh"].startswith("author-1 评论变更：第 ")
    assert commented["about"] == ["change:0197-change"]


def test_pages_follow_each_other_without_a_gap(watched: Watched) -> None:
    seen: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        page = watched.get(f"?limit=4{cursor and f'&cursor={cursor}'}")
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == watched.get("")["items"]


def test_entries_are_found_by_event_actor_thing_and_time(watched: Watched) -> None:
    everything = watched.get("")["items"]
    author = next(e["by"]["id"] for e in everything if e["event"] == "change_commented")
    middle = next(e["at"] for e in everything if e["event"] == "change_commented")

    def found(**expected: str) -> list[Json]:
        items: list[Json] = watched.get("?" + "&".join(f"{k}={quote(v)}" for k, v in expected.items()))["items"]
        return items

    assert found(event="account_created") == [e for e in everything if e["event"] == "account_created"]
    assert found(actor=author) == [e for e in everything if e["by"]["id"] == author] != []
    policy = "policy:tiering/rfm_value"
    assert found(about=policy) == [e for e in everything if policy in e["about"]] != []
    later, earlier = found(**{"from": middle}), found(until=middle)
    assert later + earlier == everything
    assert {e["at"] >= middle for e in later} == {True}
    assert found(event="change_drafted") == []
    changed = watched.log.clock.at + timedelta(days=1)
    assert found(**{"from": timestamp(changed)}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "event=gossip",
        "about=nothing",
        "about=policy:%01",
        "from=yesterday",
        "from=0001-01-01T00:00:00%2B01:00",
        "limit=0",
        "limit=101",
        "cursor=eHg=",
        "actor=%27",
    ],
)
def test_a_wrong_filter_is_named(watched: Watched, wrong: str) -> None:
    problem = watched.refused(f"?{wrong}", 422, "invalid-parameter")
    assert [fault["parameter"] for fault in problem["problems"]] == [wrong.partition("=")[0]]


def test_an_unknown_event_is_told_which_there_are(watched: Watched) -> None:
    problem = watched.refused("?event=gossip", 422, "invalid-parameter")
    assert problem["problems"][0]["expected"] == f"one of {', '.join(EVENTS)}"


def test_an_entry_comes_with_the_line_that_is_sealed(watched: Watched) -> None:
    second = watched.get("/2")
    assert json.loads(second["line"])["previous"] == second["previous"] == watched.get("/1")["digest"]
    watched.refused("/999", 404, "not-found")
    watched.refused("/0", 422, "invalid-parameter")


def test_an_entry_is_proved_by_its_proof_and_the_public_key_alone(watched: Watched, tmp_path: Path) -> None:
    pem = ask("GET", "/v1/audit/public-key", app=watched.app, role=Role.INTEGRATION)
    (tmp_path / "key.pem").write_bytes(pem.content)
    key = read_public_key(tmp_path / "key.pem")
    assert pem.headers["x-fingerprint"] == key.id == watched.key.id
    assert verify_proof(watched.get("/3/proof"), [key]).seq == 3
    newest = watched.get("?limit=1")["items"][0]["seq"]
    assert "no checkpoint covers" in watched.refused(f"/{newest}/proof", 409, "conflict")["detail"]
    watched.refused("/999/proof", 404, "not-found")


def test_checkpoints_are_listed_and_counted(watched: Watched) -> None:
    newest, older, _ = watched.get("/checkpoints")["items"]
    assert newest["size"] == older["size"] + 6
    assert newest["key"] == watched.key.id
    page = watched.get("/checkpoints?limit=1")
    assert page["items"] == [newest]
    assert watched.get(f"/checkpoints?cursor={page['next_cursor']}")["items"][0] == older


def test_the_log_is_verified_and_its_export_verifies_elsewhere(watched: Watched) -> None:
    verdict = watched.get("/verify")
    newest = watched.get("?limit=1")["items"][0]["seq"]
    assert (verdict["fine"], verdict["entries"], verdict["checkpoints"]) == (True, newest, 3)
    assert verdict["confirmed"] == newest - 1
    export = ask("GET", "/v1/audit/export", app=watched.app, role=Role.COMPLIANCE)
    assert export.headers["content-type"].startswith("application/x-ndjson")
    result = verify_export(export.content.splitlines(keepends=True), [watched.key])
    assert (result.fault, result.entries, result.root) == (None, newest, verdict["root"])


class TickingClock(TestClock):
    """A clock that is a second later each time it is read."""

    def now(self) -> datetime:
        self.move(seconds=1)
        return super().now()


def test_what_is_written_while_a_verification_begins_is_no_fault(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TickingClock(), tmp_path)
        log.start()
        log.write(2)
        began = log.clock.now()
        with database.write(log.clock):  # such as the last use of a session, which is in no entry
            pass
        verdict = verify(database.url, tmp_path, [], ProgressFile(None), log.clock)
        with database.read() as session:
            at_once = verify_rest(session, replace(verdict, faults=()), now=began)
    assert verdict.faults == ()
    [fault] = at_once.faults
    assert str(fault.message).startswith("the lane `governance` was altered, or the clock of the machine was set back")


def test_a_new_process_that_verifies_knows_every_table() -> None:
    program = "import policy_service.log_work, sqlmodel; print(*sqlmodel.SQLModel.metadata.tables)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # constant
    assert set(done.stdout.split()) == set(SQLModel.metadata.tables)


def test_the_first_fault_is_named(watched: Watched, tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path)
        log.start()
        log.write(4)
        tamper(log, "UPDATE audit_entry SET actor = 'somebody' WHERE seq = 3")
        verdict = verify(
            database.url, tmp_path, [FileCopy(tmp_path / "nothing-kept.ndjson")], ProgressFile(None), log.clock
        )
    assert verdict.fault is not None
    assert verdict.fault.seq == 3
    assert watched.get("/verify")["fine"]


def test_what_the_log_was_compared_with_is_told(watched: Watched) -> None:
    newest, *_ = watched.get("/checkpoints")["items"]
    place = {"location": str(watched.service.settings.checkpoints), "checkpoints": 3}
    assert watched.get("/verify")["compared"] == [{**place, "size": newest["size"], "at": newest["at"], "fault": None}]


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"gossip\n", "cannot be read: line 1 of"), (b"", "holds 0 checkpoints, and 3 were"), (None, "is missing: 3")],
)
def test_a_copy_that_is_spoilt_emptied_or_gone_is_a_fault(watched: Watched, content: bytes | None, fault: str) -> None:
    copies_file = watched.service.settings.checkpoints
    before = copies_file.read_bytes()
    try:
        copies_file.unlink() if content is None else copies_file.write_bytes(content)
        verdict = watched.get("/verify")
    finally:
        copies_file.write_bytes(before)
    assert (verdict["fine"], verdict["fault"]) == (False, None)
    assert fault in verdict["compared"][0]["fault"]


def test_without_the_keys_it_is_told(watched: Watched, tmp_path: Path) -> None:
    service = replace(watched.service, settings=watched.service.settings.model_copy(update={"keys": tmp_path}))
    for read in (verify_in_worker, export_in_worker):
        with pytest.raises(KeyUnavailable) as refused:
            asyncio.run(read(service))
        problem = problem_of(refused.value, watched.log.clock.now())
        assert problem is not None
        assert problem.kind is CONFLICT
        assert "policy-service init" in problem.detail


def test_a_log_without_a_key_has_no_public_key(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.audit.service.signing_keys", lambda _: [])
    assert "no signing key" in watched.refused("/public-key", 409, "conflict")["detail"]


def test_a_database_that_is_gone_is_told(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/nothing.db"
    with pytest.raises(DatabaseUnavailable):
        write_export(url, tmp_path, watched.log.clock.now(), tmp_path / "export", ProgressFile(None))

    def gone(*_: object) -> NoReturn:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(auditing, "verify", gone)
    watched.refused("/verify", 503, "database-unavailable")

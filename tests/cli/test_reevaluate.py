"""`reevaluate`: everybody is decided again, who was not is in a file, and what makes no sense is refused."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import PendingDecision
from policy_service.decisions.master_keys import MasterKeys, open_or_create
from policy_service.decisions.reevaluation import REEVALUATION
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import DecisionService, open_decision_service
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.subject import Subject
from tests.cli.command import call
from tests.databases import fresh_url
from tests.decisions.desks import ZONE, tier
from tests.decisions.setting import MACHINE, put_in_force
from tests.identity.people import event_names

DAY = SystemClock().now().astimezone(ZONE).date()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """A database with decisions about two customers, one of them long ago."""
    clock, keys = SystemClock(), open_or_create(tmp_path / "keys")
    with fresh_url("sqlite") as url, closing(Database(url)) as database:
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path / "keys"))
        put_in_force(database, clock, tier())
        with closing(open_decision_service(database, clock, ZONE, FactCipher(keys), engine="python")) as service:
            today = clock.now().astimezone(ZONE).date()
            for subject, age in (("C1", 1), ("=C2", 40)):
                request = DecisionRequest(subject, {"amount": "150.00"}, as_of=today - timedelta(days=age))
                service.decide_in_thread(request, MACHINE)
        yield database


def test_everybody_is_decided_again(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "undecided.csv"
    ended = call(capsys, "reevaluate", "--policy", "tiering/one", "--output", file)
    assert (ended.status, ended.err) == (1, "")
    assert ended.out == "tiering/one: 1 decided again, 0 so before\nnot decided, too-old: 1\n"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["subject"], row["reason"], row["facts"]) for row in rows] == [("'=C2", "too-old", "amount phone")]
    again = call(capsys, "reevaluate", "--policy", "tiering/one", "--max-age", "40", "--json")
    counts = msgspec.json.decode(again.out)
    assert (again.status, counts["decided"], counts["current"], counts["undecided"]) == (0, 1, 1, {})
    assert event_names(database)[-2:] == ["reevaluation_started", "reevaluation_started"]


@pytest.mark.usefixtures("database")
def test_what_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for options, sentence in (
        (("--policy", "tiering/two"), "The policy tiering/two is not in force."),
        (("--policy", "tiering/one", "--as-of", "2199-01-01"), "--as-of 2199-01-01: a day to come"),
    ):
        ended = call(capsys, "reevaluate", *options)
        assert (ended.status, ended.err) == (2, f"policy-service: {sentence}\n")


@pytest.mark.slow
def test_one_that_is_killed_goes_on_where_it_was_and_decides_nobody_twice(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, cipher = SystemClock(), FactCipher(MasterKeys(tmp_path / "keys"))
    with closing(open_decision_service(database, clock, ZONE, cipher, engine="python")) as service:
        service.writer.submit_lines([_pending(service, f"K{number:04}") for number in range(1_000)]).result()
    command = [sys.executable, "-c", "from policy_service.cli import main; main()"]
    options = ["reevaluate", "--policy", "tiering/one", "--as-of", DAY.isoformat(), "--max-age", "3650"]
    with subprocess.Popen([*command, *options], env=os.environ) as process:
        while process.poll() is None and _made_again(database) < 100:
            time.sleep(0.005)
        process.kill()
    killed_at = _made_again(database)
    assert 100 <= killed_at < 1_000
    call(capsys, *options)
    assert _made_again(database) == 1_002


def _pending(service: DecisionService, subject: str) -> PendingDecision:
    question = Question(Subject(subject), {"amount": "150.00"}, DAY - timedelta(days=1))
    return PendingDecision(service.in_force.evaluate(question), MACHINE)


def _made_again(database: Database) -> int:
    """How many subjects were decided again; each of them once."""
    with database.read() as session:
        query = select(DecisionRow.subject).where(DecisionRow.actor == REEVALUATION.id)
        subjects = session.exec(query).all()
    assert len(set(subjects)) == len(subjects)
    return len(subjects)

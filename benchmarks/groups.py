"""How long group lists, sizes and movements take at a million decisions, and what writing them costs a decision.

The records are those of one tiering policy, over some quarters, for subjects that change their tier now and then; they
are written many at a time, and the lists made of them by `rebuild`. Then lists, sizes, and movements are asked for in
turn, in process. What writing costs is measured by turns: the same decisions with and without group lists.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import insert
from sqlmodel import Session

from policy_service.actor import SERVICE, Actor
from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.clock import SystemClock, timestamp, uuid7
from policy_service.database import Database, LaneName
from policy_service.decisions import group
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import GroupWriter, PendingDecision
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import MoveFilter, list_moves, movements
from policy_service.decisions.groups.queries import MemberFilter, group_sizes, list_members, subject_assignments
from policy_service.decisions.groups.service import rebuild, record_outcomes
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.language.load import load_folder, newest
from policy_service.language.policy import Policy
from policy_service.migrations import upgrade
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject

POLICY = "tiering/rfm_value"
TIERS = ("S", "A", "B", "C")
QUARTERS = tuple(date(2026, month, 1) for month in (1, 4, 7, 10))
MOVES_EVERY = 10
"""One subject in so many is in another tier a quarter later."""
ROWS_AT_ONCE = 10_000
ROUNDS = 40
GROUP_SIZE = 32
"""Decisions in a transaction, as with so many connections."""
FACTS = {"orders_12m": 3, "recency_days": 9, "industry": "it", "industry_mean_orders": "3"}
RECORDED = {**FACTS, "amount_12m": "800000.00"}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one question took, in milliseconds."""

    name: str
    p50: float
    p95: float
    slowest: float


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """All that was seen."""

    decisions: int
    subjects: int
    rebuild_seconds: float
    timings: tuple[Timing, ...]
    microseconds: Mapping[str, float]
    """Of processor time, a decision in a transaction of some: without group lists, with them; the median of the
    rounds, and the median of the differences within each."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What records decisions, as the service does."""

    database: Database
    in_force: InForce
    groups: GroupWriter


def measure_groups(decisions: int, rounds: int = ROUNDS) -> GroupFigures:
    """Build the database, make the lists, ask, and write."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database, clock = Database(f"sqlite:///{folder}/service.db"), SystemClock()
        stack.callback(database.close)
        upgrade(database)
        policy = next(each for each in newest(load_folder(shipped_policies())) if each.id == POLICY)
        put_policy_in_force(database, clock, policy)
        rng = random.Random(1)  # no secret
        in_force = InForce(database, clock, engine="python")
        stack.callback(in_force.close)
        facts = facts_by_tier(in_force, rng)
        answers = {tier: answer_of(in_force, facts[tier]) for tier in TIERS}
        subjects = write_records(database, policy, decisions, rng, answers)
        begin = time.perf_counter()
        rebuild(database, clock)
        seconds = time.perf_counter() - begin
        with database.read() as session:
            timings = tuple(
                _ask(name, partial_question, session, rounds)
                for name, partial_question in group_questions(rng, subjects)
            )
        writer = Writer(database, in_force, GroupWriter(in_force, FactCipher(open_or_create(folder))))
        return GroupFigures(decisions, subjects, seconds, timings, _write(writer, rng, subjects, rounds, facts))


def put_policy_in_force(database: Database, clock: SystemClock, policy: Policy) -> None:
    """Put a policy in force from now on."""
    with database.write(clock) as transaction:
        record_version(transaction, SERVICE, policy.text.encode(), change=None)
        row = read_version(transaction.session, policy.id, policy.version)
        activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.INITIAL)


def write_records(
    database: Database, policy: Policy, decisions: int, rng: random.Random, answers: Mapping[str, Mapping[str, object]]
) -> int:
    """Write the records, a quarter after the other; give the number of subjects."""
    subjects = decisions // len(QUARTERS)
    tiers = [TIERS[min(3, int(rng.expovariate(1)))] for _ in range(subjects)]
    tiers = [TIERS[3 - TIERS.index(each)] for each in tiers]  # few of the best
    rows: list[dict[str, object]] = []
    for seq in range(1, subjects * len(QUARTERS) + 1):
        quarter, number = divmod(seq - 1, subjects)
        if quarter and rng.randrange(MOVES_EVERY) == 0:
            tiers[number] = rng.choice(TIERS)
        rows.append(record_row(policy, seq, f"C{number:07}", QUARTERS[quarter], answers[tiers[number]]))
        if len(rows) == ROWS_AT_ONCE or seq == subjects * len(QUARTERS):
            with database.engine.begin() as connection:
                connection.execute(insert(DecisionRow), rows)
            rows.clear()
    return subjects


def record_row(  # noqa: PLR0913, PLR0917  # what a record says
    policy: Policy,
    seq: int,
    subject: str,
    day: date,
    answer: Mapping[str, object],
    facts: Mapping[str, object] = RECORDED,
) -> dict[str, object]:
    """The row of a decision record."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seq)
    id_ = str(uuid7(int(at.timestamp() * 1_000), seq))
    identity = {"version": policy.version, "digest": policy.digest}
    line = to_canonical_json_unchecked(
        {
            "decision_id": id_,
            "seq": seq,
            "subject": subject,
            "kind": "customer",
            "as_of": day.isoformat(),
            "decided_at": timestamp(at),
            "by": {"id": "k1", "name": "crm", "kind": "machine"},
            "facts": facts,
            "asked": [policy.id],
            "explain": False,
            "policies": {policy.id: identity},
            "outcomes": {policy.id: answer},
            "engine": {policy.id: "durable_rules"},
            "benchmark_set": None,
            "overrides": [],
        }
    )
    columns = {"seq": seq, "id": id_, "subject": subject, "kind": "customer", "as_of": day, "decided_at": at}
    return {**columns, "actor": "k1", "line": line, "digest": digest(line)}


def group_questions(rng: random.Random, subjects: int) -> Iterator[tuple[str, Callable[[Session], object]]]:
    """Name and ask each question about lists, sizes and movements."""
    best = [Group("decided", '{"tier":"S"}')]
    first, last = QUARTERS[0], QUARTERS[-1]
    cursor = ""

    def anybody() -> str:
        return f"C{rng.randrange(subjects):07}"

    def later_page(session: Session) -> object:
        nonlocal cursor
        page = list_members(session, MemberFilter(POLICY, groups=best), cursor=cursor or None)
        cursor = page.next_cursor or ""
        return page

    yield "sizes", lambda session: group_sizes(session, [POLICY])
    yield "sizes on a day", lambda session: group_sizes(session, [POLICY], QUARTERS[1])
    yield "all of a policy", lambda session: list_members(session, MemberFilter(POLICY))
    yield "of a group, page by page", later_page
    yield "of a group on a day", lambda session: list_members(session, MemberFilter(POLICY, QUARTERS[1], best))
    yield "of a rule", lambda session: list_members(session, MemberFilter(POLICY, rule="S"))
    yield "of a rule that decided nobody", lambda session: list_members(session, MemberFilter(POLICY, rule="none"))
    yield "one subject in a list", lambda session: list_members(session, MemberFilter(POLICY, subject=anybody()))
    yield "one subject", lambda session: subject_assignments(session, Subject(anybody()))
    yield "movements of a quarter", lambda session: movements(session, POLICY, QUARTERS[-2], last)
    yield "movements of three quarters", lambda session: movements(session, POLICY, first, last)
    yield "who moved", lambda session: list_moves(session, MoveFilter(POLICY, QUARTERS[-2], last, before=best))


def _ask(name: str, question: Callable[[Session], object], session: Session, rounds: int) -> Timing:
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        question(session)
        session.expunge_all()
        times.append(1_000 * (time.perf_counter() - begin))
    quantiles = statistics.quantiles(times[1:], n=20)  # the first is not counted
    return Timing(name, statistics.median(times[1:]), quantiles[-1], max(times[1:]))


def _write(
    writer: Writer, rng: random.Random, subjects: int, rounds: int, facts: Mapping[str, dict[str, object]]
) -> dict[str, float]:
    """Record the like decisions with and without group lists, by turns; one subject in ten is in another tier."""
    actor, clock = Actor("k1", "crm", "CRM", frozenset(), "machine"), SystemClock()
    database, in_force = writer.database, writer.in_force
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * rounds):
        day = date(2027, 1, 1) + timedelta(days=number)
        for with_lists in (True, False) if number % 2 else (False, True):
            chosen = [Subject(f"C{rng.randrange(subjects):07}") for _ in range(GROUP_SIZE)]
            items = []
            for subject, tier in zip(chosen, _tiers(database, chosen), strict=True):
                moved = rng.choice(TIERS) if rng.randrange(MOVES_EVERY) == 0 else tier
                question = Question(subject, facts[moved], day, (POLICY,))
                items.append(PendingDecision(in_force.evaluate(question), actor))
            record = record_outcomes if with_lists else lambda _session, decisions: list(decisions)
            begin = time.thread_time()
            with (
                mock.patch.object(group, "record_outcomes", record),
                database.write(clock, LaneName.DECISIONS) as transaction,
            ):
                writer.groups.write(transaction, items)
            taken[with_lists].append(1e6 * (time.thread_time() - begin) / GROUP_SIZE)
    difference = [one - other for one, other in zip(taken[True], taken[False], strict=True)]
    return {
        "without": statistics.median(taken[False]),
        "with": statistics.median(taken[True]),
        "difference by": statistics.median(difference),
    }


def facts_by_tier(in_force: InForce, rng: random.Random) -> dict[str, dict[str, object]]:
    """Facts that each tier is decided by."""
    found: dict[str, dict[str, object]] = {}
    while len(found) < len(TIERS):
        numbers = {"orders_12m": rng.randrange(10), "recency_days": rng.randrange(200)}
        facts = {**FACTS, **numbers, "amount_12m": str(rng.randrange(1_000_000)), "industry_mean_amount": "300000"}
        found.setdefault(answer_of(in_force, facts)["outcome"]["tier"], facts)
    return found


def answer_of(in_force: InForce, facts: dict[str, object]) -> Any:  # noqa: ANN401  # JSON
    """The entry of an answer."""
    decision = in_force.evaluate(Question(Subject("C0"), facts, QUARTERS[0], (POLICY,))).decision
    return decision.to_dict()[POLICY]


def _tiers(database: Database, subjects: Sequence[Subject]) -> list[str]:
    with database.read() as session:
        return [str(subject_assignments(session, each)[0].group.values["tier"]) for each in subjects]

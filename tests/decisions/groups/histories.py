"""Generated histories of decisions, recorded as the service does, and what a plain reader makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import insert
from sqlmodel import Session, func, select

from policy_service import Policy
from policy_service.actor import SERVICE, Actor
from policy_service.audit.events import SubjectErased
from policy_service.audit.log import append
from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.clock import timestamp
from policy_service.database import Database, LaneName, Transaction
from policy_service.decisions.groups.model import AssignmentReader, Group, PlacedDecision
from policy_service.decisions.groups.records import placed_decisions
from policy_service.decisions.groups.service import forget_subject, record_outcomes
from policy_service.decisions.merges import MergeRejected, merge_subjects
from policy_service.decisions.tables import DecisionRow
from policy_service.subject import Subject
from tests.databases import TestClock

FIRST_DAY = date(2026, 1, 1)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(8)]
SUBJECTS = ("C1", "C2", "C3")
ANSWERS: tuple[dict[str, Any], ...] = (
    {"status": "decided", "outcome": {"tier": "S"}, "rules": ["S"]},
    {"status": "decided", "outcome": {"tier": "A"}, "rules": ["A"]},
    {"status": "decided", "outcome": {"tier": "A"}, "rules": ["A2"]},
    {"status": "decided", "outcome": {"tier": "S"}, "rules": [], "overridden": {"override": "O1"}},
    {"status": "missing_facts", "missing": ["amount"]},
    {"status": "suspended", "suspension": "U1", "reason": "wrong"},
)


Step = int | tuple[int, int] | list[tuple[int, int, int]]
"""The erasure of a subject; a merge of one into another; or decisions that are recorded together: of a subject, for a
day, an answer."""
STEPS = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7), st.integers(0, 5)), min_size=1, max_size=4),
        st.lists(st.tuples(st.just(0), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=2),
        st.integers(0, 2),
        st.tuples(st.integers(0, 2), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=12,
)


@dataclass(frozen=True, slots=True)
class Decided:
    """One recorded answer."""

    subject: str
    day: date
    seq: int
    answer: dict[str, Any]

    @property
    def group(self) -> Group:
        outcome = self.answer.get("outcome")
        return Group(self.answer["status"], "" if outcome is None else f'{{"tier":"{outcome["tier"]}"}}')

    @property
    def why(self) -> tuple[str, str]:
        """The rule and the override."""
        rules: Sequence[str] = self.answer.get("rules", ())
        return rules[0] if rules else "", self.answer.get("overridden", {}).get("override", "")


@dataclass
class History:
    """What was decided about some subjects by one policy, and is still told."""

    policy: str
    decided: list[Decided] = field(default_factory=list)
    merged: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        """The subjects."""
        return [f"{self.policy.partition('/')[2]}-{each}" for each in SUBJECTS]

    def at(self, subject: str, day: date) -> Decided | None:
        """The decision that counts on a day: the greatest day, then number."""
        its = [each for each in self.decided if each.subject == subject and each.day <= day]
        return max(its, key=lambda each: (each.day, each.seq), default=None)

    def since(self, subject: str, day: date) -> date:
        """Since when the subject has been in the group of that day."""
        current = self.at(subject, day)
        assert current is not None
        since = current.day
        while (before := self.at(subject, since - timedelta(days=1))) is not None and before.group == current.group:
            since = before.day
        return since

    def last_tier(self, subject: str, day: date) -> tuple[str, date] | None:
        """The last tier that rules gave before a day, and since when: overrides and undecided days are passed over."""
        counted = {each.day: each for each in self.decided if each.subject == subject and each.day < day}
        ruled = [
            counted[each].answer["outcome"]["tier"] if counted[each].answer.get("rules") else None
            for each in sorted(counted, reverse=True)
        ]
        days = [each for each, tier in zip(sorted(counted, reverse=True), ruled, strict=True) if tier]
        tiers = [tier for tier in ruled if tier]
        same = list(takewhile(lambda pair: pair[1] == tiers[0], zip(days, tiers, strict=True)))
        return (tiers[0], same[-1][0]) if same else None


class Recorder:
    """Records decisions as the service does."""

    def __init__(self, database: Database, clock: TestClock, policy: Policy) -> None:
        self.database, self.clock, self.version = database, clock, policy
        self.reader = AssignmentReader()
        self.reader.add_version(policy)

    def record(self, history: History, answers: Iterable[tuple[str, date, dict[str, Any]]]) -> None:
        """Records a group of decisions in one transaction."""
        self.clock.move(seconds=1)
        with self.database.write(self.clock, LaneName.DECISIONS) as transaction:
            session, placed = transaction.session, list[PlacedDecision]()
            for subject, day, answer in answers:
                seq = _insert(transaction, Subject(subject), day, history.policy, answer | self._identity())
                if subject not in history.merged:
                    history.decided.append(Decided(subject, day, seq, answer))
                outcomes = {history.policy: answer | self._identity()}
                placed += placed_decisions(self.reader, Subject(subject), day, seq, outcomes)
            record_outcomes(session, placed)

    def erase(self, history: History, subject: str) -> None:
        """Erases a subject, as far as group lists are concerned."""
        self.clock.move(seconds=1)
        with self.database.write(self.clock) as transaction:
            forget_subject(transaction.session, Subject(subject))
            append(transaction, SERVICE, SubjectErased(subject, "customer", "asked for it"))
        history.decided = [each for each in history.decided if each.subject != subject]

    def merge(self, history: History, subject: str, into: str) -> None:
        """Merges two subjects, unless that is refused."""
        self.clock.move(seconds=1)
        with self.database.write(self.clock) as transaction:
            is_known = all(history.at(each, DAYS[-1]) for each in (subject, into))
            try:
                merge_subjects(transaction, SERVICE, Subject(subject), Subject(into), "one and the same")
            except MergeRejected:
                assert subject == into or not is_known
                return
            assert is_known
        history.merged.add(subject)
        history.decided = [each for each in history.decided if each.subject != subject]

    def play(self, steps: Sequence[Step], name: str) -> History:
        """Records the steps of a history, each group of decisions in one transaction."""
        history = History(f"tiering/{name}")
        for step in steps:
            if isinstance(step, int):
                self.erase(history, history.names[step])
            elif isinstance(step, tuple):
                self.merge(history, *(history.names[each] for each in step))
            else:
                self.record(
                    history, [(history.names[subject], DAYS[day], ANSWERS[answer]) for subject, day, answer in step]
                )
        return history

    def _identity(self) -> dict[str, str]:
        return {"version": self.version.version, "digest": self.version.digest}


def _insert(transaction: Transaction, subject: Subject, day: date, policy: str, answer: dict[str, Any]) -> int:
    session: Session = transaction.session
    seq = (session.exec(select(func.max(DecisionRow.seq))).one() or 0) + 1
    id_ = transaction.new_id()
    by = Actor("k1", "crm", "CRM", frozenset(), "machine")
    line = to_canonical_json_unchecked(
        {
            "decision_id": id_,
            "seq": seq,
            "subject": subject.id,
            "kind": subject.kind,
            "as_of": day.isoformat(),
            "decided_at": timestamp(transaction.now),
            "by": {"id": by.id, "name": by.name, "kind": by.kind},
            "facts": {},
            "asked": [policy],
            "explain": False,
            "policies": {policy: {"version": answer["version"], "digest": answer["digest"]}},
            "outcomes": {policy: answer},
            "engine": {policy: "python"},
            "benchmark_set": None,
            "overrides": [],
        }
    )
    row = {
        "seq": seq,
        "id": id_,
        "subject": subject.id,
        "kind": subject.kind,
        "as_of": day,
        "decided_at": transaction.now,
        "actor": by.id,
        "line": line,
        "digest": digest(line),
    }
    session.connection().execute(insert(DecisionRow), [row])
    return seq

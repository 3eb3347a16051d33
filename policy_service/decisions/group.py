"""One group of decisions in one transaction: looked at once more, numbered, sealed, written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import Table, insert
from sqlmodel import Session, func, select

from policy_service.actor import Actor
from policy_service.canonical import digest
from policy_service.database import Lane, LaneName, Transaction
from policy_service.decisions.answer import answer_of, encode
from policy_service.decisions.decision import Json
from policy_service.decisions.in_force import InForce, Made
from policy_service.decisions.macs import mac_of_record, writing_key
from policy_service.decisions.record import Reads, facts_read, masked_trace, record_line
from policy_service.decisions.secrecy import SubjectKey, seal_fact
from policy_service.decisions.subjects import Secrets
from policy_service.decisions.tables import DecisionRow
from policy_service.idempotency import IdempotencyRow, KeyReused, Name, recall_all
from policy_service.subject import Subject

OK = 200
"""The status under which an answer is kept; refusals are not kept."""
REMEMBERED = 256
"""Sets of versions of which it is remembered what they read."""
_DECISIONS = cast("Table", DecisionRow.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
_ANSWERS = cast("Table", IdempotencyRow.__table__)  # type: ignore[attr-defined]  # the same
_LAST = select(func.max(_DECISIONS.c.seq))


class Answer(NamedTuple):
    """The answer to a request, as it was recorded."""

    body: bytes
    outcomes: Json | None
    """What was decided; None when it had been answered before."""


@dataclass(eq=False, slots=True)
class Item:
    """A decision to be recorded, for whom, and under which idempotency key."""

    made: Made
    actor: Actor
    key: str | None = None
    fingerprint: str = ""

    @property
    def name(self) -> Name:
        """The key, as nobody else's."""
        return self.actor.id, self.key or ""


Result = Answer | Exception


class Stale(Exception):
    """Other versions or exceptions came into force before the group was written; `items` must be made again."""

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__("made by what is no longer in force")
        self.items = items


@dataclass(slots=True)
class _Draft:
    """What is kept of an item, before it has a number."""

    item: Item
    reads: Reads
    facts: Json

    @property
    def subject(self) -> Subject:
        return self.item.made.question.subject


class Groups:
    """Writes groups of decisions."""

    def __init__(self, in_force: InForce, secrets: Secrets) -> None:
        self._in_force = in_force
        self._secrets = secrets
        self._reads: dict[tuple[str, ...], Reads] = {}

    def write(self, transaction: Transaction, items: Sequence[Item]) -> list[Result]:
        """What each is told, once the transaction is kept. Raises Stale before anything is written.

        The transaction must be of the lane `decisions`. An item that cannot be written down gets the reason, and does
        not keep the others from being recorded.
        """
        session = transaction.session
        window = self._in_force.now_in_force(session, transaction.now)
        before = recall_all(session, {item.name for item in items if item.key})
        fresh = {item.name if item.key else item: item for item in reversed(items) if item.name not in before}
        if stale := [item for item in fresh.values() if not self._in_force.holds(item.made, window)]:
            raise Stale(stale)
        if window.start > transaction.now:
            never_before(session, window.start)
        results = self._write(transaction, list(reversed(fresh.values())), window.start)
        told: list[Result] = []
        for item in items:
            if item.key and item.name in before:
                fingerprint, stored = before[item.name]
                told.append(Answer(stored.body, None) if fingerprint == item.fingerprint else KeyReused())
            elif item in results:
                told.append(results[item])
            else:
                told.append(_again(item, fresh[item.name], results))
        return told

    def _write(self, transaction: Transaction, items: Sequence[Item], at: datetime) -> dict[Item, Result]:
        drafts = [self._draft(item) for item in items]
        connection = transaction.session.connection()
        secret = [draft.subject for draft in drafts if not draft.reads.sensitive.isdisjoint(draft.facts)]
        keys = self._secrets.keys_for(transaction, secret) if secret else {}
        seq, key = connection.execute(_LAST).scalar_one() or 0, writing_key(transaction.session)
        results: dict[Item, Result] = {}
        rows: list[Json] = []
        for draft in drafts:
            try:
                row, results[draft.item] = _written(draft, keys, transaction.new_id(), seq + 1, at)
            except (TypeError, ValueError) as error:
                results[draft.item] = error
            else:
                seq += 1
                rows.append(row | {"mac": mac_of_record(key, row["digest"])})
        answers = [
            _remembered(item, told, at) for item, told in results.items() if item.key and isinstance(told, Answer)
        ]
        for table, added in ((_DECISIONS, rows), (_ANSWERS, answers)):
            if added:
                connection.execute(insert(table), added)
        return results

    def _draft(self, item: Item) -> _Draft:
        evaluated = item.made.decision.evaluated
        versions = tuple(entry.policy.digest for entry in evaluated.values())
        reads = self._reads.get(versions)
        if reads is None:
            if len(self._reads) >= REMEMBERED:
                self._reads.clear()
            reads = self._reads[versions] = Reads.of([entry.policy for entry in evaluated.values()])
        return _Draft(item, reads, facts_read(item.made.question.facts, reads))


def never_before(session: Session, at: datetime) -> None:
    """Makes the lane `decisions`, which the session holds, remember an instant that was later than its own."""
    lane = session.get_one(Lane, LaneName.DECISIONS)
    lane.at = max(lane.at, at)


def _written(
    draft: _Draft, keys: Mapping[Subject, SubjectKey], decision_id: str, seq: int, at: datetime
) -> tuple[Json, Answer]:
    """The row and the answer of one decision."""
    question, decision, asked, *_ = draft.item.made
    facts, sensitive = draft.facts, draft.reads.sensitive
    for name in sensitive & facts.keys():
        facts[name] = seal_fact(keys[question.subject], decision_id, name, facts[name])
    outcomes = decision.to_dict()
    line = record_line(
        decision,
        draft.reads,
        decision_id=decision_id,
        seq=seq,
        subject=question.subject,
        decided_at=at,
        by=draft.item.actor,
        facts=facts,
        asked=asked,
        outcomes=outcomes,
    )
    if decision.trace is not None and sensitive:
        decision = decision._replace(trace=masked_trace(decision.trace, sensitive))
    row: Json = {
        "seq": seq,
        "id": decision_id,
        "subject": question.subject.id,
        "kind": question.subject.kind,
        "as_of": decision.as_of,
        "decided_at": at,
        "actor": draft.item.actor.id,
        "line": line,
        "digest": digest(line),
    }
    return row, Answer(encode(answer_of(decision, *question.subject, outcomes, decision_id, at)), outcomes)


def _remembered(item: Item, answer: Answer, at: datetime) -> Json:
    principal, key = item.name
    return {
        "principal": principal,
        "key": key,
        "fingerprint": item.fingerprint,
        "status": OK,
        "body": answer.body,
        "created_at": at,
    }


def _again(item: Item, first: Item, results: dict[Item, Result]) -> Result:
    """What an item is told whose key another of the group has."""
    if item.fingerprint != first.fingerprint:
        return KeyReused()
    told = results[first]
    return told._replace(outcomes=None) if isinstance(told, Answer) else told

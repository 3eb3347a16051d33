"""Writes a group of decisions in one transaction: checks them again, numbers, encrypts and stores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert
from sqlmodel import Session, func, select

from policy_service.actor import Actor
from policy_service.audit.log_key import LogKey
from policy_service.canonical import digest
from policy_service.database import Lane, LaneName, Transaction
from policy_service.database.declared import table_of
from policy_service.decisions.answer import answer_document, encode_answer
from policy_service.decisions.corrections import correction_rejected
from policy_service.decisions.decision import Json
from policy_service.decisions.encryption import SubjectKey, encrypt_fact
from policy_service.decisions.evaluation import Evaluation
from policy_service.decisions.groups.model import AssignmentReader, Place, PlacedDecision
from policy_service.decisions.groups.previous import Wanted, list_previous
from policy_service.decisions.groups.records import placed_decisions
from policy_service.decisions.groups.service import record_outcomes
from policy_service.decisions.in_force import InForce
from policy_service.decisions.macs import current_mac_key, mac_of_record
from policy_service.decisions.masking import masked_trace
from policy_service.decisions.record import FactsNeeded, encode_facts_read, record_line
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.idempotency import (
    IdempotencyKeyReused,
    IdempotencyRow,
    ScopedKey,
    StoredResponse,
    find_responses,
    mark_of,
)
from policy_service.subject import Subject

OK = 200
"""The status stored with an answer; refusals are not stored."""
MAX_CACHED_READS = 256
"""Capacity of the cache of facts read, by set of versions."""
_DECISIONS = table_of(DecisionRow)
_RECORD, _KEEP_ANSWER = insert(_DECISIONS), insert(table_of(IdempotencyRow))
_LAST = select(func.max(_DECISIONS.c.seq))


class RecordedAnswer(NamedTuple):
    """The recorded answer to a request."""

    body: bytes
    outcomes: Json | None
    """The outcomes decided; None if the request had been answered before."""


@dataclass(eq=False, slots=True)
class PendingDecision:
    """A decision to be recorded, with its actor and idempotency key."""

    evaluation: Evaluation
    actor: Actor
    key: str | None = None
    fingerprint: str = ""

    @property
    def name(self) -> ScopedKey:
        """The idempotency key, scoped to the actor."""
        return self.actor.id, self.key or ""


RecordResult = RecordedAnswer | Exception


class StaleDecisions(Exception):
    """The versions, overrides or previous outcomes used for `items` have changed: decide them again."""

    def __init__(self, items: Sequence[PendingDecision]) -> None:
        super().__init__("made by what is no longer in force")
        self.items = items


@dataclass(slots=True)
class _RecordDraft:
    """An item's record without its number."""

    item: PendingDecision
    reads: FactsNeeded
    facts: Json

    @property
    def subject(self) -> Subject:
        return self.item.evaluation.question.subject


class GroupWriter:
    """Writes groups of decisions."""

    def __init__(self, in_force: InForce, fact_cipher: FactCipher) -> None:
        self._in_force = in_force
        self._fact_cipher = fact_cipher
        self._reads_by_versions: dict[tuple[str, ...], FactsNeeded] = {}
        self._assignments = AssignmentReader()

    def write(self, transaction: Transaction, items: Sequence[PendingDecision]) -> list[RecordResult]:
        """Record a group; return the results, effective once committed.

        Raises StaleDecisions before anything is written.

        The transaction must hold the lane `decisions`. The result of an item that cannot be encoded is its error; the
        other items are recorded.
        """
        session = transaction.session
        window = self._in_force.window_in_force(session, transaction.now)
        stored_answers = find_responses(session, {item.name for item in items if item.key})
        new_items = {
            item.name if item.key else item: item for item in reversed(items) if item.name not in stored_answers
        }
        others = _with_other_previous(session, new_items.values())
        if stale_items := [
            item
            for item in new_items.values()
            if item in others or not self._in_force.is_current(item.evaluation, window)
        ]:
            raise StaleDecisions(stale_items)
        if window.start > transaction.now:
            advance_lane(session, window.start)
        results = self._write(transaction, list(reversed(new_items.values())), window.start)
        answers: list[RecordResult] = []
        for item in items:
            if item.key and item.name in stored_answers:
                stored = stored_answers[item.name]
                is_same = stored.is_to(item.fingerprint)
                answers.append(RecordedAnswer(stored.response.body, None) if is_same else IdempotencyKeyReused())
            elif item in results:
                answers.append(results[item])
            else:
                answers.append(_duplicate_result(item, new_items[item.name], results))
        return answers

    def _write(
        self, transaction: Transaction, items: Sequence[PendingDecision], at: datetime
    ) -> dict[PendingDecision, RecordResult]:
        drafts = [self._draft(item) for item in items]
        connection = transaction.session.connection()
        sensitive_subjects = [draft.subject for draft in drafts if not draft.reads.sensitive.isdisjoint(draft.facts)]
        keys = self._fact_cipher.keys_for(transaction, sensitive_subjects) if sensitive_subjects else {}
        seq, key = connection.execute(_LAST).scalar_one() or 0, current_mac_key(transaction.session)
        results: dict[PendingDecision, RecordResult] = {}
        rows: list[Json] = []
        placed: list[PlacedDecision] = []
        for draft in drafts:
            if (rejected := correction_rejected(transaction.session, draft.item.evaluation.question)) is not None:
                results[draft.item] = rejected
                continue
            try:
                row, answer = _make_row(draft, keys, transaction.new_id(), seq + 1, at)
            except (TypeError, ValueError) as error:
                results[draft.item] = error
            else:
                seq, results[draft.item] = seq + 1, answer
                rows.append(row | {"mac": mac_of_record(key, row["digest"])})
                placed += self._place(draft, seq, answer.outcomes or {})
        answers = [
            _idempotency_row(item, result, at, key)
            for item, result in results.items()
            if item.key and isinstance(result, RecordedAnswer)
        ]
        for statement, new_rows in ((_RECORD, rows), (_KEEP_ANSWER, answers)):
            if new_rows:
                connection.execute(statement, new_rows)
        record_outcomes(transaction.session, placed)
        return results

    def _place(self, draft: _RecordDraft, seq: int, outcomes: Json) -> Iterator[PlacedDecision]:
        """Yield the answers of a record in the form group lists need."""
        decision = draft.item.evaluation.decision
        for entry in decision.policies.values():
            self._assignments.add_version(entry.policy)
        return placed_decisions(self._assignments, draft.subject, decision.as_of, seq, outcomes)

    def _draft(self, item: PendingDecision) -> _RecordDraft:
        evaluated = item.evaluation.decision.evaluated
        versions = tuple(entry.policy.digest for entry in evaluated.values())
        reads = self._reads_by_versions.get(versions)
        if reads is None:
            if len(self._reads_by_versions) >= MAX_CACHED_READS:
                self._reads_by_versions.clear()
            reads = self._reads_by_versions[versions] = FactsNeeded.of([entry.policy for entry in evaluated.values()])
        return _RecordDraft(item, reads, encode_facts_read(item.evaluation.question.facts, reads))


def _with_other_previous(session: Session, items: Iterable[PendingDecision]) -> set[PendingDecision]:
    """Return the items decided with previous outcomes that differ from the subject's current ones."""
    reading = [item for item in items if item.evaluation.previous]
    if not reading:
        return set()
    now = list_previous(session, [wanted for item in reading for wanted in _wanted(item)])
    return {
        item
        for item in reading
        for (where, day) in _wanted(item)
        if now[where, day] != item.evaluation.previous[where.policy]
    }


def _wanted(item: PendingDecision) -> Iterator[Wanted]:
    question = item.evaluation.question
    for policy in item.evaluation.previous:
        yield Place(*question.subject, policy), question.as_of


def advance_lane(session: Session, at: datetime) -> None:
    """Advance the clock of the lane `decisions`, which the session holds, to a later instant."""
    lane = session.get_one(Lane, LaneName.DECISIONS)
    lane.at = max(lane.at, at)


def _make_row(
    draft: _RecordDraft, keys: Mapping[Subject, SubjectKey], decision_id: str, seq: int, at: datetime
) -> tuple[Json, RecordedAnswer]:
    """Return the row and the answer of one decision."""
    question, decision, requested, *_ = draft.item.evaluation
    facts, sensitive = draft.facts, draft.reads.sensitive
    for name in sensitive & facts.keys():
        facts[name] = encrypt_fact(keys[question.subject], decision_id, name, facts[name])
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
        requested=requested,
        outcomes=outcomes,
        corrects=question.corrects,
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
    return row, RecordedAnswer(
        encode_answer(answer_document(decision, *question.subject, outcomes, decision_id, at)), outcomes
    )


def _idempotency_row(item: PendingDecision, answer: RecordedAnswer, at: datetime, log_key: LogKey | None) -> Json:
    principal, key = item.name
    return {
        "principal": principal,
        "key": key,
        "fingerprint": mark_of(log_key, item.name, item.fingerprint, StoredResponse(OK, answer.body)),
        "status": OK,
        "body": answer.body,
        "created_at": at,
    }


def _duplicate_result(
    item: PendingDecision, first: PendingDecision, results: dict[PendingDecision, RecordResult]
) -> RecordResult:
    """Return the result of an item whose key another item of the group uses."""
    if item.fingerprint != first.fingerprint:
        return IdempotencyKeyReused()
    result = results[first]
    return result._replace(outcomes=None) if isinstance(result, RecordedAnswer) else result

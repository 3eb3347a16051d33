"""One decision: what came out, by which rule of which version, signed by whom; its replay and its proof."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from sqlmodel import Session

from api.pages.decisions.facts import FactSaid, fact_words
from api.pages.decisions.proving import Sealing, sealing_of
from api.pages.decisions.replayed import Replayed, replayed
from api.pages.decisions.trace import RuleSeen, rules_seen
from api.pages.decisions.versions import sound_versions, versions_of
from api.pages.decisions.words import Answer, answers
from api.pages.frame import Frame
from api.pages.in_force.standing import Standing, standings
from api.permissions import PERMISSIONS, may_ask
from api.problems import CONFLICT, NOT_FOUND, ProblemError
from api.service import Service
from policy_service.actor import Actor
from policy_service.decisions.record import Record
from policy_service.decisions.records import read_decision
from policy_service.decisions.replay import review
from policy_service.decisions.secrecy import Broken, is_sealed
from policy_service.decisions.subjects import ERASED
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.sentences import Sentence
from policy_service.subject import Subject

ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Told:
    """One policy's answer, what put its version in force, and what became of each of its rules."""

    answer: Answer
    is_asked: bool
    """Whether it was asked for; else another policy took its outcome."""
    standing: Standing | None
    """None when the registry does not say what put the version in force at the instant of the decision."""
    rules: tuple[RuleSeen, ...]


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """Everything that is known of a decision."""

    template: ClassVar[str] = "decisions/one.html"
    frame: Frame
    decision: str
    subject: Subject
    as_of: date
    decided_at: datetime
    by: str
    by_machine: bool
    told: tuple[Told, ...]
    facts: tuple[FactSaid, ...]
    is_erased: bool
    """Whether a sensitive fact cannot be read any more by anybody."""
    replayed: Replayed
    sealing: Sealing
    reads_changes: bool
    """Whether the reader may open changes and suspensions."""
    reads_log: bool
    """Whether the reader may open entries of the log."""
    benchmark_set: str | None
    engine: tuple[tuple[str, str], ...]


def decision_id(text: str) -> str:
    """The identifier of a decision in an address. Raises ProblemError when it is none."""
    if not ID.fullmatch(text):
        raise ProblemError(NOT_FOUND, Sentence("There is no such decision."))
    return text


def decision_page(service: Service, session: Session, frame: Frame, decision: str) -> DecisionPage:
    """The page of a decision. Raises UnknownDecision, ProblemError."""
    record = _read(session, decision)
    versions = versions_of(session, [record], service.catalogue)[decision]
    found = review(session, service.secrets, decision, load=sound_versions(service.catalogue))
    erased = _erased(service, session, record)
    standing = _standings(session, record)
    said = answers(record, versions, frame.lang)
    trace = found.trace or {}
    actor = frame.actor
    return DecisionPage(
        frame=frame,
        decision=decision,
        subject=record.subject,
        as_of=record.as_of,
        decided_at=record.decided_at,
        by=record.by["name"],
        by_machine=record.by["kind"] == "machine",
        told=tuple(
            Told(
                answer,
                answer.policy in record.asked,
                standing.get(answer.policy),
                rules_seen(answer, versions, trace, frame.lang),
            )
            for answer in said
        ),
        facts=fact_words(record, versions, erased, frame.lang),
        is_erased=bool(erased),
        replayed=replayed(found.verdict, versions, frame.lang),
        sealing=sealing_of(session, record, service.settings.keys),
        reads_changes=may_read(actor, "/changes/{change}"),
        reads_log=may_read(actor, "/audit/entries/{seq}"),
        benchmark_set=record.benchmark_set,
        engine=tuple(record.engine.items()),
    )


def may_read(actor: Actor | None, path: str) -> bool:
    """Whether somebody may open the pages at an address of the table of permissions."""
    return actor is not None and may_ask(actor, PERMISSIONS["GET", path]) is True


def _read(session: Session, decision: str) -> Record:
    """The record. Raises UnknownDecision, ProblemError when what was kept is no record any more."""
    try:
        return read_decision(session, decision)
    except (ValueError, KeyError, TypeError, AttributeError):
        told = Sentence("The record of this decision was altered: what is kept is no record.")
        raise ProblemError(CONFLICT, told) from None


def _erased(service: Service, session: Session, record: Record) -> Collection[str]:
    """The facts that cannot be read any more, since the key of the subject was deleted."""
    if not any(map(is_sealed, record.facts.values())):
        return ()
    try:
        opened = service.secrets.show_facts(session, record.subject, record.decision_id, record.facts)
    except Broken:
        return ()  # the replay says what is wrong
    return [name for name, value in opened.items() if value == ERASED]


def _standings(session: Session, record: Record) -> dict[str, Standing]:
    """What put the versions in force that answered, by policy, as it was known when the decision was made."""
    at = record.decided_at
    active = {policy: active_at(activations(session, policy), policy, at, at) for policy in record.outcomes}
    found = {
        policy: each
        for policy, each in active.items()
        if each is not None and each.digest == record.policies[policy].digest
    }
    told = standings(session, found.values())
    return {policy: told[each.id] for policy, each in found.items()}

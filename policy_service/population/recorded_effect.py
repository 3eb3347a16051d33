"""Computes the effect of a change over the service's own decision records, by a simulation per kind of subject.

If a change names a registered population, its subjects are simulated instead, by the facts of that file.

The candidates are compared, on the first day of the change, with the versions in force then without it, by the facts of
each subject's latest decision. The bundle contains the number of the last record, so the same figures can be computed
again at any later time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from policy_service.approval.effect import Effect, EffectQuestion
from policy_service.approval.errors import ValidationFailed
from policy_service.database import Database
from policy_service.decisions.macs import last_decision_seq
from policy_service.decisions.reevaluation import MAX_AGE
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.messages import Message
from policy_service.population.effect_document import NOBODY, effect_of, unknown_part
from policy_service.population.registered.errors import UnknownPopulation
from policy_service.population.registered.model import RegisteredPopulation
from policy_service.population.registered.queries import read_population

MAX_RECORDS_AT_ONCE = 20_000
"""Maximum number of decision records for a simulation within the request."""
GOVERNANCE = "change"
"""The kind of subject of governance policies, which has no records."""


def takes_long(session: Session, population: str | None = None) -> bool:
    """Return True if an effect over this many records, or a registered population, is too slow for a request."""
    if population is not None:
        with suppress(UnknownPopulation):
            return read_population(session, population).subjects > MAX_RECORDS_AT_ONCE
    return last_decision_seq(session) > MAX_RECORDS_AT_ONCE


@dataclass(frozen=True)
class RecordedEffects:
    """Computes effects over the decision records of a database."""

    database: Database
    cipher: Callable[[], FactCipher]
    """Returns the cipher of facts; called only if there are records."""
    zone: ZoneInfo
    progress: Callable[[str, int, int | None], None] = lambda *_: None
    """Progress callback: the number of subjects decided."""
    until: int | None = None
    """The number of the last record, to reproduce an effect; None for the newest."""

    def __call__(self, question: EffectQuestion) -> Effect:
        """Return the effect of a change.

        Raises OperationRejected, ValidationFailed if a named population does not fit, DamagedRecord, KeyFileError,
        OSError.
        """
        day = question.start.astimezone(self.zone).date()
        kinds = dict.fromkeys(policy.subject for policy in question.candidates if policy.subject != GOVERNANCE)
        with self.database.read() as session:
            population = _population(session, question, set(kinds), day)
            last = last_decision_seq(session) if self.until is None else self.until
            recorded = set(session.exec(select(DecisionRow.kind).distinct()).all()) if last else set()
        parts, movers = [], []
        for kind in kinds:
            is_named = population is not None and population.kind == kind
            if kind not in recorded and not is_named:
                parts.append(unknown_part(kind, [NOBODY]))
                continue
            own_question = question if is_named else replace(question, simulated_over=None)
            # DuckDB and the compiler of columns take a second to load
            from policy_service.population.change_simulation import simulate_change  # noqa: PLC0415

            part, file = simulate_change(own_question, kind, day, self.database, self.cipher(), last, self.progress)
            parts.append(part)
            movers.append(file)
        registered = None if population is None else _bundled(population)
        return effect_of(parts, b"".join(movers), day=day, records=last, ends=question.ends, registered=registered)


def _population(session: Session, question: EffectQuestion, kinds: set[str], day: date) -> RegisteredPopulation | None:
    """Return the population named by a change, after checking its kind and day."""
    if question.simulated_over is None:
        return None
    try:
        found = read_population(session, question.simulated_over)
    except UnknownPopulation as error:
        raise ValidationFailed([error.args[0]]) from error
    named, problems = {"name": found.name, "day": found.as_of.isoformat()}, list[Message]()
    if found.kind not in kinds:
        problems.append(
            Message(
                "The population {name} is about subjects of the kind {kind}, and no policy of the change is.",
                name=found.name,
                kind=found.kind,
            )
        )
    if found.as_of > day:
        problems.append(
            Message("The population {name} has the facts of {day}, after the first day of the change.", **named)
        )
    if question.asked_at is not None and (age := (question.asked_at.date() - found.as_of).days) > MAX_AGE:
        problems.append(
            Message(
                "The population {name} has the facts of {day}, which are {age} days old, and not {limit} at most.",
                **named,
                age=age,
                limit=MAX_AGE,
            )
        )
    if problems:
        raise ValidationFailed(problems)
    return found


def _bundled(population: RegisteredPopulation) -> dict[str, str]:
    named = {"id": population.id, "name": population.name, "kind": population.kind}
    return {**named, "as_of": population.as_of.isoformat(), "digest": population.digest, "content": population.content}

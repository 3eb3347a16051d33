"""How the engine is: what it was seen to do since the service began, in figures; and what has to be looked after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from api.alarms import Raised
from api.service import Service
from policy_service.decisions.served import Health
from policy_service.sentences import Sentence

BEHIND = 5_000
"""Records that are in no block, from which on something is wrong: they are sealed every few seconds."""


@dataclass(frozen=True, slots=True)
class HealthShown:
    """The engine's health, and that of what is written down."""

    seen: Health
    since: datetime
    compares: bool
    """Whether answers are compared with a second evaluator."""
    database: str
    unsealed: int
    unsigned: int
    concerns: tuple[Sentence, ...]
    """What somebody has to look after; nothing when all is well."""
    edited: tuple[str, ...]
    alarms: tuple[Raised, ...]
    alarm_count: int

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be looked after."""
        return not self.concerns


def health_of(service: Service, unsealed: int, unsigned: int) -> HealthShown:
    """The health now; the two figures were read from the database."""
    return HealthShown(
        seen=service.decider.health,
        since=service.alarms.since,
        compares=service.settings.shadow_every > 0,
        database="SQLite" if service.database.file else "PostgreSQL",
        unsealed=unsealed,
        unsigned=unsigned,
        concerns=tuple(_concerns(service, unsealed)),
        edited=service.edited,
        alarms=service.alarms.newest[:5],
        alarm_count=service.alarms.count,
    )


def _concerns(service: Service, unsealed: int) -> Iterator[Sentence]:
    seen = service.decider.health
    if seen.differences:
        yield Sentence("The engine and the second evaluator differed: the second one's answer was given each time.")
    if seen.fallbacks:
        yield Sentence("The engine failed: a second evaluator answered in its place.")
    if not service.decider.policies:
        yield Sentence("No policy is in force, so nothing can be decided.")
    if service.decisions.in_force.trouble is not None:
        yield Sentence("What comes into force cannot be kept up with; the service's log says why.")
    comparison = service.sealer.comparison
    if comparison.difference is not None:
        yield Sentence(
            "Nothing is sealed, because the log is not what was signed: {difference}", difference=comparison.difference
        )
    yield from comparison.troubles.values()
    if unsealed > BEHIND or any(alarm.kind == "sealing" for alarm in service.alarms.newest):
        yield Sentence("Decision records are not sealed as they should be; the service's log says why.")
    if service.edited:
        yield Sentence("Policy files were edited after they were submitted. What decides is what was signed.")

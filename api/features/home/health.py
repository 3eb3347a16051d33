"""The health of the engine: figures since the service began, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from api.service import Service
from policy_service.agenda import Agenda
from policy_service.decisions.alarms import AlarmRecord
from policy_service.decisions.served_policy import Health
from policy_service.messages import Message

MAX_UNSEALED = 5_000
"""Records that are in no block, from which on something is wrong: they are sealed every few seconds."""


@dataclass(frozen=True, slots=True)
class HealthView:
    """The engine's health, and that of what is written down."""

    counters: Health
    since: datetime
    compares_answers: bool
    """Whether answers are compared with a second evaluator."""
    database: str
    unsealed: int
    unsigned: int
    concerns: tuple[str, ...]
    """What a person has to look after; nothing when all is well."""
    alarms: tuple[AlarmRecord, ...]
    alarm_count: int

    @property
    def is_well(self) -> bool:
        """True if nothing has to be looked after."""
        return not self.concerns


def read_health(service: Service, agenda: Agenda, last_write: datetime | None) -> HealthView:
    """The health now; `last_write` is when the database was last written to."""
    return HealthView(
        counters=service.decider.health,
        since=service.alarms.started_at,
        compares_answers=service.settings.shadow_every > 0,
        database="SQLite" if service.database.file else "PostgreSQL",
        unsealed=agenda.unsealed,
        unsigned=agenda.unsigned,
        concerns=(*_engine_concerns(service, agenda.unsealed), *service.condition(last_write).concerns),
        alarms=service.alarms.newest[:5],
        alarm_count=service.alarms.count,
    )


def _engine_concerns(service: Service, unsealed: int) -> Iterator[Message]:
    counters = service.decider.health
    if counters.differences:
        yield Message("The engine and the standby engine differed: the standby engine's answer was given each time.")
    if counters.fallbacks:
        yield Message("The engine failed: the standby engine answered instead.")
    if not service.decider.policies:
        yield Message("No policy is in force, so nothing can be decided.")
    if unsealed > MAX_UNSEALED or any(alarm.kind == "sealing" for alarm in service.alarms.newest):
        yield Message("Decision records are not being sealed. See the service log.")

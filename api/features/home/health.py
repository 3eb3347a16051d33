"""The health of the engine: figures since the service began, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from api.observability.alarms import AlarmRecord
from api.service import Service
from policy_service.audit.guard import unused_rows
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
    concerns: tuple[Message, ...]
    """What a person has to look after; nothing when all is well."""
    edited_files: tuple[str, ...]
    alarms: tuple[AlarmRecord, ...]
    alarm_count: int

    @property
    def is_well(self) -> bool:
        """True if nothing has to be looked after."""
        return not self.concerns


def read_health(service: Service, unsealed: int, unsigned: int) -> HealthView:
    """The health now; the two figures were read from the database."""
    return HealthView(
        counters=service.decider.health,
        since=service.alarms.started_at,
        compares_answers=service.settings.shadow_every > 0,
        database="SQLite" if service.database.file else "PostgreSQL",
        unsealed=unsealed,
        unsigned=unsigned,
        concerns=tuple(_concerns(service, unsealed)),
        edited_files=service.edited_files,
        alarms=service.alarms.newest[:5],
        alarm_count=service.alarms.count,
    )


def _concerns(service: Service, unsealed: int) -> Iterator[Message]:
    counters = service.decider.health
    if counters.differences:
        yield Message("The engine and the standby engine differed: the standby engine's answer was given each time.")
    if counters.fallbacks:
        yield Message("The engine failed: the standby engine answered instead.")
    if not service.decider.policies:
        yield Message("No policy is in force, so nothing can be decided.")
    if service.decisions.in_force.last_error is not None:
        yield Message("New versions in force cannot be loaded. See the service log.")
    comparison = service.sealer.comparison
    if comparison.difference is not None:
        yield Message(
            "Nothing is sealed, because the log is not what was signed: {difference}", difference=comparison.difference
        )
    yield from comparison.copy_errors.values()
    if unused_rows(service.database):
        yield Message("Rows of the database do not match the log. The audit log names them.")
    if unsealed > MAX_UNSEALED or any(alarm.kind == "sealing" for alarm in service.alarms.newest):
        yield Message("Decision records are not being sealed. See the service log.")
    if service.edited_files:
        yield Message("Policy files were edited after submission. Decisions still use the signed versions.")

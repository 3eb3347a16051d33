"""Every table of the service, declared by importing this module."""

from sqlmodel import SQLModel

from policy_service import idempotency
from policy_service.approval import tables as approval
from policy_service.audit import tables as audit
from policy_service.database import CheckedColumn, Instant, Lane
from policy_service.decisions import state_tables as decisions_state
from policy_service.decisions import tables as decisions
from policy_service.decisions.answer_counts import tables as answer_counts
from policy_service.decisions.groups import tables as groups
from policy_service.identity import tables as identity
from policy_service.jobs import tables as jobs
from policy_service.population.registered import tables as populations
from policy_service.registry import tables as registry

__all__ = [
    "Lane",
    "answer_counts",
    "approval",
    "audit",
    "decisions",
    "decisions_state",
    "groups",
    "idempotency",
    "identity",
    "jobs",
    "populations",
    "registry",
]

for _table in SQLModel.metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, Instant | CheckedColumn):
            _column.type.column_name = f"{_table.name}.{_column.name}"

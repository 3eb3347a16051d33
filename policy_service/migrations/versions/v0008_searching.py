"""The titles that drafts had, to be searched, and indexes for the lists of the pages.

For a while the steps before this one made all of this themselves, under the same numbers. A database from that time
has it already, so each thing is made only where it is missing.
"""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from alembic import op
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    inspect,
    select,
)
from sqlalchemy import column as named
from sqlalchemy import table as rows_of

from policy_service.append_only import create_triggers

revision = "0008"
down_revision = "0007"

_AT_ONCE = 1_000
"""Rows read and written at a time."""


def upgrade() -> None:
    """Makes the table with the titles on record, and the indexes."""
    if "change_titled" not in inspect(op.get_bind()).get_table_names():
        _change_titled()
        _fill()
    _indexes()


def _change_titled() -> None:
    op.create_table(
        "change_titled",
        Column("change", String(36), nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("words", Text(), nullable=False),
        ForeignKeyConstraint(["change"], ["change.id"]),
        PrimaryKeyConstraint("change", "number"),
    )
    create_triggers(op.get_bind(), "change_titled", ["change", "number"])


def _fill() -> None:
    titled = rows_of("change_titled", named("change"), named("number"), named("words"))
    for titles in _titles():
        op.get_bind().execute(titled.insert(), titles)


def _titles() -> Iterator[list[dict[str, Any]]]:
    """The title of every draft on record, as rows; those who began or edited a change wrote a draft."""
    action = rows_of("change_action", named("change"), named("number"), named("action"), named("body", LargeBinary()))
    query = select(action.c.change, action.c.number, action.c.body)
    drafts = query.where(action.c.action.in_(["create", "edit"]), action.c.body.is_not(None))
    found = op.get_bind().execute(drafts, execution_options={"yield_per": _AT_ONCE})
    for rows in found.partitions():
        yield [
            {"change": row.change, "number": row.number, "words": _folded(json.loads(row.body)["title"])}
            for row in rows
        ]


def _folded(title: str) -> str:
    """A title as the service folded titles when this step was written.

    It is a copy: a step gives the same rows for ever, and one that later folds otherwise comes with a step of its own.
    """
    return unicodedata.normalize("NFKC", title).casefold()


def _indexes() -> None:
    _index("activation", op.f("ix_activation_effective_from"), ["effective_from"])
    _index("audit_entry", "audit_entry_actor_event", ["actor", "event", "seq"])
    _index("audit_entry", "audit_entry_at", ["at", "seq"])
    _index("change_action", "change_action_action", ["action", "change"])
    _index("change_action", "change_action_at", ["at", "change", "number"])
    _index("override", "override_policy", ["policy", "seq"])
    op.drop_index(op.f("ix_audit_entry_at"), "audit_entry", if_exists=True)  # `audit_entry_at` finds what it found


def _index(table: str, name: str, columns: list[str]) -> None:
    op.create_index(name, table, columns, unique=False, if_not_exists=True)

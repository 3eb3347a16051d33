"""A row that no version of the service writes, reported by its table and its key.

    with reading_row("change_action", row.change, row.number):
        action = Action(row.action)

Whoever reads what is on record says which row it reads; what goes wrong inside is then told as damage to that row, not
as a fault of the service's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

READ_ERRORS = (ValueError, LookupError, TypeError, AttributeError, msgspec.MsgspecError, RecursionError)
"""What reading a value raises that is none."""


class DamagedRecord(PolicyServiceError):
    """A row on record cannot be read; the message says which, by table and key."""

    kind = "damaged-record"

    def __init__(self, table: str, key: str) -> None:
        self.table, self.key = table, key
        super().__init__(
            Message(
                "The row {key} of the table `{table}` cannot be read: it is damaged, or was altered. "
                "`policy-service audit verify` says what else is.",
                key=key,
                table=table,
            )
        )

    def __reduce__(self) -> tuple[object, ...]:
        return DamagedRecord, (self.table, self.key)


class TamperedRecord(DamagedRecord):
    """A row was added, altered or removed without an entry of the log; `fault` says which and how."""

    def __init__(self, table: str, key: str, fault: str | None = None) -> None:
        super().__init__(table, key)
        self.fault = fault or Message("the row {key} of `{table}` does not match the log", key=key, table=table)
        message = Message(
            "Nothing was changed: {fault}. `policy-service audit verify` lists all other damage.",
            fault=self.fault,
        )
        self.args = (message,)

    def __reduce__(self) -> tuple[object, ...]:
        return TamperedRecord, (self.table, self.key, self.fault)


@contextmanager
def reading_row(table: str, *key: object) -> Iterator[None]:
    """Read a row inside. Raises DamagedRecord for what cannot be read."""
    try:
        yield
    except READ_ERRORS as error:
        raise DamagedRecord(table, " ".join(map(str, key))) from error

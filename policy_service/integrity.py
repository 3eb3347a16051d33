"""Damaged rows, which no version of the service writes, reported by table and key.

    with reading_row("change_action", row.change, row.number):
        action = Action(row.action)

Code that reads a record names its row, so that an error inside is reported as damage to the row, not as a bug of the
service.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors of msgspec for bytes that are no JSON: text that is not UTF-8 and too many levels have their own."""
READ_ERRORS = (ValueError, LookupError, TypeError, AttributeError, msgspec.MsgspecError, RecursionError)
"""Exceptions raised by reading an invalid value."""


class DamagedRecord(PolicyServiceError):
    """A stored row cannot be read; the message names its table and key."""

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


@contextmanager
def reading_row(table: str, *key: object) -> Iterator[None]:
    """Read a row inside. Raises DamagedRecord if it cannot be read."""
    try:
        yield
    except READ_ERRORS as error:
        raise DamagedRecord(table, " ".join(map(str, key))) from error

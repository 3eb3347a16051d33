"""The chain: an entry is one line of canonical JSON that holds the digest of the line before it.

    line 1  {"seq":1, …, "previous":"sha256:000…"}
    line 2  {"seq":2, …, "previous":digest(line 1)}

The digest of the last line therefore covers all lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from policy_service.actor import Actor
from policy_service.canonical import to_canonical_json
from policy_service.clock import timestamp

GENESIS = f"sha256:{'0' * 64}"
"""The `previous` of the first entry."""


class EntryActor(msgspec.Struct, forbid_unknown_fields=True):
    """The actor of an entry."""

    id: str
    kind: str
    name: str


class Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A parsed entry; in the line, `rows` and `rows_state` precede the number."""

    about: list[str]
    at: str
    body: dict[str, Any]
    by: EntryActor
    event: str
    previous: str
    seq: int
    rows: list[tuple[str, str, str | None]] = []
    """The covered rows written: table, key and digest; a deleted row has no digest."""
    rows_state: str | None = None
    """The digest of the state of all covered tables; None for entries from before tables were covered."""


class InvalidEntry(ValueError):
    """The line is not the canonical JSON of an entry."""


_DECODER = msgspec.json.Decoder(Entry)
_ENCODER = msgspec.json.Encoder(order="sorted")


def entry_line(  # noqa: PLR0913, PLR0917  # the members of an entry
    seq: int,
    at: datetime,
    actor: Actor,
    event: str,
    about: tuple[str, ...],
    body: Mapping[str, Any],
    previous: str,
    rows: Sequence[tuple[str, str, str | None]] = (),
    rows_state: str | None = None,
) -> bytes:
    """Return the canonical bytes of an entry, as stored, exported and digested. Raises NotCanonicalError."""
    return to_canonical_json(
        ({"rows": rows} if rows else {})
        | ({"rows_state": rows_state} if rows_state is not None else {})
        | {
            "seq": seq,
            "at": timestamp(at),
            "by": {"id": actor.id, "name": actor.name, "kind": actor.kind},
            "event": event,
            "about": about,
            "body": body,
            "previous": previous,
        }
    )


def encode_entry(entry: Entry) -> bytes:
    """Return the canonical bytes of a parsed entry."""
    return _ENCODER.encode(entry)


def read_entry(line: bytes) -> Entry:
    """Parse the line of an entry. Raises InvalidEntry unless it is canonical to the byte."""
    try:
        entry = _DECODER.decode(line)
        if _ENCODER.encode(entry) == line:
            return entry
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    raise InvalidEntry("this is not the canonical JSON of an entry")

"""The chain: an entry is one line of canonical JSON that holds the digest of the line before it.

    line 1  {"seq":1, …, "previous":"sha256:000…"}
    line 2  {"seq":2, …, "previous":digest(line 1)}

Whoever knows the digest of the last line knows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from policy_service.actor import Actor
from policy_service.canonical import canonical
from policy_service.clock import timestamp

GENESIS = f"sha256:{'0' * 64}"
"""What the first entry has for the digest of the entry before it."""


def entry_line(  # noqa: PLR0913  # the seven members of an entry
    seq: int, at: datetime, actor: Actor, event: str, about: tuple[str, ...], body: Mapping[str, Any], previous: str
) -> bytes:
    """One entry as the canonical bytes that are kept, exported and digested. Raises NotCanonicalError."""
    return canonical(
        {
            "seq": seq,
            "at": timestamp(at),
            "by": {"id": actor.id, "name": actor.name, "kind": actor.kind},
            "event": event,
            "about": about,
            "body": body,
            "previous": previous,
        }
    )

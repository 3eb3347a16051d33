"""The base class of events: a name, messages, fields for the body of an entry, and the objects concerned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from policy_service.language.policy import Bilingual

OBJECT_FIELDS = (
    "policy",
    "change",
    "activation",
    "suspension",
    "override",
    "population",
    "subject",
    "block",
    "account",
    "api_key",
    "signing_key",
)
"""The fields that name the objects of an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event: an action of a person or a program, or of the service."""

    name: ClassVar[str]
    summary: ClassVar[Bilingual]

    def body(self) -> dict[str, Any]:
        """Return the fields as values for canonical JSON."""
        return asdict(self)

    def about(self) -> tuple[str, ...]:
        """Return the objects of the event, e.g. `change:0197…`."""
        body = self.body()
        return tuple(f"{field}:{body[field]}" for field in OBJECT_FIELDS if body.get(field))

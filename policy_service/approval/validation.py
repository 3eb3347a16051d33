"""Validation of what people write: bounded text without hidden characters, with all its errors at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from policy_service.approval.errors import ValidationFailed
from policy_service.characters import text_error
from policy_service.messages import Message
from policy_service.registry.model import Period

MAX_TITLE = 200
"""Characters of a title."""
MAX_REASON = 4_000
"""Characters of a reason or a comment."""
FIELD_NAMES = {"title": Message("title"), "reason": Message("reason"), "comment": Message("comment")}
"""What can be written."""
LATEST = datetime(2199, 12, 31, tzinfo=UTC)
"""No period begins or ends later."""


def validate_reason(reason: str, name: str = "reason") -> str:
    """Return a reason that was given, without the blanks around it. Raises ValidationFailed."""
    return validate_texts({name: (reason, MAX_REASON)})[name]


def validate_texts(texts: Mapping[str, tuple[str, int]], other_errors: tuple[str, ...] = ()) -> dict[str, str]:
    """Texts by name, each with its limit, without the blanks around them.

    Raises ValidationFailed with all faults, and `other_errors`.
    """
    errors = [error for name, (text, limit) in texts.items() for error in _text_errors(FIELD_NAMES[name], text, limit)]
    if errors or other_errors:
        raise ValidationFailed((*errors, *other_errors))
    return {name: text.strip() for name, (text, _) in texts.items()}


def _text_errors(name: str, text: str, limit: int) -> list[str]:
    errors: list[str] = []
    if not text.strip():
        errors.append(Message("The {name} must be given.", name=name))
    if len(text) > limit:
        errors.append(
            Message(
                "The {name} has {length:,} characters; at most {limit:,} are kept.",
                name=name,
                length=len(text),
                limit=limit,
            )
        )
    if (error := text_error(text)) is not None:
        errors.append(Message("The {name}: {fault}.", name=name, fault=error))
    return errors


def search_form(text: str) -> str:
    """Text to be searched: in small letters, and in one width where Chinese typing knows two."""
    return unicodedata.normalize("NFKC", text).casefold()


def period_errors(period: Period) -> tuple[str, ...]:
    """List the errors of a requested period."""
    ends = [end for end in (period.start, period.until) if end is not None]
    if any(end.tzinfo is None for end in ends):
        return (Message("The period needs instants with a time zone."),)
    if any(end > LATEST for end in ends):
        return (Message("The period must begin and end before {last:%Y-%m-%d}.", last=LATEST),)
    return ()


def make_period(start: datetime, until: datetime | None) -> Period:
    """Return the period between two instants with time zones. Raises ValidationFailed when it is none."""
    try:
        return Period(start, until)
    except (TypeError, ValueError):
        error = Message("The period must end after it begins, and both ends need a time zone.")
        raise ValidationFailed([error]) from None

"""Validation of text input: bounded, without hidden characters; all errors at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from policy_service.approval.errors import ValidationFailed
from policy_service.characters import text_error
from policy_service.messages import Message
from policy_service.registry.model import Period

MAX_TITLE = 200
"""Maximum length of a title, characters."""
MAX_REASON = 4_000
"""Maximum length of a reason or comment, characters."""
FIELD_NAMES = {"title": Message("title"), "reason": Message("reason"), "comment": Message("comment")}
"""Names of the fields in messages."""
LATEST = datetime(2199, 12, 31, tzinfo=UTC)
"""The latest beginning or end of a period."""


def validate_reason(reason: str, name: str = "reason") -> str:
    """Return a reason, stripped. Raises ValidationFailed."""
    return validate_texts({name: (reason, MAX_REASON)})[name]


def validate_texts(texts: Mapping[str, tuple[str, int]], other_errors: tuple[str, ...] = ()) -> dict[str, str]:
    """Return texts by name, stripped, each within its maximum length.

    Raises ValidationFailed with all errors, and `other_errors`.
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
    """Return text normalised for searching: lower case, and half-width where Chinese typing has two widths."""
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
    """Return the period between two instants with time zones. Raises ValidationFailed if it is invalid."""
    try:
        return Period(start, until)
    except (TypeError, ValueError):
        error = Message("The period must end after it begins, and both ends need a time zone.")
        raise ValidationFailed([error]) from None

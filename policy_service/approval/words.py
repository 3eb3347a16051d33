"""What people write: bounded text without hidden characters; everything wrong with it is told at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from policy_service.approval.refusals import Unfit
from policy_service.characters import text_fault
from policy_service.registry.model import Period
from policy_service.sentences import Sentence

MAX_TITLE = 200
"""Characters of a title."""
MAX_REASON = 4_000
"""Characters of a reason or a comment."""
NAMES = {"title": Sentence("title"), "reason": Sentence("reason"), "comment": Sentence("comment")}
"""What can be written."""
LAST = datetime(2199, 12, 31, tzinfo=UTC)
"""No period begins or ends later."""


def reason_of(reason: str, name: str = "reason") -> str:
    """A reason that was given, without the blanks around it. Raises Unfit."""
    return texts_of({name: (reason, MAX_REASON)})[name]


def texts_of(given: Mapping[str, tuple[str, int]], more: tuple[str, ...] = ()) -> dict[str, str]:
    """Texts by name, each with its limit, without the blanks around them. Raises Unfit with all faults, and `more`."""
    wrong = [fault for name, (text, limit) in given.items() for fault in _faults(NAMES[name], text, limit)]
    if wrong or more:
        raise Unfit((*wrong, *more))
    return {name: text.strip() for name, (text, _) in given.items()}


def _faults(name: str, text: str, limit: int) -> list[str]:
    found: list[str] = []
    if not text.strip():
        found.append(Sentence("The {name} must be given.", name=name))
    if len(text) > limit:
        found.append(
            Sentence(
                "The {name} has {length:,} characters; at most {limit:,} are kept.",
                name=name,
                length=len(text),
                limit=limit,
            )
        )
    if (fault := text_fault(text)) is not None:
        found.append(Sentence("The {name}: {fault}.", name=name, fault=fault))
    return found


def folded(text: str) -> str:
    """Text to be searched: in small letters, and in one width where Chinese typing knows two."""
    return unicodedata.normalize("NFKC", text).casefold()


def period_faults(period: Period) -> tuple[str, ...]:
    """What is wrong with a period that somebody asks for."""
    ends = [end for end in (period.start, period.until) if end is not None]
    if any(end.tzinfo is None for end in ends):
        return (Sentence("The period needs instants with a time zone."),)
    if any(end > LAST for end in ends):
        return (Sentence("The period must begin and end before {last:%Y-%m-%d}.", last=LAST),)
    return ()


def period_of(start: datetime, until: datetime | None) -> Period:
    """The period between two instants with time zones. Raises Unfit when it is none."""
    try:
        return Period(start, until)
    except (TypeError, ValueError):
        wrong = Sentence("The period must end after it begins, and both ends need a time zone.")
        raise Unfit([wrong]) from None

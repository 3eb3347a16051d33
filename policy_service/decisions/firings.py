"""The firings of each rule of a policy, counted in the newest decision records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlmodel import Session

from policy_service.decisions.record_queries import MAX_SCANNED, newest_lines

MAX_COUNTED = 1_000
"""Maximum number of decisions of a policy that are counted."""


@dataclass(frozen=True, slots=True)
class Firings:
    """The number of times each rule fired in the last decisions of a policy."""

    rules: Mapping[str, int]
    """By the identifier of the rule; a rule that never fired is absent."""
    total: int
    """The number of decisions of the policy counted, whatever the answer."""
    since: datetime | None
    """The time of the oldest decision counted."""


class _Answer(msgspec.Struct):
    """The fields of one policy's answer that are read here."""

    rules: tuple[str, ...] = ()


class _Line(msgspec.Struct):
    """The fields of a decision record that are read here."""

    decided_at: str
    outcomes: dict[str, _Answer]


_DECODER = msgspec.json.Decoder(_Line)


def firings(session: Session, policy: str, *, max_counted: int = MAX_COUNTED) -> Firings:
    """Count how often each rule decided in `max_counted` decisions of a policy among the newest MAX_SCANNED."""
    rules: Counter[str] = Counter()
    total, oldest = 0, None
    marker = f'"{policy}"'.encode()
    for line in newest_lines(session, MAX_SCANNED):
        if total == max_counted:
            break
        if marker not in line:
            continue
        record = _DECODER.decode(line)
        answer = record.outcomes.get(policy)
        if answer is None:
            continue
        total += 1
        oldest = record.decided_at
        rules.update(answer.rules)
    return Firings(dict(rules), total, datetime.fromisoformat(oldest) if oldest else None)

"""When the versions of a change apply, drawn beside what is in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from api.kit.drawing import Bar, Timeline, timeline
from policy_service.approval.queries import OPEN
from policy_service.approval.service import Change, ChangeState
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.registry import model
from policy_service.registry.model import Activation, Period

PAST_PIECES = 4
"""Pieces of time before now that a timeline shows."""
UPCOMING_PIECES = 8
"""Pieces of time from now on that it shows."""
REQUESTED = Message("requested by this change")
ONCE_REQUESTED = Message("requested by this change, now closed")
THIS_CHANGE = Message("this change")
ENDED_BY_CHANGE = Message("ended by this change")


def timelines(
    change: Change, recorded: Sequence[Activation], now: datetime, zone: ZoneInfo
) -> Iterable[tuple[str, Timeline]]:
    """The effective periods of each policy's versions by its name, with those of the change among them.

    Of a draft with files, which are not read, there is one for what it asks for, without a name.
    """
    requested, versions = change.draft.effective, change.versions
    for name in change.draft.ends:
        bars = [_bar(period, active, change) for period, active in _nearby(model.timeline(recorded, name, now), now)]
        bars.append(Bar("—", requested.start, requested.until, label=ENDED_BY_CHANGE))
        yield name, timeline(bars, now, zone=zone)
    if not versions and not change.draft.ends:
        bar = Bar("1", requested.start, requested.until, label=Message("requested by this change"))
        yield "", timeline([bar], now, zone=zone)
    for version in versions:
        pieces = model.timeline(recorded, version.policy, now)
        bars = [_bar(period, active, change) for period, active in _nearby(pieces, now)]
        if change.state is not ChangeState.SCHEDULED:
            label = REQUESTED if change.state in OPEN else ONCE_REQUESTED
            bars.append(Bar(version.version, requested.start, requested.until, label=label))
        yield version.policy, timeline(bars, now, zone=zone)


def _nearby(pieces: Sequence[tuple[Period, Activation]], now: datetime) -> Sequence[tuple[Period, Activation]]:
    past = [piece for piece in pieces if piece[0].until is not None and piece[0].until <= now]
    ahead = [piece for piece in pieces if piece[0].until is None or piece[0].until > now]
    return [*past[-PAST_PIECES:], *ahead[:UPCOMING_PIECES]]


def _bar(period: Period, active: Activation, change: Change) -> Bar:
    """A piece of time in which a version applies, with why."""
    address = f"/changes/{active.change}" if active.change else None
    if active.suspension:
        address = f"/suspensions/{active.suspension}"
    return Bar(
        active.version,
        period.start,
        period.until,
        "suspension" if active.is_emergency else "period",
        THIS_CHANGE if active.change == change.id else enum_label(active.kind),
        None if active.change == change.id else address,
    )

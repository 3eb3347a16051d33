"""Timelines of pages: the layout is computed here, and the template writes it as SVG.

    drawing = timeline([Bar("1.0.0", start, until)], now, zone=service.zone)
    {{ parts.timeline(page.drawing, _("When each version is in force")) }}

A timeline has one lane for each name at the left, its periods as bars, days along the top, and a line for now. The
macro writes the same periods as a table beneath. A character that the typeface cannot draw has its code point instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Literal

from api.faces import spell_out
from policy_service.clock import midnight
from policy_service.messages import Message

WIDTH = 960
LEFT = 120
"""The x position of the axis; the lanes' names are to its left."""
TOP = 30
"""The y position of the lanes; the days are above."""
LANE_HEIGHT = 30
BAR_HEIGHT = 20
ARROW_LENGTH = 8
"""The length of the arrow of an open-ended bar."""
MIN_BAR_WIDTH = 3
MAX_TICKS = 8
"""Maximum number of days on the axis."""
MAX_NAME_LENGTH = 15
"""Maximum length of a lane's name, characters."""
LETTER_WIDTH = 7
"""The approximate width of a character on a bar."""
MIN_SPAN = timedelta(days=7)
"""The minimum time span of a timeline."""
MARGIN_DIVISOR = 12
"""The margin after the last instant, as a fraction of the span."""
MAX_DISTANT_END = timedelta(days=3 * 366)
"""An end later than this after now and every beginning is not shown; the bar is open-ended."""
LAST_INSTANT = datetime(9000, 1, 1, tzinfo=UTC)
"""The latest end of the axis."""
DAYS = (1, 2, 7, 14)
MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)
DAYS_OF_MONTH = 30


class PeriodStatus(StrEnum):
    """The status of a period at an instant."""

    PAST = "past"
    NOW = "now"
    PLANNED = "planned"


STATUS_NAMES: Mapping[PeriodStatus, Message] = {
    PeriodStatus.PAST: Message("over"),
    PeriodStatus.NOW: Message("in force now"),
    PeriodStatus.PLANNED: Message("planned"),
}
"""The labels of statuses."""


SUSPENSION_PAINT: Mapping[str, str] = {"fill": "#fdf1d9", "stroke": "#7f4f00"}
PAINT: Mapping[PeriodStatus, Mapping[str, str]] = {
    PeriodStatus.PAST: {"fill": "#f3f1ed", "stroke": "#777777"},
    PeriodStatus.NOW: {"fill": "#bcd3f0", "stroke": "#1d4f91"},
    PeriodStatus.PLANNED: {"fill": "#e8eff9", "stroke": "#1d4f91", "stroke-dasharray": "4 3"},
}
"""The colours of bars as SVG attributes, which every engine draws; the style sheet of pages overrides them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One half-open period; open-ended if `until` is None."""

    lane: str
    start: datetime
    until: datetime | None
    kind: Literal["period", "suspension"] = "period"
    label: str = ""
    """A description of the period."""
    address: str | None = None
    """A page with details."""
    caption: str = ""
    """The text on the bar if it fits; the name of its lane if empty."""

    def status(self, now: datetime) -> PeriodStatus:
        """Return the status at an instant."""
        if self.start > now:
            return PeriodStatus.PLANNED
        return PeriodStatus.PAST if self.until is not None and self.until <= now else PeriodStatus.NOW


@dataclass(frozen=True, slots=True)
class Shape:
    """A bar as it is drawn."""

    bar: Bar
    status: PeriodStatus
    points: str
    """The corners of the polygon."""
    x: int
    y: int
    caption: str
    """The text on the bar; empty if it does not fit."""

    @property
    def paint(self) -> Mapping[str, str]:
        """The attributes that colour it without a style sheet: in print."""
        return {**PAINT[self.status], **(SUSPENSION_PAINT if self.bar.kind == "suspension" else {})}

    @property
    def status_name(self) -> Message:
        """The name of the status."""
        return STATUS_NAMES[self.status]


@dataclass(frozen=True, slots=True)
class Tick:
    """A day on the axis."""

    x: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """The data of a timeline for its template."""

    width: int
    height: int
    lanes: tuple[str, ...]
    """The names of the lanes, from the top."""
    shapes: tuple[Shape, ...]
    ticks: tuple[Tick, ...]
    now: int | None
    """The position of now; None if it is not between the ends."""


def timeline(
    bars: Sequence[Bar], now: datetime, start: datetime | None = None, end: datetime | None = None, zone: tzinfo = UTC
) -> Timeline:
    """Return a timeline of periods between two instants; by default so that all periods and now are visible.

    Lanes are in the order of their first bars. Days are those of `zone`.
    """
    first, last = _ends(bars, now, start, end)
    scale = Scale(first, last)
    names = list(dict.fromkeys(bar.lane for bar in bars))
    visible_bars = [bar for bar in bars if bar.start < last and (bar.until is None or bar.until > first)]
    return Timeline(
        width=WIDTH,
        height=TOP + LANE_HEIGHT * len(names) + 6,
        lanes=tuple(_shorten(spell_out(name)) for name in names),
        shapes=tuple(_shape(bar, scale, names.index(bar.lane), now) for bar in visible_bars),
        ticks=tuple(Tick(scale.x(at), at) for at in _days(first, last, zone)),
        now=scale.x(now) if first <= now <= last else None,
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps instants to positions on the axis."""

    first: datetime
    last: datetime

    def x(self, at: datetime) -> int:
        """Return the position of an instant; beyond the ends, the end."""
        share = (min(max(at, self.first), self.last) - self.first) / (self.last - self.first)
        return LEFT + round(share * (WIDTH - LEFT - ARROW_LENGTH))


def _ends(
    bars: Sequence[Bar], now: datetime, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    starts = [min(at, LAST_INSTANT) for at in (now, *(bar.start for bar in bars))]
    end_limit = max(starts) + MAX_DISTANT_END
    ends = [bar.until for bar in bars if bar.until is not None and bar.until <= end_limit]
    first, last = start or min(starts), end or max(*starts, *ends)
    first = min(first, last - MIN_SPAN)
    return first, last if end is not None else last + (last - first) / MARGIN_DIVISOR


def _shape(bar: Bar, scale: Scale, lane: int, now: datetime) -> Shape:
    left = scale.x(bar.start)
    right = max(scale.x(bar.until or scale.last), left + MIN_BAR_WIDTH)
    top = TOP + LANE_HEIGHT * lane + (LANE_HEIGHT - BAR_HEIGHT) // 2
    bottom, middle = top + BAR_HEIGHT, top + BAR_HEIGHT // 2
    arrow = [(right + ARROW_LENGTH, middle)] if bar.until is None or bar.until > scale.last else []
    corners = [(left, top), (right, top), *arrow, (right, bottom), (left, bottom)]
    name = spell_out(bar.caption or bar.lane)
    caption = name if right - left > LETTER_WIDTH * len(name) + 12 else ""
    return Shape(bar, bar.status(now), " ".join(f"{x},{y}" for x, y in corners), left + 6, middle + 4, caption)


def _shorten(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"


def _days(first: datetime, last: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield days that divide the axis evenly: by days, weeks, months or years."""
    length = (last - first).total_seconds() / timedelta(days=1).total_seconds()
    day, end = first.astimezone(zone).date() + timedelta(days=1), last.astimezone(zone).date()
    for step in DAYS:
        if length / step <= MAX_TICKS:
            yield from _every(day, end, step, zone)
            return
    step = next((each for each in MONTHS if length / DAYS_OF_MONTH / each <= MAX_TICKS), MONTHS[-1])
    month = -(-(day.year * 12 + day.month - 1 + (day.day > 1)) // step) * step
    while (at := _month(month)) is not None and at <= end:
        yield midnight(at, zone)
        month += step


def _every(day: date, end: date, step: int, zone: tzinfo) -> Iterator[datetime]:
    while day <= end:
        yield midnight(day, zone)
        day += timedelta(days=step)


def _month(number: int) -> date | None:
    """Return the first day of a month counted from year 0; None beyond the calendar."""
    year, month = divmod(number, 12)
    return date(year, month + 1, 1) if 1 <= year <= date.max.year else None

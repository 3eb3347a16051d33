"""Formats of dates, figures and text for people, in the time zone of the service."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup, escape

from api.kit.languages import LOCALE
from policy_service.characters import HIDDEN_CHARACTER, find_hidden_character
from policy_service.language.policy import Bilingual, Language

BDI_START, BDI_END = Markup('<bdi class="written">'), Markup("</bdi>")


class Formats:
    """The formats of one language in one time zone; each method is a filter of the templates."""

    def __init__(self, lang: Language, zone: ZoneInfo) -> None:
        self._lang = lang
        self._locale = LOCALE[lang]
        self._zone = zone

    def instant(self, at: datetime) -> Markup:
        """Return an instant to the minute: `22 Nov 2026, 08:43`; its exact value is in the element."""
        return self._time(at, format_datetime(at, self._pattern("HH:mm"), tzinfo=self._zone, locale=self._locale))

    def exact_time(self, at: datetime) -> Markup:
        """An instant to the second: in the company's zone, and beside it in UTC, with the day where it is another."""
        pattern = self._pattern("HH:mm:ss ZZZZZ")
        local = self._time(at, format_datetime(at, pattern, tzinfo=self._zone, locale=self._locale))
        if self._zone.key == "UTC":
            return local
        is_same_day = at.astimezone(UTC).date() == at.astimezone(self._zone).date()
        utc_pattern = "HH:mm:ss" if is_same_day else self._pattern("HH:mm:ss")
        utc = format_datetime(at, utc_pattern, tzinfo=UTC, locale=self._locale)
        return local + Markup(" <small>({} UTC)</small>").format(utc)

    def day(self, day: date) -> str:
        """Return a day: `22 Nov 2026`, `2026年11月22日`; of an instant the day in the zone."""
        local = day.astimezone(self._zone).date() if isinstance(day, datetime) else day
        text: str = format_date(local, self._pattern("").strip(), locale=self._locale)
        return text

    def datetime_local(self, at: datetime) -> str:
        """Return an instant as the field of a form has it, in the zone: `2026-11-22T08:43`."""
        return at.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M")

    def ago(self, at: datetime, now: datetime) -> str:
        """Format the time before or after now: `3 hours ago`, `in 2 days`."""
        return format_timedelta(at - now, add_direction=True, locale=self._locale)

    def duration(self, duration: timedelta) -> str:
        """Return a duration: `3 hours`."""
        return format_timedelta(duration, locale=self._locale)

    def count(self, number: int | Decimal) -> str:
        """Return a figure with its groups: `10,000`."""
        text: str = format_decimal(number, locale=self._locale)
        return text

    def percent(self, part: Decimal) -> str:
        """Return a share of one as a percentage: `31.2%`."""
        return format_percent(part, "#,##0.0%", locale=self._locale)

    def money(self, amount: Decimal, currency: str) -> str:
        """Return an amount: `¥800,000.00`."""
        return format_currency(amount, currency, locale=self._locale)

    def localized(self, text: Bilingual) -> str:
        """Return a title or a reason in the reader's language."""
        return text.in_language(self._lang)

    def _pattern(self, time: str) -> str:
        return f"y年M月d日 {time}" if self._lang == "zh" else f"d MMM y{', ' if time else ''}{time}"

    @staticmethod
    def _time(at: datetime, text: str) -> Markup:
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


UUID_TEXT = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An identifier as addresses have it."""


def visible(value: object) -> Markup:
    """Isolate an author's text from the text around it; invisible marks are shown by their number."""
    text = str(value)
    if find_hidden_character(text) is None:
        return BDI_START + escape(text) + BDI_END
    marked = Markup("").join(
        Markup('<span class="mark">U+{:04X}</span>').format(ord(part)) if HIDDEN_CHARACTER.fullmatch(part) else part
        for part in re.split(f"({HIDDEN_CHARACTER.pattern})", text)
        if part
    )
    return Markup('<bdi class="written">{}</bdi>').format(marked)


def inline_code(value: object) -> Markup:
    """Words in which names stand between backticks: the names as code, everything as `visible` shows it."""
    pieces = str(value).split("`")
    if len(pieces) % 2 == 0:  # a backtick without its fellow is the author's own
        return visible(value)
    rendered = (
        Markup("<code>{}</code>").format(visible(piece)) if position % 2 else visible(piece)
        for position, piece in enumerate(pieces)
        if piece
    )
    return Markup("").join(rendered)


def escape_hidden(text: str) -> str:
    """Escape an author's text within a sentence; invisible characters are shown by their code point."""
    if isinstance(text, Markup) or find_hidden_character(str(text)) is None:
        return text
    return HIDDEN_CHARACTER.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", text)


def parse_instant(local: datetime, zone: ZoneInfo, before: datetime | None = None) -> datetime | None:
    """Return the instant of a day and time in a zone; None when there is none.

    In spring the clocks of most zones skip an hour. Of an hour that comes twice in autumn, the first is meant.
    """
    if before is not None and local == before.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0):
        return before
    try:
        at = local.replace(tzinfo=zone).astimezone(UTC)
        is_skipped = at.astimezone(zone).replace(tzinfo=None) != local
    except OverflowError:  # too early or too late
        return None
    return None if is_skipped else at

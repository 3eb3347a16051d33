"""The list of decisions: of everybody, a subject or a policy, in either order; and the way to one by its identifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.cursors import close_cursor, open_number
from api.pages.decisions.one import ID
from api.pages.decisions.versions import versions_of
from api.pages.decisions.words import Answer, Versions, answers
from api.pages.forms import Filled, is_usual
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.subjects import as_faults, kinds_offered
from api.service import Service
from policy_service.decisions.record import Record
from policy_service.decisions.records import Page, UnknownDecision, Wanted, find, read_decision
from policy_service.language.policy import Language
from policy_service.language.types import parse_date
from policy_service.registry.service import policy_names
from policy_service.sentences import Sentence
from policy_service.subject import InvalidSubject, Subject, kind_fault

PATH = "/decisions"
SHOWN = 25
"""Decisions on a page."""
ANSWERS = 6
"""Answers of one decision that are listed; its page has all."""
FIELDS = ("q", "kind", "decision", "policy", "since", "until")
OLDEST, NEWEST = "decided", "-decided"
COLUMNS = (
    Column("decided", Sentence("Decided"), sorts=True),
    Column("subject", Sentence("Subject")),
    Column("answers", Sentence("Answers and the rules that gave them")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One decision of the list."""

    decision: str
    subject: Subject
    decided_at: datetime
    as_of: date | None
    """The day it was made for, where that is another than the day it was made on."""
    answers: tuple[Answer, ...]
    more: int
    """Answers that are not listed."""
    is_excepted: bool
    """Whether an exception was answered somewhere."""


@dataclass(frozen=True, slots=True)
class DecisionsPage:
    """The list."""

    template: ClassVar[str] = "decisions/list.html"
    frame: Frame
    listing: Listing
    form: Filled
    rows: tuple[Row, ...]
    policies: tuple[tuple[str, str], ...]
    """What the list can be narrowed to."""
    kinds: tuple[tuple[str, str], ...]
    """The same for kinds of subjects."""
    subject: str
    """Whose decisions these are; empty for those of everybody."""

    @property
    def is_newest_first(self) -> bool:
        """Whether the last decision stands first."""
        return self.listing.sort == NEWEST


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for."""

    subject: str = ""
    kind: str = ""
    """Of the subject; empty for any."""
    decision: str = ""
    policy: str = ""
    since: str = ""
    """The first day, as typed."""
    until: str = ""
    """The last day, as typed."""
    sort: str = NEWEST
    cursor: str | None = None


def sought(query: Mapping[str, str]) -> Sought:
    """What an address looks for; the one field takes an identifier for what it is, anything else for a subject.

    Blanks around what was typed do not matter, but in `subject`, which means exactly what it says.
    """
    given = {name: query.get(name, "").strip() for name in FIELDS}
    anything = given["q"]
    decision = given["decision"].lower() or (anything.lower() if ID.fullmatch(anything.lower()) else "")
    return Sought(
        subject=query.get("subject", "") or ("" if decision else anything),
        kind=given["kind"],
        decision=decision,
        policy=given["policy"],
        since=given["since"],
        until=given["until"],
        sort=OLDEST if query.get("sort") == OLDEST else NEWEST,
        cursor=query.get("cursor") or None,
    )


def decisions_page(service: Service, session: Session, frame: Frame, wanted: Sought) -> DecisionsPage | str:
    """The list; or the address of the one decision that was looked for. Raises ProblemError."""
    names, days = policy_names(session), _days(wanted, service.zone)
    faults = _faults(session, wanted, names) | days.faults
    if wanted.decision and not faults:
        return f"{PATH}/{wanted.decision}"
    found = Page([], None)
    if not faults:
        try:
            found = _found(session, wanted, days)
        except InvalidSubject as invalid:
            faults |= as_faults(invalid)
    versions = versions_of(session, found.records, service.catalogue)
    filters = {name: getattr(wanted, name) for name in ("subject", "kind", "policy", "since", "until")}
    values = {**filters, "q": wanted.decision or wanted.subject, "decision": wanted.decision}
    more = close_cursor(str(found.cursor)) if found.cursor is not None else None
    return DecisionsPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, wanted.sort, wanted.cursor, more),
        form=Filled("", {name: (value,) for name, value in values.items()}, faults),
        rows=tuple(_row(record, versions[record.decision_id], service.zone, frame.lang) for record in found.records),
        policies=tuple((name, name) for name in names),
        kinds=kinds_offered(
            service.catalogue.in_force(session, frame.now).values(), frame.lang, "" if "kind" in faults else wanted.kind
        ),
        subject=wanted.subject if "subject" not in faults else "",
    )


def _row(record: Record, versions: Versions, zone: ZoneInfo, lang: Language) -> Row:
    said = answers(record, versions, lang)
    same_day = record.decided_at.astimezone(zone).date() == record.as_of
    return Row(
        decision=record.decision_id,
        subject=record.subject,
        decided_at=record.decided_at,
        as_of=None if same_day else record.as_of,
        answers=said[:ANSWERS],
        more=max(0, len(said) - ANSWERS),
        is_excepted=any(each.excepted for each in said),
    )


@dataclass(frozen=True, slots=True)
class _Days:
    """The days that were asked for, as instants, and what is wrong with them."""

    since: datetime | None
    until: datetime | None
    faults: dict[str, Sentence]


def _days(wanted: Sought, zone: ZoneInfo) -> _Days:
    faults: dict[str, Sentence] = {}
    found: dict[str, datetime | None] = {}
    for name, typed, later in (("since", wanted.since, 0), ("until", wanted.until, 1)):
        day = parse_date(typed)
        if typed and (day is None or not is_usual(day)):
            faults[name] = Sentence("This is not a day or a time.")
            day = None
        found[name] = datetime.combine(day + timedelta(days=later), time(), zone) if day else None
    return _Days(found["since"], found["until"], faults)


def _found(session: Session, sought: Sought, days: _Days) -> Page:
    wanted = Wanted(
        sought.subject or None, sought.policy or None, kind=sought.kind or None, since=days.since, until=days.until
    )
    oldest_first, cursor = sought.sort == OLDEST, open_number(sought.cursor)
    return find(session, wanted, oldest_first=oldest_first, cursor=cursor, limit=SHOWN)


def _faults(session: Session, wanted: Sought, policies: tuple[str, ...]) -> dict[str, Sentence]:
    """What cannot be looked for, by the field."""
    faults: dict[str, Sentence] = {}
    if wanted.decision and not _exists(session, wanted.decision):
        faults["decision"] = Sentence("There is no decision with this identifier.")
    if wanted.kind and kind_fault(wanted.kind):
        faults["kind"] = Sentence("Choose one of what is offered.")
    if wanted.policy and wanted.policy not in policies:
        faults["policy"] = Sentence("There is no such policy.")
    return faults


def _exists(session: Session, decision: str) -> bool:
    if not ID.fullmatch(decision):
        return False
    try:
        read_decision(session, decision)
    except UnknownDecision:
        return False
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # its page says that it was altered
    return True

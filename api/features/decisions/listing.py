"""The list of decisions: of everyone, a subject or a policy, in either order; and the way to one by its identifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import ClassVar, cast
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.kit.answers import PolicyAnswer, outcome_cell, policy_answers
from api.kit.formats import UUID_TEXT
from api.kit.forms import FormState, is_plausible_day
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.subjects import invalid_subject_errors, kind_options
from api.kit.table import ExportedList, TableColumn, TableContext, TableFilter, TableQuery, instants_between
from api.service import Service
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import (
    RecordFilter,
    RecordSort,
    UnknownDecision,
    list_records,
    read_decision,
)
from policy_service.decisions.record_versions import Versions, versions_of
from policy_service.language.policy import Language
from policy_service.language.types import parse_date
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.registry.service import policy_names
from policy_service.subject import InvalidSubject, Subject, kind_error, kind_label

PATH = "/decisions"
PAGE_SIZE = 25
"""Decisions on a page."""
MAX_ANSWERS = 6
"""Answers of one decision that are listed; its page has all."""
FIELDS = ("q", "kind", "decision", "policy", "since", "until")
OLDEST, NEWEST = "decided", "-decided"
COLUMNS = (
    Column("decided", Message("Decided"), is_sortable=True),
    Column("subject", Message("Subject")),
    Column("answers", Message("Answers and the rules that gave them")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One decision of the list."""

    decision: str
    subject: Subject
    decided_at: datetime
    as_of: date | None
    """The day it was made for, where that is another than the day it was made on."""
    answers: tuple[PolicyAnswer, ...]
    has_override: bool
    """Whether an exception was answered somewhere."""

    @property
    def shown_answers(self) -> tuple[PolicyAnswer, ...]:
        """The answers on the page."""
        return self.answers[:MAX_ANSWERS]

    @property
    def more_answers(self) -> int:
        """How many answers are not on the page."""
        return max(0, len(self.answers) - MAX_ANSWERS)


@dataclass(frozen=True, slots=True)
class DecisionsPage:
    """The list."""

    template: ClassVar[str] = "decisions/list.html"
    frame: Frame
    listing: Listing
    form: FormState
    rows: tuple[Row, ...]
    policies: tuple[tuple[str, str], ...]
    """What the list can be narrowed to."""
    kinds: tuple[tuple[str, str], ...]
    """The same for kinds of subjects."""
    subject: str
    """Whose decisions these are; empty for those of everyone."""

    @property
    def is_newest_first(self) -> bool:
        """True if the last decision stands first."""
        return self.listing.sort == NEWEST


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """The query of a list of decisions."""

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


def read_query(query: Mapping[str, str]) -> DecisionQuery:
    """Read the query of an address; the one field takes an identifier, or else a subject.

    Blanks around what was typed do not matter, but in `subject`, which means exactly what it says.
    """
    texts = {name: query.get(name, "").strip() for name in FIELDS}
    search_text = texts["q"]
    decision = texts["decision"].lower() or (search_text.lower() if UUID_TEXT.fullmatch(search_text.lower()) else "")
    return DecisionQuery(
        subject=query.get("subject", "") or ("" if decision else search_text),
        kind=texts["kind"],
        decision=decision,
        policy=texts["policy"],
        since=texts["since"],
        until=texts["until"],
        sort=OLDEST if query.get("sort") == OLDEST else NEWEST,
        cursor=query.get("cursor") or None,
    )


def decisions_page(service: Service, session: Session, frame: Frame, query: DecisionQuery) -> DecisionsPage | str:
    """The list; or the address of the one decision that was looked for. Raises ProblemError."""
    names, days = policy_names(session), _date_range(query, service.zone)
    errors = _query_errors(session, query, names) | days.errors
    if query.decision and not errors:
        return f"{PATH}/{query.decision}"
    page: Page[DecisionRecord] = Page(())
    if not errors:
        try:
            page = _find(session, query, days)
        except InvalidSubject as error:
            errors |= invalid_subject_errors(error)
    versions = versions_of(session, page.items)
    filters = {name: getattr(query, name) for name in ("subject", "kind", "policy", "since", "until")}
    values = {**filters, "q": query.decision or query.subject, "decision": query.decision}
    return DecisionsPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, query.sort, query.cursor, page.next_cursor),
        form=FormState("", {name: (value,) for name, value in values.items()}, errors),
        rows=tuple(_row(record, versions[record.decision_id], service.zone, frame.lang) for record in page.items),
        policies=tuple((name, name) for name in names),
        kinds=kind_options(
            service.catalogue.in_force(session, frame.now).values(), frame.lang, "" if "kind" in errors else query.kind
        ),
        subject=query.subject if "subject" not in errors else "",
    )


def _row(record: DecisionRecord, versions: Versions, zone: ZoneInfo, lang: Language) -> Row:
    answers = policy_answers(record, versions, lang)
    same_day = record.decided_at.astimezone(zone).date() == record.as_of
    return Row(
        decision=record.decision_id,
        subject=record.subject,
        decided_at=record.decided_at,
        as_of=None if same_day else record.as_of,
        answers=answers,
        has_override=any(each.applied_override for each in answers),
    )


@dataclass(frozen=True, slots=True)
class _DateRange:
    """The days that were asked for, as instants, and what is wrong with them."""

    since: datetime | None
    until: datetime | None
    errors: dict[str, Message]


def _date_range(query: DecisionQuery, zone: ZoneInfo) -> _DateRange:
    errors: dict[str, Message] = {}
    instants: dict[str, datetime | None] = {}
    for name, text, extra_days in (("since", query.since, 0), ("until", query.until, 1)):
        day = parse_date(text)
        if text and (day is None or not is_plausible_day(day)):
            errors[name] = Message("Not a valid date or time.")
            day = None
        instants[name] = datetime.combine(day + timedelta(days=extra_days), time(), zone) if day else None
    return _DateRange(instants["since"], instants["until"], errors)


def _find(session: Session, query: DecisionQuery, days: _DateRange) -> Page[DecisionRecord]:
    record_filter = RecordFilter(
        query.subject or None, query.policy or None, kind=query.kind or None, since=days.since, until=days.until
    )
    sort: RecordSort = "decided" if query.sort == OLDEST else "-decided"
    return list_records(session, record_filter, sort=sort, cursor=query.cursor, limit=PAGE_SIZE)


def _query_errors(session: Session, query: DecisionQuery, policies: tuple[str, ...]) -> dict[str, Message]:
    """Return the errors of the query, by field."""
    errors: dict[str, Message] = {}
    if query.decision and not _exists(session, query.decision):
        errors["decision"] = Message("There is no decision with this identifier.")
    if query.kind and kind_error(query.kind):
        errors["kind"] = Message("Choose one of the options.")
    if query.policy and query.policy not in policies:
        errors["policy"] = Message("There is no such policy.")
    return errors


def _exists(session: Session, decision: str) -> bool:
    if not UUID_TEXT.fullmatch(decision):
        return False
    try:
        read_decision(session, decision)
    except UnknownDecision:
        return False
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # its page says that it was altered
    return True


def _read_page(session: Session, context: TableContext, query: TableQuery) -> Page[Row]:
    service, (since, until) = (
        context.service,
        instants_between(query.day("since"), query.day("until"), context.service.zone),
    )
    subject, kind, policy = (query.filters[name] or None for name in ("subject", "kind", "policy"))
    criteria = RecordFilter(subject, policy, kind=kind, since=since, until=until)
    sort = cast("RecordSort", query.sort)
    page = list_records(session, criteria, sort=sort, cursor=query.cursor, limit=query.limit)
    versions = versions_of(session, page.items)
    rows = (_row(each, versions[each.decision_id], service.zone, context.frame.lang) for each in page.items)
    return Page(tuple(rows), page.next_cursor)


def _answer_cell(answer: PolicyAnswer, lang: Language) -> Message:
    """One answer: the policy, its version, and the outcome or why there is none."""
    outcome = "; ".join(outcome_cell(answer.outcomes, lang)) or answer.status_name
    return Message("{policy} {version}: {outcome}", policy=answer.policy, version=answer.version, outcome=outcome)


DECISIONS: ExportedList[Row] = ExportedList(
    path=PATH,
    title=Message("Decisions"),
    columns=(
        TableColumn("decided", Message("Decided"), lambda each, _: each.decided_at, is_sortable=True),
        TableColumn("as_of", Message("For the day"), lambda each, _: each.as_of),
        TableColumn("subject", Message("Subject"), lambda each, _: each.subject.id),
        TableColumn("kind", Message("Kind of subject"), lambda each, frame: kind_label(each.subject.kind, frame.lang)),
        TableColumn(
            "answers",
            Message("Answers"),
            lambda each, frame: [_answer_cell(answer, frame.lang) for answer in each.answers],
        ),
        TableColumn(
            "rules", Message("Rules"), lambda each, _: [rule.id for answer in each.answers for rule in answer.rules]
        ),
        TableColumn("override", Message("Override"), lambda each, _: each.has_override),
        TableColumn("id", Message("Identifier"), lambda each, _: each.decision),
    ),
    filters=(
        TableFilter("subject", Message("Subject"), "exact"),
        TableFilter("kind", Message("Kind of subject")),
        TableFilter("policy", Message("Policy")),
        TableFilter("since", Message("From the day"), "day"),
        TableFilter("until", Message("to the day"), "day"),
    ),
    sort=NEWEST,
    read=_read_page,
    row_id=lambda each: each.decision,
)

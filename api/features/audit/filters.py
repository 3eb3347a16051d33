"""Filters of the log, as the address has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from sqlmodel import Session
from starlette.requests import Request

from api.kit.forms import Day, FieldErrors, Form, FormModel, FormState, validate_form
from policy_service.audit.events import EVENTS, OBJECT_FIELDS
from policy_service.audit.log import EntryFilter, find_object
from policy_service.identity.api_keys import find_key_by_name
from policy_service.identity.service import find_account_by_name
from policy_service.messages import Message

NAMES = ("event", "by", "about", "since", "until")
"""The filters, as they are named in the address."""
QUALIFIED = re.compile(rf"(?:{'|'.join(OBJECT_FIELDS)}):.+", re.DOTALL)
"""A thing with its kind before it, as an entry holds it."""
NEWEST, OLDEST = "-seq", "seq"


def _known_event(event: str) -> str:
    if event not in EVENTS:
        raise ValueError("one of the events of the log")
    return event


class LogFilters(FormModel):
    """The filters; what is left out does not matter."""

    event: Annotated[str, AfterValidator(_known_event)] | None = None
    by: Annotated[str, Field(max_length=100)] | None = None
    about: Annotated[str, Field(max_length=300)] | None = None
    since: Day | None = None
    until: Day | None = None
    sort: Literal["seq", "-seq"] = "-seq"


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The query of an address: the filters as typed, and their meaning or their errors."""

    form: FormState
    filters: LogFilters | None

    @property
    def texts(self) -> dict[str, str]:
        """The filters by name; empty when not set."""
        return {name: self.form.value(name) for name in NAMES}


def read_filters(request: Request) -> LogQuery:
    """The filters of an address."""
    texts = {name: (request.query_params.get(name, "").strip(),) for name in (*NAMES, "sort")}
    form = Form(texts, {})
    values = validate_form(form, LogFilters)
    if isinstance(values, LogFilters):
        return LogQuery(form.bind(), values)
    return LogQuery(form.bind(_reworded(values)), None)


def entry_filter(session: Session, filters: LogFilters, zone: ZoneInfo) -> EntryFilter | None:
    """Return the filter; None when it names an actor or an object that the log does not know."""
    actor = _actor(session, filters.by) if filters.by else None
    about = _about(session, filters.about) if filters.about else None
    if (filters.by and actor is None) or (filters.about and about is None):
        return None
    since, until = instants_between(filters.since, filters.until, zone)
    return EntryFilter(filters.event, actor, about, since, until)


def instants_between(since: date | None, until: date | None, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """Between which instants, half open, days lie, the last one included."""
    start = midnight(since, zone) if since else None
    return start, midnight(until + timedelta(days=1), zone) if until else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins."""
    return datetime.combine(day, time(), zone)


def _reworded(errors: FieldErrors) -> FieldErrors:
    """Reword the error of an unknown event for the page."""
    others = {name: error for name, error in errors.items() if name != "event"}
    return others if "event" not in errors else {**others, "event": Message("Choose one of the options.")}


def _actor(session: Session, name: str) -> str | None:
    """The identifier of the account or the key of this name; an identifier, or the service, stands for itself."""
    if (account := find_account_by_name(session, name)) is not None:
        return account.id
    return find_key_by_name(session, name) or name


def _about(session: Session, name: str) -> str | None:
    """The thing of this name: with its kind before it, or alone, then of the first kind that has one."""
    if QUALIFIED.fullmatch(name):
        return name
    return find_object(session, name)

"""`/audit`: the log, newest or oldest first, filtered by event, by who, by what it is about and by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS, check_permission
from api.features.audit.entry_view import AuditEntryView, EntryDescriber
from api.features.audit.filters import OLDEST, LogFilters, LogQuery, entry_filter, read_filters
from api.features.audit.last_verdict import LastVerdict, last_verdict
from api.features.audit.vocabulary import EVENT_NAMES
from api.kit.forms import FormState
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.rendering import Pages
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.audit.comparison import recorded_difference
from policy_service.audit.guard import unused_rows
from policy_service.audit.log import entries, last_entry
from policy_service.audit.service import last_checkpoint
from policy_service.messages import Message

PAGE = 50
COLUMNS = (
    Column("seq", Message("No."), is_sortable=True),
    Column("at", Message("When")),
    Column("event", Message("Event")),
    Column("by", Message("Actor")),
    Column("description", Message("What happened")),
    Column("about", Message("About")),
)
EVENTS = tuple(EVENT_NAMES.items())


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log."""

    template: ClassVar[str] = "audit/log.html"
    frame: Frame
    form: FormState
    """The filters, as typed."""
    verify_form: FormState
    export_form: FormState
    listing: Listing
    entries: tuple[AuditEntryView, ...]
    events: tuple[tuple[str, Message], ...]
    size: int
    """Entries of the whole log."""
    signed_size: int
    """Entries up to the last checkpoint."""
    may_verify: bool | str
    """Whether the reader may let the log be verified, or the reason why not."""
    last_verdict: LastVerdict | None
    """The last verdict on record."""
    difference: str | None
    """Why nothing is signed any more: what differs from what was signed, or from its copies."""
    unused_rows: tuple[str, ...]
    """A sentence for each row that is not what the log says, as far as this process has seen."""


def add_log(router: APIRouter, pages: Pages) -> None:
    """Adds the route."""

    @router.get("/audit")
    async def log(request: Request) -> Response:
        """Some entries, as the address says."""
        log_query, cursor = read_filters(request), request.query_params.get("cursor") or None
        before, actor = decode_number_cursor(cursor), principal_of(request).actor
        frame = pages.frame(request)
        describer = EntryDescriber(actor, frame.lang, pages.service.zone)
        query = _PageQuery(pages, log_query, before, describer)
        (entry_views, next_cursor, size, signed_size, difference), verdict = await run_read(
            pages.service, lambda session: (query(session), last_verdict(session, pages.jobs))
        )
        listing = Listing("/audit", log_query.texts, COLUMNS, _sort(log_query.filters), cursor, next_cursor)
        permission = check_permission(actor, PERMISSIONS["POST", "/audit/verifications"])
        page = LogPage(
            frame=frame,
            form=log_query.form,
            verify_form=pages.new_form(),
            export_form=pages.new_form(),
            listing=listing,
            entries=entry_views,
            events=EVENTS,
            size=size,
            signed_size=signed_size,
            may_verify=permission,
            last_verdict=verdict,
            difference=difference,
            unused_rows=unused_rows(pages.service.database),
        )
        return pages.render(page, 422 if log_query.filters is None else 200)


@dataclass(frozen=True, slots=True)
class _PageQuery:
    """Reads one page of the log."""

    pages: Pages
    log_query: LogQuery
    before: int | None
    describer: EntryDescriber

    def __call__(self, session: Session) -> tuple[tuple[AuditEntryView, ...], str | None, int, int, str | None]:
        newest, checkpoint = last_entry(session), last_checkpoint(session)
        size, signed_size = newest.seq if newest else 0, checkpoint.extent.size if checkpoint else 0
        difference, filters = recorded_difference(session), self.log_query.filters
        criteria = entry_filter(session, filters, self.pages.service.zone) if filters else None
        if filters is None or criteria is None:
            return (), None, size, signed_size, difference
        oldest = filters.sort == OLDEST
        rows = entries(session, criteria, cursor=self.before, limit=PAGE + 1, oldest_first=oldest)
        next_cursor = encode_cursor(str(rows[PAGE - 1].seq)) if len(rows) > PAGE else None
        return self.describer.describe(session, rows[:PAGE]), next_cursor, size, signed_size, difference


def _sort(filters: LogFilters | None) -> str:
    return filters.sort if filters else "-seq"

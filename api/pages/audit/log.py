"""`/audit`: the log, newest or oldest first, filtered by event, by who, by what it is about and by day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.cursors import close_cursor, open_number
from api.pages.audit.filters import OLDEST, Asked, LogFilters, read_filters, wanted
from api.pages.audit.last import LastVerdict
from api.pages.audit.told import Teller, Told
from api.pages.audit.vocabulary import EVENT_NAMES
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.rendering import Pages
from api.permissions import PERMISSIONS, may_ask
from api.transactions import reading
from policy_service.audit.comparison import recorded_difference
from policy_service.audit.log import entries, last_entry
from policy_service.audit.service import last_checkpoint
from policy_service.sentences import Sentence

PAGE = 50
COLUMNS = (
    Column("seq", Sentence("No."), sorts=True),
    Column("at", Sentence("When")),
    Column("event", Sentence("Event")),
    Column("by", Sentence("Who")),
    Column("told", Sentence("What happened")),
    Column("about", Sentence("About")),
)
EVENTS = tuple(EVENT_NAMES.items())


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log."""

    template: ClassVar[str] = "audit/log.html"
    frame: Frame
    form: Filled
    """The filters, as typed."""
    verify_form: Filled
    export_form: Filled
    listing: Listing
    entries: tuple[Told, ...]
    events: tuple[tuple[str, Sentence], ...]
    size: int
    """Entries of the whole log."""
    signed: int
    """Entries up to the last checkpoint."""
    may_verify: bool | str
    """Whether the reader may let the log be verified, or the reason why not."""
    last: LastVerdict | None
    """The last verdict of this process."""
    difference: str | None
    """Why nothing is signed any more: what differs from what was signed, or from its copies."""


def add_log(router: APIRouter, pages: Pages, last: Callable[[], LastVerdict | None]) -> None:
    """Adds the route."""

    @router.get("/audit")
    async def log(request: Request) -> Response:
        """Some entries, as the address says."""
        asked, cursor = read_filters(request), request.query_params.get("cursor") or None
        before, reader = open_number(cursor), asker(request).actor
        frame = pages.frame(request)
        teller = Teller(reader, frame.lang, pages.service.zone)
        look = _Look(pages, asked, before, teller)
        found, more, size, signed, difference = await reading(pages.service, look)
        listing = Listing("/audit", asked.typed, COLUMNS, _sort(asked.filters), cursor, more)
        may = may_ask(reader, PERMISSIONS["POST", "/audit/verifications"])
        page = LogPage(
            frame=frame,
            form=asked.form,
            verify_form=pages.new_form(),
            export_form=pages.new_form(),
            listing=listing,
            entries=found,
            events=EVENTS,
            size=size,
            signed=signed,
            may_verify=may,
            last=last(),
            difference=difference,
        )
        return pages.show(page, 422 if asked.filters is None else 200)


@dataclass(frozen=True, slots=True)
class _Look:
    """Reads one page of the log."""

    pages: Pages
    asked: Asked
    before: int | None
    teller: Teller

    def __call__(self, session: Session) -> tuple[tuple[Told, ...], str | None, int, int, str | None]:
        newest, checkpoint = last_entry(session), last_checkpoint(session)
        size, signed = newest.seq if newest else 0, checkpoint.extent.size if checkpoint else 0
        difference, filters = recorded_difference(session), self.asked.filters
        which = wanted(session, filters, self.pages.service.zone) if filters else None
        if filters is None or which is None:
            return (), None, size, signed, difference
        oldest = filters.sort == OLDEST
        rows = entries(session, which, cursor=self.before, limit=PAGE + 1, oldest_first=oldest)
        more = close_cursor(str(rows[PAGE - 1].seq)) if len(rows) > PAGE else None
        return self.teller.tell(session, rows[:PAGE]), more, size, signed, difference


def _sort(filters: LogFilters | None) -> str:
    return filters.sort if filters else "-seq"

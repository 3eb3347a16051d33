"""`/changes`: the changes there are, filtered and in order, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.cursors import close_cursor, open_cursor
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.rendering import Pages
from api.pages.vocabulary import name_of
from api.permissions import PERMISSIONS, may_ask
from api.transactions import reading
from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.reading import OPEN, Sort, Wanted
from policy_service.approval.service import Change, Kind, State, Version
from policy_service.identity.service import accounts
from policy_service.registry.service import policy_names
from policy_service.sentences import Sentence

PATH = "/changes"
SHOWN = 30
"""Changes on a page."""
LONGEST = 200
"""Characters of a filter."""
IS_OPEN = "open"
"""What stands for all states in which a change waits for somebody."""
SORTS: Mapping[str, Sort] = {"created": "created", "-created": "-created", "acted": "acted", "-acted": "-acted"}
KINDS: Mapping[str, Kind] = {"change": "change", "rollback": "rollback"}
KIND_NAMES = (("change", Sentence("new versions")), ("rollback", Sentence("rollback")))
STATE_NAMES = (
    (IS_OPEN, Sentence("open: draft, submitted or signed off")),
    *((each.value, name_of(each)) for each in State),
)
COLUMNS = (
    Column("title", Sentence("Change")),
    Column("versions", Sentence("Versions")),
    Column("state", Sentence("State")),
    Column("effective", Sentence("In force from")),
    Column("created", Sentence("Begun"), sorts=True),
    Column("acted", Sentence("Last act"), sorts=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One change of the list."""

    change: Change
    versions: tuple[Version, ...]
    """What it puts in force; empty for a draft of new versions, whose files may say anything yet."""
    files: int
    """How many files the draft has."""
    acted_at: datetime
    awaited: tuple[Role, ...]
    """Who owes a signature; nobody while the change is not under review."""
    is_mine: bool
    """Whether it waits for a signature of the reader."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """The list."""

    template: ClassVar[str] = "changes/list.html"
    frame: Frame
    listing: Listing
    form: Filled
    rows: tuple[Row, ...]
    states: Sequence[tuple[str, Sentence]]
    kinds: Sequence[tuple[str, Sentence]]
    policies: Sequence[tuple[str, str]]
    authors: Sequence[tuple[str, str]]
    may_sign: bool
    why_not: str | None
    """Why the reader may begin none; None for whoever may."""


def list_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def list_changes(request: Request) -> Response:
        """The changes."""
        frame, actor, query = pages.frame(request), asker(request).actor, dict(request.query_params)
        return pages.show(await reading(pages.service, lambda session: _page(session, frame, actor, query)))

    return router


def _page(session: Session, frame: Frame, actor: Actor, query: Mapping[str, str]) -> ChangesPage:
    """The list that an address asks for. Raises ProblemError when its cursor is none."""
    names = ("words", "state", "kind", "policy", "author", "mine")
    filters = {name: query.get(name, "").strip()[:LONGEST] for name in names}
    sort = SORTS.get(query.get("sort", ""), "-acted")
    cursor = query.get("cursor") or None
    found = approval.changes(
        session, wanted(filters, actor, frame.now), sort=sort, cursor=open_cursor(cursor) or None, limit=SHOWN
    )
    mine = wanted({**dict.fromkeys(names, ""), "mine": "yes"}, actor, frame.now)
    verdict = may_ask(actor, PERMISSIONS["POST", PATH])
    following = close_cursor(found.cursor) if found.cursor else None
    return ChangesPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, sort, cursor, following),
        form=Filled("", {name: (value,) for name, value in filters.items()}),
        rows=tuple(_row(change, mine) for change in found.changes),
        states=STATE_NAMES,
        kinds=KIND_NAMES,
        policies=tuple((name, name) for name in policy_names(session)),
        authors=_authors(session),
        may_sign=bool(actor.roles - {Role.AUTHOR, Role.ADMINISTRATOR, Role.INTEGRATION}),
        why_not=None if verdict is True else verdict,
    )


def wanted(filters: Mapping[str, str], actor: Actor, now: datetime) -> Wanted:
    """Which changes the filters leave; a state or a kind that there is none of is as if it were not said."""
    state = filters["state"]
    states = OPEN if state == IS_OPEN else frozenset(each for each in State if each.value == state)
    return Wanted(
        states=states,
        kind=KINDS.get(filters["kind"]),
        author=filters["author"] or None,
        policy=filters["policy"] or None,
        text=filters["words"],
        waiting_for=actor if filters["mine"] else None,
        now=now,
    )


def _row(change: Change, mine: Wanted) -> Row:
    submission, draft = change.submission, change.draft
    return Row(
        change=change,
        versions=submission.versions if submission else draft.versions,
        files=len(draft.texts),
        acted_at=change.acted[-1].at,
        awaited=change.owed if change.state is State.SUBMITTED else (),
        is_mine=mine.takes(change),
    )


def _authors(session: Session) -> Sequence[tuple[str, str]]:
    """Who may begin changes, by the name that is printed."""
    writing = [account for account in accounts(session).values() if Role.AUTHOR in account.roles]
    return tuple((account.id, account.printed_name) for account in sorted(writing, key=lambda each: each.printed_name))

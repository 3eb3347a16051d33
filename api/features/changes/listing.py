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

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS, check_permission
from api.kit.forms import FormState
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.rendering import Pages
from api.kit.vocabulary import enum_label
from api.web.cursors import decode_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.queries import OPEN, ChangeFilter, ChangeSort
from policy_service.approval.service import Change, ChangeKind, ChangeState, Version
from policy_service.identity.service import accounts
from policy_service.messages import Message
from policy_service.registry.service import policy_names

PATH = "/changes"
PAGE_SIZE = 30
"""Changes on a page."""
MAX_FILTER_LENGTH = 200
"""Characters of a filter."""
OPEN_FILTER = "open"
"""What stands for all states in which a change waits for a person."""
SORTS: Mapping[str, ChangeSort] = {"created": "created", "-created": "-created", "acted": "acted", "-acted": "-acted"}
KINDS: Mapping[str, ChangeKind] = {"change": "change", "rollback": "rollback"}
KIND_NAMES = (("change", Message("new versions")), ("rollback", Message("rollback")))
STATE_NAMES = (
    (OPEN_FILTER, Message("open: draft, submitted or approved")),
    *((each.value, enum_label(each)) for each in ChangeState),
)
COLUMNS = (
    Column("title", Message("Change")),
    Column("versions", Message("Versions")),
    Column("state", Message("State")),
    Column("effective", Message("Effective from")),
    Column("created", Message("Begun"), is_sortable=True),
    Column("acted", Message("Last action"), is_sortable=True),
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
    owed_roles: tuple[Role, ...]
    """Who owes a signature; nobody while the change is not under review."""
    awaits_reader: bool
    """Whether it waits for a signature of the reader."""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """The list."""

    template: ClassVar[str] = "changes/list.html"
    frame: Frame
    listing: Listing
    form: FormState
    rows: tuple[Row, ...]
    states: Sequence[tuple[str, Message]]
    kinds: Sequence[tuple[str, Message]]
    policies: Sequence[tuple[str, str]]
    authors: Sequence[tuple[str, str]]
    may_sign: bool
    denied_reason: str | None
    """Why the reader may begin none; None for those who may."""


def list_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def list_changes(request: Request) -> Response:
        """The changes."""
        frame, actor, query = pages.frame(request), principal_of(request).actor, dict(request.query_params)
        return pages.render(await run_read(pages.service, lambda session: _page(session, frame, actor, query)))

    return router


def _page(session: Session, frame: Frame, actor: Actor, query: Mapping[str, str]) -> ChangesPage:
    """The list that an address asks for. Raises ProblemError when its cursor is none."""
    names = ("words", "state", "kind", "policy", "author", "mine")
    filters = {name: query.get(name, "").strip()[:MAX_FILTER_LENGTH] for name in names}
    sort = SORTS.get(query.get("sort", ""), "-acted")
    cursor = query.get("cursor") or None
    result = approval.list_changes(
        session,
        change_filter(filters, actor, frame.now),
        sort=sort,
        cursor=decode_cursor(cursor) or None,
        limit=PAGE_SIZE,
    )
    mine_filter = change_filter({**dict.fromkeys(names, ""), "mine": "yes"}, actor, frame.now)
    permission = check_permission(actor, PERMISSIONS["POST", PATH])
    next_cursor = encode_cursor(result.cursor) if result.cursor else None
    return ChangesPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, sort, cursor, next_cursor),
        form=FormState("", {name: (value,) for name, value in filters.items()}),
        rows=tuple(_row(change, mine_filter) for change in result.changes),
        states=STATE_NAMES,
        kinds=KIND_NAMES,
        policies=tuple((name, name) for name in policy_names(session)),
        authors=_authors(session),
        may_sign=not actor.roles.isdisjoint(SIGNING_ROLES),
        denied_reason=None if permission is True else permission,
    )


def change_filter(filters: Mapping[str, str], actor: Actor, now: datetime) -> ChangeFilter:
    """Return the filter of changes; an unknown state or kind does not filter."""
    state = filters["state"]
    states = OPEN if state == OPEN_FILTER else frozenset(each for each in ChangeState if each.value == state)
    return ChangeFilter(
        states=states,
        kind=KINDS.get(filters["kind"]),
        author=filters["author"] or None,
        policy=filters["policy"] or None,
        text=filters["words"],
        signer=actor if filters["mine"] else None,
        now=now,
    )


def _row(change: Change, mine_filter: ChangeFilter) -> Row:
    submission, draft = change.submission, change.draft
    return Row(
        change=change,
        versions=submission.versions if submission else draft.versions,
        files=len(draft.texts),
        acted_at=change.actions[-1].at,
        owed_roles=change.missing_roles if change.state is ChangeState.SUBMITTED else (),
        awaits_reader=mine_filter.matches(change),
    )


def _authors(session: Session) -> Sequence[tuple[str, str]]:
    """Return the authors, by printed name."""
    authors = [account for account in accounts(session).values() if Role.AUTHOR in account.roles]
    return tuple((account.id, account.printed_name) for account in sorted(authors, key=lambda each: each.printed_name))

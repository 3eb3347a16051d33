"""`/changes`: the list of changes, filtered, sorted and paged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.table import Options, Table, TableColumn, TableFilter, TableQuery, denied_reason
from api.kit.table_options import OF_POLICY
from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.queries import OPEN, ChangeFilter
from policy_service.approval.service import Change, ChangeKind, ChangeState
from policy_service.identity.service import accounts
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.paging import Page

PATH = "/changes"
OPEN_FILTER = "open"
"""The filter value for all states in which a change awaits a person."""
KIND_NAMES: tuple[tuple[ChangeKind, Message], ...] = (
    ("change", Message("new versions")),
    ("rollback", Message("rollback")),
    ("first_versions", Message("first versions")),
)
STATE_NAMES = (
    (OPEN_FILTER, Message("open: draft, submitted or approved")),
    *((each.value, enum_label(each)) for each in ChangeState),
)


@dataclass(frozen=True, slots=True)
class ListedChange:
    """One change of the list."""

    change: Change
    awaits_reader: bool
    """True if it awaits the reader's signature."""

    @property
    def owed_roles(self) -> tuple[Role, ...]:
        """The roles that have not signed yet; empty unless the change is under review."""
        return self.change.missing_roles if self.change.state is ChangeState.SUBMITTED else ()


def _read_page(session: Session, context: PageContext, query: TableQuery) -> Page[ListedChange]:
    actor, now = context.actor, context.frame.now
    page = approval.list_changes(session, change_filter(query.filters, actor, now), **query.paging)
    mine = ChangeFilter(signer=actor, now=now)
    return Page(tuple(ListedChange(change, mine.matches(change)) for change in page.items), page.next_cursor)


def change_filter(filters: Mapping[str, str], actor: Actor, now: datetime) -> ChangeFilter:
    """Return the filter of changes in a query."""
    state = filters["state"]
    return ChangeFilter(
        states=OPEN if state == OPEN_FILTER else frozenset(each for each in ChangeState if each.value == state),
        kind=cast("ChangeKind | None", filters["kind"] or None),
        author=filters["author"] or None,
        policy=filters["policy"] or None,
        text=filters["q"],
        signer=actor if filters["mine"] else None,
        now=now,
    )


def _author_options(session: Session, _: PageContext) -> Options:
    """Return the authors of changes, by printed name."""
    authors = [account for account in accounts(session).values() if Role.AUTHOR in account.roles]
    return tuple((account.id, account.printed_name) for account in sorted(authors, key=lambda each: each.printed_name))


CHANGES: Table[ListedChange] = Table(
    path=PATH,
    title=Message("Changes"),
    about=Message("Changes put versions of policies in force, from draft to signature."),
    columns=(
        TableColumn("title", Message("Change"), lambda each, _: each.change.draft.title),
        TableColumn("kind", Message("Kind"), lambda each, _: dict(KIND_NAMES)[each.change.kind], is_export_only=True),
        TableColumn("author", Message("Author"), lambda each, _: each.change.author.printed_name, is_export_only=True),
        TableColumn(
            "versions",
            Message("Versions"),
            lambda each, _: [f"{version.policy} {version.version}" for version in each.change.versions],
        ),
        TableColumn("state", Message("State"), lambda each, _: each.change.state),
        TableColumn("owed", Message("Awaited signatures"), lambda each, _: each.owed_roles, is_export_only=True),
        TableColumn("effective", Message("Effective from"), lambda each, _: each.change.draft.effective.start),
        TableColumn("created", Message("Begun"), lambda each, _: each.change.actions[0].at, is_sortable=True),
        TableColumn("acted", Message("Last action"), lambda each, _: each.change.actions[-1].at, is_sortable=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.change.id, is_export_only=True),
    ),
    filters=(
        TableFilter("q", Message("Words in the title")),
        TableFilter("state", Message("State"), "choice", STATE_NAMES, Message("all states")),
        TableFilter("kind", Message("Kind"), "choice", KIND_NAMES, Message("all kinds")),
        OF_POLICY,
        TableFilter("author", Message("Author"), "choice", _author_options, Message("anyone")),
        TableFilter("mine", Message("awaiting my signature"), "check", roles=frozenset(SIGNING_ROLES)),
    ),
    sort="-acted",
    read=_read_page,
    row_id=lambda each: each.change.id,
    cells="changes/_cells.html",
    empty=(
        Message("There is no change yet."),
        Message("An author creates one; the versions in force were imported at set-up."),
    ),
    no_match=Message("No matching changes."),
    read_extra=denied_reason(PATH),
    css_class="changes",
)

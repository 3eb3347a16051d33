"""`/audit/checkpoints` and `/audit/public-key.pem`: the signed checkpoints, and the public key to verify them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session
from starlette.responses import Response

from api.features.audit.entry import LOG_BREADCRUMBS
from api.kit.context import PageContext, attachment
from api.kit.page_route import PageRoute
from api.kit.table import Table, TableColumn, TableFilter, TableQuery
from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.keys import PublicKey
from policy_service.audit.queries import CheckpointCopies, list_checkpoints, list_copies
from policy_service.audit.service import public_key_in_use, read_public_keys
from policy_service.clock import instants_between
from policy_service.messages import Message
from policy_service.paging import Page


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """One checkpoint."""

    size: int
    at: datetime
    root: str
    head: str
    key: int | None
    """The number of the key, from 1; None if the log has no such key."""


@dataclass(frozen=True, slots=True)
class CheckpointOverview:
    """The keys, copies and advice shown above the checkpoints."""

    keys: tuple[PublicKey, ...]
    """In the order of use; the last one is in use."""
    copies: tuple[CheckpointCopies, ...]
    advice: tuple[Message, ...]
    """Files beside the database that should be stored elsewhere."""


def send_public_key(session: Session, _: PageContext) -> Response:
    """Send the public key in use, as PEM."""
    return attachment(public_key_in_use(session).to_pem().encode(), "policy-service.pub.pem", "application/x-pem-file")


ROUTES = (PageRoute("/audit/public-key.pem", send_public_key),)


def _read_page(session: Session, context: PageContext, query: TableQuery) -> Page[CheckpointView]:
    since, until = instants_between(query.day("since"), query.day("until"), context.service.zone)
    page = list_checkpoints(session, since=since, until=until, **query.paging)
    keys = read_public_keys(session)
    return Page(tuple(_checkpoint_view(each, keys) for each in page.items), page.next_cursor)


def _read_overview(session: Session, context: PageContext) -> CheckpointOverview:
    return CheckpointOverview(read_public_keys(session), list_copies(session), tuple(context.service.advice))


CHECKPOINTS: Table[CheckpointView] = Table(
    path="/audit/checkpoints",
    title=Message("Checkpoints and keys"),
    about=Message(
        "Length and digest of the log each time it was signed. Copies are kept in a file elsewhere, so that a "
        "truncated log is detected."
    ),
    columns=(
        TableColumn("size", Message("Entries"), lambda each, _: each.size, is_sortable=True),
        TableColumn("at", Message("Signed"), lambda each, _: each.at),
        TableColumn("root", Message("Root of the tree"), lambda each, _: each.root),
        TableColumn("head", Message("Digest of the last entry"), lambda each, _: each.head),
        TableColumn("key", Message("Key"), lambda each, _: each.key),
        TableColumn("id", Message("Identifier"), lambda each, _: each.size, is_export_only=True),
    ),
    filters=(
        TableFilter("since", Message("From"), "day"),
        TableFilter("until", Message("To (inclusive)"), "day"),
    ),
    sort="-size",
    read=_read_page,
    row_id=lambda each: str(each.size),
    cells="audit/_checkpoint_cells.html",
    empty=(
        Message("Nothing was signed yet."),
        Message("The service signs the log every few seconds. Reload in a moment."),
    ),
    no_match=Message("Nothing was signed in this period."),
    read_extra=_read_overview,
    breadcrumbs=LOG_BREADCRUMBS,
)


def _checkpoint_view(checkpoint: SignedExtent, keys: Sequence[PublicKey]) -> CheckpointView:
    number = next((number for number, key in enumerate(keys, 1) if key.id == checkpoint.key), None)
    extent = checkpoint.extent
    return CheckpointView(extent.size, datetime.fromisoformat(checkpoint.at), extent.root, extent.head, number)

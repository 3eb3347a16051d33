"""`GET /suspensions`: what was taken out of force in an emergency, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlmodel import Session

from api.kit.frame import Frame
from api.kit.table import Table, TableColumn, TableContext, TableFilter, TableQuery
from policy_service.approval.suspension import Suspension
from policy_service.approval.suspension_queries import (
    SuspensionFilter,
    SuspensionSort,
    SuspensionStatus,
    list_suspensions,
)
from policy_service.messages import Message
from policy_service.paging import Page

STATUS_NAMES: Mapping[SuspensionStatus, Message] = {
    "running": Message("in effect"),
    "unratified": Message("awaiting ratification"),
    "over": Message("over"),
}


def read_page(session: Session, context: TableContext, query: TableQuery) -> Page[Suspension]:
    """Return one page of the suspensions that the filters leave."""
    status = cast("SuspensionStatus | None", query.filters["state"] or None)
    criteria, sort = SuspensionFilter(query.filters["policy"] or None, status), cast("SuspensionSort", query.sort)
    return list_suspensions(session, criteria, context.frame.now, sort=sort, cursor=query.cursor, limit=query.limit)


def _state(suspension: Suspension, frame: Frame) -> Message:
    if not suspension.is_active(frame.now):
        return Message("over")
    return Message("ratified") if suspension.ratification else Message("awaiting ratification")


SUSPENSIONS: Table[Suspension] = Table(
    path="/suspensions",
    title=Message("Suspensions"),
    about=Message(
        "Versions that one director suspended in an emergency. A suspension ends automatically, by a person, or by a "
        "signed change."
    ),
    columns=(
        TableColumn("begun", Message("Begun"), lambda each, _: each.signature.at, is_sortable=True),
        TableColumn("policy", Message("Policy"), lambda each, _: each.policy),
        TableColumn("version", Message("Version"), lambda each, _: each.version, is_export_only=True),
        TableColumn("fallback", Message("Version in its place"), lambda each, _: each.fallback, is_export_only=True),
        TableColumn("state", Message("State"), _state),
        TableColumn("until", Message("Until"), lambda each, _: each.until),
        TableColumn("by", Message("Signed by"), lambda each, _: each.signature.by.printed_name),
        TableColumn("role", Message("Role"), lambda each, _: each.signature.role, is_export_only=True),
        TableColumn("reason", Message("Reason"), lambda each, _: each.signature.reason),
        TableColumn("id", Message("Identifier"), lambda each, _: each.id, is_export_only=True),
    ),
    filters=(
        TableFilter("policy", Message("Policy"), placeholder="tiering/rfm_value"),
        TableFilter("state", Message("State"), "choice", tuple(STATUS_NAMES.items())),
    ),
    sort="-begun",
    read=read_page,
    row_id=lambda each: each.id,
    cells="suspensions/_cells.html",
    empty=(
        Message("No suspensions yet."),
        Message("A director suspends a version from the page of its policy."),
    ),
    no_match=Message("No matching suspensions."),
)

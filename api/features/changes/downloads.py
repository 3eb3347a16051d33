"""Files of a change: `…/texts/{text}`, `…/evidence`; whom it moves, what work it makes and what came of it, as CSV."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlmodel import Session
from starlette.responses import Response

from api.features.changes.actual_effect import requested_day
from api.features.changes.simulation import evidence_response, export_comparison, export_movers, export_workload
from api.kit.context import PageContext, attachment
from api.kit.page_route import PageRoute
from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.language.file_text import file_name
from policy_service.messages import Message


def send_text(session: Session, _: PageContext, change: str, text: str) -> Response:
    """Send the file under a digest, of the draft as it is or as it was before."""
    content = _text(session, change, text)
    return attachment(content, file_name(content), "application/yaml")


def send_evidence(session: Session, _: PageContext, change: str) -> Response:
    """Send the file that stands behind first versions."""
    return evidence_response(session, change)


async def send_actual_effect(context: PageContext, change: str) -> Response:
    """Send what came of the change beside what was expected, as CSV."""
    content = await export_comparison(context.service, context.actor, change, requested_day(context))
    return _csv(content, "actual-effect", change)


def _csv_route(name: str, export: Callable[[Service, Actor, str], Awaitable[bytes]]) -> PageRoute:
    async def send_csv(context: PageContext, change: str) -> Response:
        return _csv(await export(context.service, context.actor, change), name, change)

    return PageRoute(f"/changes/{{change}}/{name}.csv", send_csv)


def _csv(content: bytes, name: str, change: str) -> Response:
    return attachment(content, f"{name}-{change}.csv", "text/csv; charset=utf-8")


def _text(session: Session, change_id: str, text: str) -> bytes:
    change = approval.read_change(session, change_id)
    if not any(acted.draft and text in acted.draft.texts for acted in change.actions):
        raise ProblemError(NOT_FOUND, Message("The change holds no such text."))
    return approval.read_text(session, text)


ROUTES = (
    PageRoute("/changes/{change}/texts/{text}", send_text),
    PageRoute("/changes/{change}/evidence", send_evidence),
    PageRoute("/changes/{change}/actual-effect.csv", send_actual_effect),
    _csv_route("movers", export_movers),
    _csv_route("workload", export_workload),
)

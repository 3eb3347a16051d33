"""Files of a change: `…/texts/{text}`, `…/evidence`; whom it moves, what work it makes and what came of it, as CSV."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes.actual_effect import requested_day
from api.features.changes.simulation import evidence_response, export_comparison, export_movers, export_workload
from api.kit.page_route import PageRoute
from api.kit.rendering import NO_STORE, Pages
from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.language.file_text import file_name
from policy_service.messages import Message


async def send_text(pages: Pages, _: Request, change: str, text: str) -> Response:
    """Send the file under a digest, of the draft as it is or as it was before."""
    content = await run_read(pages.service, lambda session: _text(session, change, text))
    headers = {"Content-Disposition": f'attachment; filename="{file_name(content)}"'}
    return Response(content, headers={**NO_STORE, **headers}, media_type="application/yaml")


async def send_evidence(pages: Pages, _: Request, change: str) -> Response:
    """Send the file that stands behind first versions."""
    return await run_read(pages.service, lambda session: evidence_response(session, change))


async def send_actual_effect(pages: Pages, request: Request, change: str) -> Response:
    """Send what came of the change beside what was expected, as CSV."""
    actor, day = principal_of(request).actor, requested_day(request)
    return _csv(await export_comparison(pages.service, actor, change, day), "actual-effect", change)


def _csv_route(name: str, export: Callable[[Service, Actor, str], Awaitable[bytes]]) -> PageRoute:
    async def send_csv(pages: Pages, request: Request, change: str) -> Response:
        return _csv(await export(pages.service, principal_of(request).actor, change), name, change)

    return PageRoute(f"/changes/{{change}}/{name}.csv", send_csv)


def _csv(content: bytes, name: str, change: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}-{change}.csv"'}
    return Response(content, headers={**NO_STORE, **headers}, media_type="text/csv; charset=utf-8")


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

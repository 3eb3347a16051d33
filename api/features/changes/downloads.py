"""Files of a change: `…/texts/{text}`, `…/evidence`; whom it moves, what work it makes and what came of it, as CSV."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes.actual_effect import requested_day
from api.features.changes.evidence import evidence_response
from api.features.changes.simulation import export_comparison, export_movers, export_workload
from api.kit.rendering import NO_STORE, Pages
from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.language.file_text import file_name
from policy_service.messages import Message


def download_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/changes/{change}/texts/{text}")
    async def download(change: str, text: str) -> Response:
        """The file under a digest, of the draft as it is or as it was before."""
        content = await run_read(pages.service, lambda session: _text(session, change, text))
        headers = {"Content-Disposition": f'attachment; filename="{file_name(content)}"'}
        return Response(content, headers={**NO_STORE, **headers}, media_type="application/yaml")

    @router.get("/changes/{change}/evidence")
    async def download_evidence(change: str) -> Response:
        """The file that stands behind first versions."""
        return await run_read(pages.service, lambda session: evidence_response(session, change))

    for name, export in (("movers", export_movers), ("workload", export_workload)):
        router.get(f"/changes/{{change}}/{name}.csv", name=name)(_csv_route(pages, name, export))

    @router.get("/changes/{change}/actual-effect.csv")
    async def actual_effect(request: Request, change: str) -> Response:
        """What came of the change beside what was expected, as CSV."""
        actor, day = principal_of(request).actor, requested_day(request)
        return _csv(await export_comparison(pages.service, actor, change, day), "actual-effect", change)

    return router


def _csv_route(
    pages: Pages, name: str, export: Callable[[Service, Actor, str], Awaitable[bytes]]
) -> Callable[[Request, str], Awaitable[Response]]:
    async def endpoint(request: Request, change: str) -> Response:
        return _csv(await export(pages.service, principal_of(request).actor, change), name, change)

    return endpoint


def _csv(content: bytes, name: str, change: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}-{change}.csv"'}
    return Response(content, headers={**NO_STORE, **headers}, media_type="text/csv; charset=utf-8")


def _text(session: Session, change_id: str, text: str) -> bytes:
    change = approval.read_change(session, change_id)
    if not any(acted.draft and text in acted.draft.texts for acted in change.actions):
        raise ProblemError(NOT_FOUND, Message("The change holds no such text."))
    return approval.read_text(session, text)

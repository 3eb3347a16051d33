"""`/changes/{change}/texts/{text}` and `/evidence`: a policy file or the evidence of a change, byte for byte."""

from __future__ import annotations

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import Response

from api.features.changes.evidence import evidence_response
from api.kit.rendering import NO_STORE, Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
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

    return router


def _text(session: Session, change_id: str, text: str) -> bytes:
    change = approval.read_change(session, change_id)
    if not any(acted.draft and text in acted.draft.texts for acted in change.actions):
        raise ProblemError(NOT_FOUND, Message("The change holds no such text."))
    return approval.read_text(session, text)

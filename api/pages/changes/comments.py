"""`POST /changes/{change}/comments`: says something about a change, for everybody who reads it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.acting import act_on
from api.pages.confirming import Reason
from api.pages.forms import Form, FormModel
from api.pages.rendering import Do, Pages
from policy_service.approval import service as approval
from policy_service.database import Transaction


class Comment(FormModel):
    """What is said."""

    text: Reason


def comment_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.post("/changes/{change}/comments")
    async def comment(request: Request, change: str) -> Response:
        """Says something."""
        actor = asker(request).actor

        async def prepare(given: Comment, _: Form) -> Do:
            def do(transaction: Transaction) -> str:
                approval.comment(transaction, actor, change, given.text)
                return f"/changes/{change}?done=commented#discussion"

            return do

        return await act_on(pages, request, change, "comments", Comment, prepare)

    return router

"""`POST /changes/{change}/comments`: says something about a change, for everybody who reads it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes.action_routes import submit_action
from api.kit.forms import Form, FormModel
from api.kit.reauthentication import Reason
from api.kit.rendering import Command, Pages
from policy_service.approval import service as approval
from policy_service.database import Transaction


class CommentForm(FormModel):
    """What is said."""

    text: Reason


def comment_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.post("/changes/{change}/comments")
    async def comment(request: Request, change: str) -> Response:
        """Says something."""
        actor = principal_of(request).actor

        async def prepare(values: CommentForm, _: Form) -> Command:
            def command(transaction: Transaction) -> str:
                approval.comment(transaction, actor, change, values.text)
                return f"/changes/{change}?done=commented#discussion"

            return command

        return await submit_action(pages, request, change, "comments", CommentForm, prepare)

    return router

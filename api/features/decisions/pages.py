"""`/decisions`: search, read, replay and prove decisions."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.features.decisions.detail import decision_id, decision_page
from api.features.decisions.listing import DECISIONS, decision_address
from api.kit.rendering import NO_STORE, Pages
from api.kit.table import render_table
from api.kit.table_export import export_routes
from api.web.transactions import run_read
from policy_service.decisions.block_store import prove_decision
from policy_service.decisions.record_queries import read_decision


def decision_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = export_routes(pages, DECISIONS)
    service = pages.service

    @router.get("/decisions")
    async def decisions(request: Request) -> Response:
        """The decisions that the filters leave, or the way to the one whose identifier was typed."""
        text = request.query_params.get("q", "")
        if address := await run_read(service, lambda session: decision_address(session, text)):
            return pages.redirect(address)
        return await render_table(pages, request, DECISIONS)

    @router.get("/decisions/{decision}")
    async def decision(request: Request, decision: str) -> Response:
        """One decision."""
        frame, name = pages.frame(request), decision_id(decision)
        return pages.render(await run_read(service, lambda session: decision_page(service, session, frame, name)))

    @router.get("/decisions/{decision}/proof.json")
    async def proof(decision: str) -> Response:
        """The proof of one decision, for a reader who has only the public key."""
        name = decision_id(decision)

        def prove(session: Session) -> dict[str, Any]:
            read_decision(session, name)
            return prove_decision(session, name)

        content = await run_read(service, prove)
        headers = {"content-disposition": f'attachment; filename="proof-{name}.json"', **NO_STORE}
        return Response(msgspec.json.encode(content), headers=headers, media_type="application/json")

    return router

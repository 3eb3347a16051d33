"""`/decisions`: search, read, replay and prove decisions."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.features.decisions.detail import DecisionPage, decision_id, decision_page
from api.features.decisions.listing import DECISIONS, decision_address
from api.kit.page_route import PageRoute
from api.kit.rendering import NO_STORE, Pages
from api.kit.table import render_table
from api.web.transactions import run_read
from policy_service.decisions.block_store import prove_decision
from policy_service.decisions.record_queries import read_decision


async def show_list(pages: Pages, request: Request) -> Response:
    """Show the decisions that the filters leave, or lead to the one whose identifier was typed."""
    text = request.query_params.get("q", "")
    if address := await run_read(pages.service, lambda session: decision_address(session, text)):
        return pages.redirect(address)
    return await render_table(pages, request, DECISIONS)


async def show_one(pages: Pages, request: Request, decision: str) -> DecisionPage:
    """Build the page of one decision."""
    service, frame, name = pages.service, pages.frame(request), decision_id(decision)
    return await run_read(service, lambda session: decision_page(service, session, frame, name))


async def send_proof(pages: Pages, _: Request, decision: str) -> Response:
    """Send the proof of one decision, for a reader who has only the public key."""
    name = decision_id(decision)

    def prove(session: Session) -> dict[str, Any]:
        read_decision(session, name)
        return prove_decision(session, name)

    content = await run_read(pages.service, prove)
    headers = {"content-disposition": f'attachment; filename="proof-{name}.json"', **NO_STORE}
    return Response(msgspec.json.encode(content), headers=headers, media_type="application/json")


ROUTES = (
    PageRoute("/decisions", show_list),
    PageRoute("/decisions/{decision}", show_one),
    PageRoute("/decisions/{decision}/proof.json", send_proof),
)

"""`/decisions`: found, told, made again, proved."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.pages.decisions.listing import decisions_page, sought
from api.pages.decisions.one import decision_id, decision_page
from api.pages.rendering import NO_STORE, Pages
from api.transactions import reading
from policy_service.decisions.records import read_decision
from policy_service.decisions.seals import prove_decision


def decision_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/decisions")
    async def decisions(request: Request) -> Response:
        """The latest decisions, or those that are looked for."""
        frame, wanted = pages.frame(request), sought(request.query_params)
        found = await reading(service, lambda session: decisions_page(service, session, frame, wanted))
        if isinstance(found, str):
            return pages.go_on(found)
        return pages.show(found, 422 if found.form.faults else 200)

    @router.get("/decisions/{decision}")
    async def decision(request: Request, decision: str) -> Response:
        """One decision."""
        frame, name = pages.frame(request), decision_id(decision)
        return pages.show(await reading(service, lambda session: decision_page(service, session, frame, name)))

    @router.get("/decisions/{decision}/proof.json")
    async def proof(decision: str) -> Response:
        """The proof of one decision, for a reader who has only the public key."""
        name = decision_id(decision)

        def prove(session: Session) -> dict[str, Any]:
            read_decision(session, name)
            return prove_decision(session, name)

        found = await reading(service, prove)
        attached = {"content-disposition": f'attachment; filename="proof-{name}.json"', **NO_STORE}
        return Response(msgspec.json.encode(found), headers=attached, media_type="application/json")

    return router

"""`/v1/suspensions`: a version is taken out of force in an emergency, by one director, for a while."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api.auth.signed_writes import run_signed_command
from api.features.suspensions.schemas import SuspendModel, SuspensionModel, SuspensionPage
from api.service import Service
from api.web.idempotent_writes import WriteResult, write_route
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import INVALID_PARAMETER
from api.web.rest_router import RestRouter
from api.web.schemas import BODY_PROBLEMS, READ_PROBLEMS, SIGNING_PROBLEMS, WRITE_PROBLEMS, Id, SignedReason
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval import suspension_queries as queries
from policy_service.approval.service import Suspension
from policy_service.approval.suspension_queries import SuspensionFilter, SuspensionSort, SuspensionStatus
from policy_service.database import Transaction
from policy_service.language.load import POLICY_ID

PAGE = 100
REFUSALS = (*BODY_PROBLEMS, *WRITE_PROBLEMS, *SIGNING_PROBLEMS)
Limit = Annotated[int, Query(ge=1, le=PAGE, description="suspensions on a page")]
OfPolicy = Annotated[str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only suspensions of this policy")]
InState = Annotated[
    SuspensionStatus | None, Query(description="only those that last, wait for a second signature, are over")
]


def suspension_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/suspensions", "suspensions")
    _add_reading(router, service)
    _add_commands(router, service)
    return router


def _add_reading(router: RestRouter, service: Service) -> None:
    @router.get("", operation_id="list_suspensions", responses=problems(INVALID_PARAMETER))
    async def list_suspensions(
        *,
        policy: OfPolicy = None,
        state: InState = None,
        sort: SuspensionSort = "-begun",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> SuspensionPage:
        """Suspensions, the newest first by default, whether they still last or not."""
        criteria, now = SuspensionFilter(policy, state), service.clock.now()
        page = await run_read(
            service,
            lambda s: queries.list_suspensions(s, criteria, now, sort=sort, cursor=cursor, limit=limit),
        )
        items = [SuspensionModel.at(each, now) for each in page.items]
        return SuspensionPage(items=items, next_cursor=page.next_cursor)

    @router.get("/{suspension}", operation_id="get_suspension", responses=problems(*READ_PROBLEMS))
    async def get_suspension(suspension: Id) -> SuspensionModel:
        """One suspension."""
        current = await run_read(service, lambda session: approval.read_suspension(session, suspension))
        return SuspensionModel.at(current, service.clock.now())


def _add_commands(router: RestRouter, service: Service) -> None:
    @router.post("", operation_id="suspend", **write_route(SuspensionModel, REFUSALS, SuspendModel, status=201))
    async def suspend(request: Request) -> Response:
        """Take the version in force out of force at once; the version before applies for 72 hours."""

        def command(transaction: Transaction, actor: Actor, fields: dict[str, Any]) -> WriteResult:
            suspended = approval.suspend(transaction, actor, **fields)
            return _answer(transaction, suspended, 201, {"Location": f"/v1/suspensions/{suspended.id}"})

        return await run_signed_command(service, request, SuspendModel, command)

    signed_reason = write_route(SuspensionModel, REFUSALS, SignedReason)

    @router.post("/{suspension}/ratify", operation_id="ratify_suspension", **signed_reason)
    async def ratify_suspension(request: Request, suspension: Id) -> Response:
        """Another person's signature, by which it lasts for 30 days from its beginning."""
        return await run_signed_command(
            service, request, SignedReason, lambda t, actor, of: _answer(t, approval.ratify(t, actor, suspension, **of))
        )

    @router.post("/{suspension}/end", operation_id="end_suspension", **signed_reason)
    async def end_suspension(request: Request, suspension: Id) -> Response:
        """End it now: what would be in force without it applies again."""
        return await run_signed_command(
            service,
            request,
            SignedReason,
            lambda t, actor, of: _answer(t, approval.end_suspension(t, actor, suspension, **of)),
        )


def _answer(
    transaction: Transaction, suspension: Suspension, status: int = 200, headers: dict[str, str] | None = None
) -> WriteResult:
    return WriteResult(SuspensionModel.at(suspension, transaction.now), status, headers or {})

"""`/v1/suspensions`: a version is taken out of force in an emergency, by one director, for a while."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.confirmation import confirmed_actor
from api.cursors import Cursor, close_cursor, open_cursor
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import INVALID_PARAMETER
from api.rest.change_bodies import SignedReason, SuspendModel
from api.rest.change_models import SuspensionModel, SuspensionPage, suspension_model
from api.rest.changes import KNOWN, WRITTEN, Id
from api.rest.review import SIGNED
from api.rest.session import BODY
from api.service import Service
from api.transactions import reading
from api.writing import WRITE, Answer, perform
from policy_service.approval import service as approval
from policy_service.approval.service import Suspension
from policy_service.database import Transaction
from policy_service.language.load import POLICY_ID

PAGE = 100
Limit = Annotated[int, Query(ge=1, le=PAGE, description="suspensions on a page")]
OfPolicy = Annotated[str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only suspensions of this policy")]


def suspension_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/suspensions", tags=["suspensions"])
    _add_reading(router, service)
    _add_suspending(router, service)
    _add_ending(router, service)
    return router


def _add_reading(router: APIRouter, service: Service) -> None:
    @router.get("", operation_id="list_suspensions", responses=problems(INVALID_PARAMETER))
    async def list_suspensions(policy: OfPolicy = None, limit: Limit = PAGE, cursor: Cursor = None) -> SuspensionPage:
        """Suspensions, the newest first, whether they still last or not."""
        before, now = open_cursor(cursor), service.clock.now()
        found = await reading(service, lambda session: approval.suspensions(session, policy))
        rest = [each for each in reversed(found) if not before or each.id < before]
        more = close_cursor(rest[limit - 1].id) if len(rest) > limit else None
        return SuspensionPage(items=[suspension_model(each, now) for each in rest[:limit]], next_cursor=more)

    @router.get("/{suspension}", operation_id="get_suspension", responses=problems(*KNOWN))
    async def get_suspension(suspension: Id) -> SuspensionModel:
        """One suspension."""
        found = await reading(service, lambda session: approval.read_suspension(session, suspension))
        return suspension_model(found, service.clock.now())


def _add_suspending(router: APIRouter, service: Service) -> None:
    @router.post(
        "",
        operation_id="suspend",
        status_code=201,
        response_model=SuspensionModel,
        openapi_extra=body_of(SuspendModel),
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN, *SIGNED),
    )
    async def suspend(request: Request) -> Response:
        """Takes the version in force out of force at once; the version before applies for 72 hours."""
        given = await read_members(request, SuspendModel)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(exclude={"password"})

        def act(transaction: Transaction) -> Answer:
            made = approval.suspend(transaction, actor, **said)
            return _answer(transaction, made, 201, {"Location": f"/v1/suspensions/{made.id}"})

        return await perform(service, request, act, given)


def _add_ending(router: APIRouter, service: Service) -> None:
    @router.post(
        "/{suspension}/ratify",
        operation_id="ratify_suspension",
        response_model=SuspensionModel,
        openapi_extra=body_of(SignedReason),
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN, *SIGNED),
    )
    async def ratify_suspension(request: Request, suspension: Id) -> Response:
        """Another person's signature, by which it lasts for 30 days from its beginning."""
        given = await read_members(request, SignedReason)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(include={"role", "reason"})
        return await perform(
            service, request, lambda t: _answer(t, approval.ratify(t, actor, suspension, **said)), given
        )

    @router.post(
        "/{suspension}/end",
        operation_id="end_suspension",
        response_model=SuspensionModel,
        openapi_extra=body_of(SignedReason),
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN, *SIGNED),
    )
    async def end_suspension(request: Request, suspension: Id) -> Response:
        """Ends it now: what would be in force without it applies again."""
        given = await read_members(request, SignedReason)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(include={"role", "reason"})
        return await perform(
            service, request, lambda t: _answer(t, approval.end_suspension(t, actor, suspension, **said)), given
        )


def _answer(
    transaction: Transaction, suspension: Suspension, status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    return Answer(suspension_model(suspension, transaction.now), status, headers or {})

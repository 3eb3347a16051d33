"""`/v1/changes/{change}/…`: a change is submitted, signed, sent back, rejected, withdrawn, scheduled, cancelled."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import confirmed_actor
from api.examining import Examiner
from api.heads import warm_heads
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import BUSY, CHECK_ABANDONED, CONFIRMATION_NEEDED, TOO_MANY_ATTEMPTS
from api.rest.change_bodies import SignOffModel, WhyModel
from api.rest.change_models import ChangeDetail
from api.rest.changes import EDITED, WRITTEN, Id, answer
from api.rest.session import BODY
from api.service import Service
from api.writing import EDIT, WRITE, Answer, expected_etag, perform, perform_prepared
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.database import Transaction

SIGNED = (CONFIRMATION_NEEDED, TOO_MANY_ATTEMPTS, BUSY)
Endpoint = Callable[..., Any]


class WithReason(Protocol):
    """Something that is done to a change, for a reason."""

    def __call__(self, transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
        """Does it; gives the change afterwards."""
        ...


def review_routes(service: Service, examiner: Examiner) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/changes/{change}", tags=["changes"])
    _add_submitting(router, service, examiner)
    _add_signing(router, service)
    _add_scheduling(router, service)
    with_reason: tuple[tuple[str, str, WithReason], ...] = (
        ("request-changes", "Sends a change back to its author.", approval.request_changes),
        ("reject", "Refuses a change for good.", approval.reject),
        ("withdraw", "Takes a change back for good, by its author.", approval.withdraw),
        ("cancel", "Takes a scheduled change back before its day.", approval.cancel),
    )
    for name, says, act in with_reason:
        router.post(
            f"/{name}",
            operation_id=f"{name.replace('-', '_')}_change".replace("changes_change", "changes"),
            summary=says.rstrip("."),
            response_model=ChangeDetail,
            openapi_extra=body_of(WhyModel),
            dependencies=EDIT,
            responses=problems(*BODY, *EDITED),
        )(_with_reason(service, act))
    return router


def _add_submitting(router: APIRouter, service: Service, examiner: Examiner) -> None:
    @router.post(
        "/submit",
        operation_id="submit_change",
        response_model=ChangeDetail,
        dependencies=EDIT,
        responses=problems(*EDITED, CHECK_ABANDONED, BUSY),
    )
    async def submit_change(request: Request, change: Id) -> Response:
        """Freezes a draft: from here on its digest is what is signed. Refused while there is anything wrong with it."""
        expected, actor = expected_etag(request), asker(request).actor

        async def prepare() -> Callable[[Transaction], Answer]:
            prepared = await examiner.prepare(change, expected)
            return lambda t: answer(t, actor, approval.submit(t, actor, prepared, expected=expected))

        return await perform_prepared(service, request, prepare)


def _add_signing(router: APIRouter, service: Service) -> None:
    @router.post(
        "/sign-offs",
        operation_id="sign_off_change",
        status_code=201,
        response_model=ChangeDetail,
        openapi_extra=body_of(SignOffModel),
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN, *SIGNED, *EDITED),
    )
    async def sign_off_change(request: Request, change: Id) -> Response:
        """Signs what was submitted: one person, in one role, on the digest that was read."""
        given = await read_members(request, SignOffModel)
        actor = await confirmed_actor(service, request, given.password)
        said = given.model_dump(include={"role", "digest", "meaning", "reason"})
        return await perform(
            service, request, lambda t: answer(t, actor, approval.sign_off(t, actor, change, **said), 201), given
        )


def _add_scheduling(router: APIRouter, service: Service) -> None:
    @router.post(
        "/schedule",
        operation_id="schedule_change",
        response_model=ChangeDetail,
        dependencies=EDIT,
        responses=problems(*EDITED),
    )
    async def schedule_change(request: Request, change: Id) -> Response:
        """Puts a change that everybody who must has signed in force, from the day that was signed."""
        expected, actor = expected_etag(request), asker(request).actor

        async def prepare() -> Callable[[Transaction], Answer]:
            await warm_heads(service, change)
            return lambda t: answer(t, actor, approval.schedule(t, actor, change, expected=expected))

        return await perform_prepared(service, request, prepare)


def _with_reason(service: Service, act: WithReason) -> Endpoint:
    async def endpoint(request: Request, change: Id) -> Response:
        expected, actor = expected_etag(request), asker(request).actor
        given = await read_members(request, WhyModel)
        return await perform(
            service,
            request,
            lambda t: answer(t, actor, act(t, actor, change, reason=given.reason, expected=expected)),
            given,
        )

    return endpoint

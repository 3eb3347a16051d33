"""`/v1/changes/{change}/…`: a change is submitted, signed, sent back, rejected, withdrawn, scheduled, cancelled."""

from collections.abc import Callable
from typing import Any, Protocol

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.signed_writes import run_signed_command
from api.features.changes.analysis import needs_analysis, start_analysis
from api.features.changes.bodies import SignOffModel, WhyModel
from api.features.changes.endpoints import EDIT_PROBLEMS, change_result
from api.features.changes.schemas import ChangeDetail
from api.service import Service
from api.web.idempotent_writes import (
    EDIT_HEADERS,
    WriteResult,
    expected_etag,
    run_prepared_write,
    run_write_command,
    write_route,
)
from api.web.json_body import read_json_body
from api.web.problems import BUSY, CHECK_ABANDONED
from api.web.rest_router import RestRouter
from api.web.schemas import BODY_PROBLEMS, SIGNING_PROBLEMS, WRITE_PROBLEMS, Id
from api.web.transactions import run_read
from api.workers.preparation import DraftChecker, require_undrifted, warm_heads
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.database import Transaction
from policy_service.jobs.runner import Jobs

Endpoint = Callable[..., Any]


class ReasonedCommand(Protocol):
    """An action on a change, with a reason."""

    def __call__(self, transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
        """Run the action; return the change afterwards."""
        ...


def review_routes(service: Service, examiner: DraftChecker, jobs: Jobs) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/changes/{change}", "changes")
    _add_submitting(router, service, examiner, jobs)
    _add_signing(router, service)
    _add_scheduling(router, service)
    with_reason: tuple[tuple[str, str, ReasonedCommand], ...] = (
        ("request-changes", "Sends a change back to its author.", approval.request_changes),
        ("reject", "Refuses a change for good.", approval.reject),
        ("withdraw", "Takes a change back for good, by its author.", approval.withdraw),
        ("end-analysis", "Makes a change under analysis a draft again.", approval.end_analysis),
        ("cancel", "Takes a scheduled change back before its day.", approval.cancel),
    )
    for name, summary, command in with_reason:
        router.post(
            f"/{name}",
            operation_id=f"{name.replace('-', '_')}_change".replace("changes_change", "changes"),
            summary=summary.rstrip("."),
            **write_route(ChangeDetail, (*BODY_PROBLEMS, *EDIT_PROBLEMS), WhyModel, headers=EDIT_HEADERS),
        )(_reasoned_endpoint(service, command))
    return router


def _add_submitting(router: RestRouter, service: Service, examiner: DraftChecker, jobs: Jobs) -> None:
    @router.post(
        "/submit",
        operation_id="submit_change",
        **write_route(ChangeDetail, (*EDIT_PROBLEMS, CHECK_ABANDONED, BUSY), headers=EDIT_HEADERS),
    )
    async def submit_change(request: Request, change: Id) -> Response:
        """Freezes a draft: from here on its digest is what is signed. Refused while there is anything wrong with it.

        Where there are many decision records the change is under analysis first, and is submitted by the job that
        simulates it, or is a draft again.
        """
        expected, actor = expected_etag(request), principal_of(request).actor

        def is_long(session: Session) -> bool:
            return needs_analysis(session, change)

        async def prepare() -> Callable[[Transaction], WriteResult]:
            if await run_read(service, is_long):
                return lambda t: change_result(t, actor, approval.analyse(t, actor, change, expected=expected))
            prepared = await examiner.prepare(change, expected)
            return lambda t: change_result(t, actor, approval.submit(t, actor, prepared, expected=expected))

        response = await run_prepared_write(service, request, prepare)
        if await run_read(service, is_long):
            await start_analysis(service, jobs, actor, change)
        return response


def _add_signing(router: RestRouter, service: Service) -> None:
    refusals = (*BODY_PROBLEMS, *WRITE_PROBLEMS, *SIGNING_PROBLEMS, *EDIT_PROBLEMS)

    @router.post(
        "/sign-offs", operation_id="sign_off_change", **write_route(ChangeDetail, refusals, SignOffModel, status=201)
    )
    async def sign_off_change(request: Request, change: Id) -> Response:
        """Signs what was submitted: one person, in one role, on the digest that was read. What drifted is sent back."""
        await require_undrifted(service, change)
        return await run_signed_command(
            service,
            request,
            SignOffModel,
            lambda t, actor, of: change_result(t, actor, approval.sign_off(t, actor, change, **of), 201),
        )


def _add_scheduling(router: RestRouter, service: Service) -> None:
    @router.post(
        "/schedule", operation_id="schedule_change", **write_route(ChangeDetail, EDIT_PROBLEMS, headers=EDIT_HEADERS)
    )
    async def schedule_change(request: Request, change: Id) -> Response:
        """Put a fully signed change in force, from the day that was signed."""
        expected, actor = expected_etag(request), principal_of(request).actor

        async def prepare() -> Callable[[Transaction], WriteResult]:
            await require_undrifted(service, change)
            await warm_heads(service, change)
            return lambda t: change_result(t, actor, approval.schedule(t, actor, change, expected=expected))

        return await run_prepared_write(service, request, prepare)


def _reasoned_endpoint(service: Service, command: ReasonedCommand) -> Endpoint:
    async def endpoint(request: Request, change: Id) -> Response:
        expected, actor = expected_etag(request), principal_of(request).actor
        body = await read_json_body(request, WhyModel)
        return await run_write_command(
            service,
            request,
            lambda t: change_result(t, actor, command(t, actor, change, reason=body.reason, expected=expected)),
            body,
        )

    return endpoint

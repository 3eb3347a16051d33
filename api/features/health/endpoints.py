"""`/healthz`, `/readyz`, `/metrics`, `/problems`: liveness, readiness, metrics, and explanations of errors."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.service import Service
from api.web.openapi import problems
from api.web.problems import INVALID_PARAMETER, NOT_FOUND, PROBLEMS, ProblemError
from api.web.rest_router import ServiceOf
from api.web.schemas import Answer, Model, attribute
from api.web.transactions import run_read
from policy_service.clock import today
from policy_service.database import DatabaseUnavailable, last_write_at
from policy_service.database.writability import WRITABLE
from policy_service.decisions.self_test import run_self_test
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.metrics import MEDIA_TYPE


class Alive(Model):
    """The process answers."""

    status: Literal["alive"]


class Ready(Model):
    """The service's readiness. `degraded`: it decides, but its engine failed or differed, or there are `concerns`."""

    status: Literal["ready", "degraded", "not_ready"]
    database: str
    """`writable`, or why nothing can be recorded now."""
    engine: str
    policies: int
    self_test: str
    shadow_checks: int
    differences: int
    fallbacks: int
    waiting: int
    """The number of decisions waiting to be recorded."""
    concerns: list[str]
    """Problems that need attention: an edited policy file, outdated versions, a clock gone back, a log that does not
    match its checkpoints, an unreachable copy of these.
    """
    advice: list[str]
    """Files beside the database that should be stored elsewhere; they do not make the service `degraded`."""


class ProblemKind(Answer):
    """One kind of error."""

    type: Annotated[str, attribute("address")]
    title: str
    status: int
    meaning: str


class ProblemList(Model):
    """Every kind of error."""

    items: list[ProblemKind]


router = APIRouter(tags=["health"])
problem_router = APIRouter(prefix="/problems", tags=["problems"])
"""Where the `type` of a problem leads to."""


@router.get("/healthz", operation_id="is_alive")
async def is_alive() -> Alive:
    """Return that the process answers, without further checks."""
    return Alive(status="alive")


@router.get(
    "/readyz",
    operation_id="is_ready",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "It cannot decide"}},
)
async def is_ready(service: ServiceOf) -> JSONResponse:
    """Decide an example of a policy and compare the answer; report the behaviour of the engine."""
    last_write = await last_write_time(service)
    state = await run_in_threadpool(readiness, service, last_write)
    return JSONResponse(state.model_dump(), 503 if state.status == "not_ready" else 200, {"cache-control": "no-store"})


@router.get(
    "/metrics", operation_id="get_metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
)
async def get_metrics(service: ServiceOf) -> Response:
    """Return counts and durations, in Prometheus' text format."""
    return Response(await run_in_threadpool(service.metrics.render), headers={"content-type": MEDIA_TYPE})


@problem_router.get("", operation_id="list_problems")
async def list_problems() -> ProblemList:
    """List every kind of error of the service."""
    return ProblemList(items=[ProblemKind.from_value(kind) for kind in PROBLEMS.values()])


@problem_router.get("/{name}", operation_id="get_problem", responses=problems(NOT_FOUND, INVALID_PARAMETER))
async def get_problem(name: str) -> ProblemKind:
    """Explain a type of error, and what to do about it."""
    if name not in PROBLEMS:
        raise ProblemError(NOT_FOUND, f"no problem is called `{shorten(name)}`", hint=did_you_mean(name, PROBLEMS))
    return ProblemKind.from_value(PROBLEMS[name])


async def last_write_time(service: Service) -> datetime | DatabaseUnavailable:
    """Return the time of the last write, or why the database cannot be read."""
    try:
        return await run_read(service, last_write_at)
    except DatabaseUnavailable as error:
        return error


def readiness(service: Service, last_write: datetime | DatabaseUnavailable | None = None) -> Ready:
    """Return the current readiness; `last_write` is the time of the last write, if known."""
    self_test = run_self_test(service.decider, today(service.clock, service.zone))
    if isinstance(last_write, DatabaseUnavailable):
        self_test = "the database does not answer"
    health, condition, in_force = service.decider.health, service.condition(last_write), service.decisions.in_force
    if in_force.last_error is not None:
        service.log.warning("policy_refresh_failed", reason=in_force.last_error)
    troubles = health.differences + health.fallbacks + len(condition.concerns)
    return Ready(
        status=_status(self_test, condition.database, troubles=troubles),
        database=condition.database,
        engine=health.engine,
        policies=len(service.decider.policies),
        self_test=self_test,
        shadow_checks=health.shadow_checks,
        differences=health.differences,
        fallbacks=health.fallbacks,
        waiting=service.decisions.writer.queue_length,
        concerns=list(condition.concerns),
        advice=list(service.advice),
    )


def _status(self_test: str, database: str, *, troubles: int) -> Literal["ready", "degraded", "not_ready"]:
    if self_test != "passed" or database != WRITABLE:
        return "not_ready"
    return "degraded" if troubles else "ready"

"""`/v1/jobs`: starts long work, reports progress, returns results and files; only for the account that started it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import to_jsonable_python
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS
from api.service import Service
from api.web.idempotent_writes import WRITE_HEADERS, WriteCommand, WriteResult, run_prepared_write
from api.web.json_body import InvalidBody, invalid_body_error, read_json_body, request_body
from api.web.openapi import content, problems
from api.web.problems import (
    BUSY,
    MALFORMED_JSON,
    NOT_ALLOWED,
    NOT_FOUND,
    PROBLEMS,
    REQUEST_REFUSED,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf, jobs_of
from api.web.schemas import KEY_PROBLEMS, READ_PROBLEMS, Answer, PageModel, attribute
from api.web.transactions import run_read
from policy_service.access import check_permission
from policy_service.actor import Actor
from policy_service.decisions.request import format_or_null
from policy_service.jobs import queries
from policy_service.jobs.encoding import without_patterns
from policy_service.jobs.kind import AnyKind
from policy_service.jobs.model import Job, JobState
from policy_service.jobs.runner import Jobs
from policy_service.messages import Message


class JobFileModel(Answer):
    """The file of a finished job: `GET /v1/jobs/{job}/file`."""

    name: Annotated[str, attribute("file_name")]
    size: Annotated[int, attribute("file_size")]


class JobProblemModel(Answer):
    """The error of a job."""

    type: Annotated[str, BeforeValidator(lambda name: PROBLEMS[name].address)]
    detail: str


class JobModel(Answer):
    """A job: its progress and result."""

    id: str
    kind: str
    state: JobState
    parameters: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    completed: int
    total: int | None
    """The total amount of work; null while unknown."""
    result: Any = None
    file: JobFileModel | None
    problem: JobProblemModel | None


class JobPage(PageModel[JobModel]):
    """Jobs that the account started, without their results."""


ACCEPTED = 202
router = RestRouter("/v1/jobs", "jobs")


def start_router(kind: AnyKind) -> RestRouter:
    """Return the router of the operation that starts a kind of job."""
    start = RestRouter("/v1/jobs", "jobs")
    has_form = bool(kind.form.model_fields)
    body_problems = (MALFORMED_JSON, REQUEST_REFUSED, UNSUPPORTED_MEDIA_TYPE) if has_form else ()

    @start.post(
        f"/{kind.name}",
        operation_id=f"start_{kind.name}",
        summary=f"Start a job: {kind.title}",
        status_code=ACCEPTED,
        response_model=JobModel,
        dependencies=WRITE_HEADERS,
        openapi_extra=request_body(kind.form) if has_form else None,
        responses=problems(BUSY, *KEY_PROBLEMS, *body_problems),
    )
    async def start_job(service: ServiceOf, request: Request) -> Response:
        """Start a job; poll the address in `Location` until it is done."""
        refused: list[dict[str, Any]] = []
        try:
            form = await read_json_body(request, kind.form) if has_form else kind.form()
        except InvalidBody as error:
            form, refused = error.valid, error.problems
        errors = await run_read(service, lambda session: kind.find_errors(session, form))
        if refused or errors:
            raise invalid_body_error([*refused, *_problems_of(form, errors)])

        async def prepare() -> WriteCommand:
            jobs = jobs_of(request)
            job = await jobs.start(kind, principal_of(request).actor, form)
            result = WriteResult(_model(jobs, job), ACCEPTED, {"Location": f"/v1/jobs/{job.id}"})
            return lambda _: result

        return await run_prepared_write(service, request, prepare, form)

    return start


@router.list("", "jobs", sort=queries.JobSort, by="-started", most=50)
def list_jobs(read: ReadRequest) -> JobPage:
    """List the jobs that the caller started, newest first by default, without their results."""
    actor, jobs = read.actor, jobs_of(read.request)
    kinds = [kind for kind in jobs.kinds if _permission(actor, kind) is True]
    page = queries.list_jobs(read.session, actor.id, kinds, shared=jobs.shared, **read.paging)
    return JobPage.of(page, lambda job: _model(jobs, job))


@router.read("/{job}", NOT_FOUND)
def get_job(read: ReadRequest, job: str) -> JobModel:
    """Return a job that the caller started, with its result once done."""
    found_job = _find(read.request, read.session, job)
    return _model(jobs_of(read.request), found_job, with_result=True)


@router.get("/{job}/file", **content("application/octet-stream", description="the file", refusals=READ_PROBLEMS))
async def get_job_file(service: ServiceOf, request: Request, job: str) -> Response:
    """Return the file of a job that the caller started; removed 24 hours after the job ended."""
    file = jobs_of(request).file_of(await _read(service, request, job))
    return FileResponse(file.path, media_type=file.media_type, filename=file.name)


@router.delete("/{job}", responses=problems(*READ_PROBLEMS))
async def cancel_job(service: ServiceOf, request: Request, job: str) -> JobModel:
    """Cancel a job that the caller started; an ended one is unchanged."""
    jobs = jobs_of(request)
    await jobs.cancel(await _read(service, request, job))
    return _model(jobs, await _read(service, request, job))


async def _read(service: Service, request: Request, job_id: str) -> Job:
    return await run_read(service, lambda session: _find(request, session, job_id))


def _find(request: Request, session: Session, job_id: str) -> Job:
    """Return a job of the caller. Raises ProblemError if there is none, or the caller may no longer see its kind."""
    actor = principal_of(request).actor
    job = queries.read_job(session, job_id, actor.id, shared=jobs_of(request).shared)
    if job is None:
        raise ProblemError(NOT_FOUND, Message("There is no such job."))
    if (permission := _permission(actor, job.kind)) is not True:
        raise ProblemError(NOT_ALLOWED, permission)
    return job


def _permission(actor: Actor, kind: str) -> Literal[True] | str:
    """Return True if the caller may start, and so see, the kind; else the reason."""
    access = PERMISSIONS.get(("POST", f"/v1/jobs/{kind}"))
    return Message("This kind of job no longer exists.") if access is None else check_permission(actor, access)


def _model(jobs: Jobs, job: Job, *, with_result: bool = False) -> JobModel:
    result = None
    if with_result and job.state is JobState.DONE:
        result = without_patterns(jobs.kinds[job.kind].describe(jobs.result_of(job)))
    has_file = job.file_name is not None and job.file_size is not None
    return JobModel.from_value(job, result=result, file=job if has_file else None)


def _problems_of(form: object, errors: Mapping[str, Message]) -> list[dict[str, Any]]:
    """Return the errors of the parameters, as problems of a body."""
    values = to_jsonable_python(vars(form))
    return [
        {
            "pointer": f"/{name}" if name else "",
            "code": "mistyped",
            "value": format_or_null(values[name] if name else values),
            "expected": str(message.values.get("expected", message)),
            "hint": None,
        }
        for name, message in errors.items()
    ]

"""`/packs`: asks for an audit pack, shows how far it is, and gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.packs.forms import Option, PackForm, policy_options, scope_of, unknown_errors
from api.kit.form_action import FormAction, FormRequest, form_routes
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FieldErrors, FormState
from api.kit.frame import Frame, Page
from api.kit.job_progress import JobProgress, file_response, find_job, job_progress, start_job
from api.kit.jobs import Job
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from api.web.transactions import run_read
from api.workers.packing import Packer, PackFile
from api.workers.progress import ProgressCallback
from policy_service.messages import Message
from policy_service.packs.scope import MAX_SAMPLE, InvalidScope, Scope

KIND = "pack"
ZIP = "application/zip"
PACKS_BREADCRUMBS = ((Message("Audit packs"), "/packs"),)
PREFILLED = ("policy", "subject", "kind", "since", "until")
"""Fields that a link may fill in."""
COUNT_NAMES: tuple[tuple[str, Message], ...] = (
    ("versions", Message("Versions")),
    ("changes", Message("Changes")),
    ("signatures", Message("Signatures")),
    ("suspensions", Message("Suspensions")),
    ("activations", Message("Activations")),
    ("overrides", Message("Overrides")),
    ("decisions", Message("Decisions")),
    ("replayed_same", Message("of these, replay matches")),
    ("replayed_different", Message("of these, replay differs")),
    ("replayed_not_replayable", Message("of these, not replayable")),
    ("entries", Message("Entries of the log")),
)
"""What is counted in a pack, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class PacksPage:
    """The form, and the packs that the reader asked for lately."""

    template: ClassVar[str] = "packs/ask.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(PackForm)
    frame: Frame
    form: FormState
    policies: tuple[Option, ...]
    kinds: tuple[Option, ...]
    max_sample: int
    recent: tuple[tuple[JobProgress, datetime], ...]
    """Each with when it was asked for."""


@dataclass(frozen=True, slots=True)
class PackPage:
    """A pack: how far it is, then what is in it."""

    template: ClassVar[str] = "packs/pack.html"
    frame: Frame
    progress: JobProgress
    size: int | None
    """Bytes of the file; None while it is not there."""
    counts: tuple[tuple[Message, int], ...]
    left_out: tuple[str, ...]
    breadcrumbs: tuple[tuple[Message, str], ...] = PACKS_BREADCRUMBS


@dataclass(frozen=True, slots=True)
class _PackCommand:
    """Makes a pack, and leaves its file to the job."""

    packer: Packer
    scope: Scope
    by: str

    async def __call__(self, job: Job, on_progress: ProgressCallback) -> PackFile:
        file = await self.packer.make(self.scope, self.by, on_progress)
        job.file = file.file
        return file


async def _validate(form: FormRequest[PackForm]) -> FieldErrors:
    service = form.service
    if errors := await run_read(service, lambda session: unknown_errors(session, form.values)):
        return errors
    try:
        scope_of(form.values, service.zone)
    except InvalidScope as error:
        return {"": error.args[0]}
    return {}


async def _form_page(pages: Pages, request: Request, form: FormState) -> Page:
    frame, service = pages.frame(request), pages.service
    in_force = service.decider.policies
    policies = await run_read(service, lambda session: policy_options(session, in_force, frame.lang))
    kinds = kind_options(in_force.values(), frame.lang, form.value("kind"))
    jobs = pages.jobs.list_jobs(principal_of(request).actor.id, KIND)
    recent = tuple((job_progress(pages, job, f"/packs/{job.id}"), job.started_at) for job in reversed(jobs))
    return PacksPage(frame, form, policies, kinds, MAX_SAMPLE, recent)


def _pack_page(pages: Pages, request: Request, job: Job | None, name: str) -> PackPage:
    frame = pages.frame(request)
    progress = job_progress(pages, job, f"/packs/{name}")
    if job is None or job.state != "done" or job.file is None:
        return PackPage(frame, progress, None, (), ())
    pack = cast("PackFile", job.result)
    counts = tuple((label, pack.counts[name]) for name, label in COUNT_NAMES if name in pack.counts)
    left_out = tuple(each["zh" if frame.lang == "zh" else "en"] for each in pack.omitted)
    size = job.file.stat().st_size if job.file.exists() else None
    return PackPage(frame, progress, size, counts, left_out)


async def _start(form: FormRequest[PackForm]) -> Job:
    service = form.service
    make = _PackCommand(Packer(service), scope_of(form.values, service.zone), form.actor.printed_name)
    return start_job(form.pages, form.request, KIND, make)


CREATE = FormAction(
    "/packs",
    PackForm,
    page=_form_page,
    command=lambda _, form: form.prepared,
    done=lambda _, job: f"/packs/{job.id}",
    validate=_validate,
    prepare=_start,
)


def pack_routes(pages: Pages) -> APIRouter:
    """Routes of audit packs."""
    router = form_routes(pages, CREATE)

    @router.get("/packs")
    async def packs(request: Request) -> Response:
        """The form."""
        values = {name: value for name in PREFILLED if (value := request.query_params.get(name))}
        return pages.render(await _form_page(pages, request, pages.new_form(**values)))

    @router.get("/packs/{job}")
    async def pack(request: Request, job: str) -> Response:
        """Show the progress of the pack, or its content."""
        found_job = find_job(pages, request, KIND, job)
        return pages.render(_pack_page(pages, request, found_job, job), 404 if found_job is None else 200)

    @router.get("/packs/{job}/file")
    async def file(request: Request, job: str) -> Response:
        """The file."""
        found_job = find_job(pages, request, KIND, job)
        name = f"audit-pack-{found_job.started_at:%Y%m%d-%H%M%S}.zip" if found_job else ""
        return file_response(found_job, name, ZIP)

    return router

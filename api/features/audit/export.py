"""`/audit/exports`: the whole log in a file that anyone can verify who has the public key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.features.audit.breadcrumbs import LOG_BREADCRUMBS, Breadcrumbs
from api.kit.forms import FormState, read_form
from api.kit.frame import Frame, Page
from api.kit.job_progress import JobProgress, file_response, find_job, job_progress, start_job
from api.kit.jobs import Job
from api.kit.rendering import Command, Pages
from api.workers.progress import ProgressCallback

KIND = "export"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """An export: how far it is, then where it is fetched."""

    template: ClassVar[str] = "audit/export.html"
    frame: Frame
    form: FormState
    """To ask for another one."""
    progress: JobProgress
    size: int | None
    """Bytes of the file; None while it is not there."""
    breadcrumbs: Breadcrumbs = LOG_BREADCRUMBS


def add_export(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.post("/audit/exports")
    async def export(request: Request) -> Response:
        """Begins to export."""
        form = await read_form(request)

        async def prepare() -> Command:
            job = start_job(pages, request, KIND, run)
            return lambda _: f"/audit/exports/{job.id}"

        async def form_page(form_state: FormState) -> Page:
            return ExportPage(pages.frame(request), form_state, job_progress(pages, None, "/audit/exports"), None)

        return await pages.execute(request, form, prepare, form_page)

    @router.get("/audit/exports/{job}")
    async def show_export(request: Request, job: str) -> Response:
        """Show the progress of the export, or the link to its file."""
        found_job = find_job(pages, request, KIND, job)
        progress = job_progress(pages, found_job, f"/audit/exports/{job}")
        size = found_job.file.stat().st_size if found_job and found_job.file and found_job.file.exists() else None
        page = ExportPage(pages.frame(request), pages.new_form(), progress, size)
        return pages.render(page, 404 if found_job is None else 200)

    @router.get("/audit/exports/{job}/file")
    async def file(request: Request, job: str) -> Response:
        """The file."""
        return file_response(find_job(pages, request, KIND, job), "log.ndjson", NDJSON)

    async def run(job: Job, on_progress: ProgressCallback) -> None:
        job.file = await pages.auditor.export_file(on_progress)

"""`/audit/exports`: the whole log in a file that anybody can verify who has the public key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.gauge import Moved
from api.pages.audit.trail import TO_LOG, Trail
from api.pages.forms import Filled, read_form
from api.pages.frame import Frame, Page
from api.pages.jobs import Job
from api.pages.rendering import Do, Pages
from api.pages.working import Working, begin, find, sent, working

KIND = "export"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """An export: how far it is, then where it is fetched."""

    template: ClassVar[str] = "audit/export.html"
    frame: Frame
    form: Filled
    """To ask for another one."""
    work: Working
    size: int | None
    """Bytes of the file; None while it is not there."""
    trail: Trail = TO_LOG


def add_export(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.post("/audit/exports")
    async def export(request: Request) -> Response:
        """Begins to export."""
        form = await read_form(request)

        async def prepare() -> Do:
            job = begin(pages, request, KIND, run)
            return lambda _: f"/audit/exports/{job.id}"

        async def again(filled: Filled) -> Page:
            return ExportPage(pages.frame(request), filled, working(pages, None, "/audit/exports"), None)

        return await pages.attempt(request, form, prepare, again)

    @router.get("/audit/exports/{job}")
    async def exported(request: Request, job: str) -> Response:
        """How far it is, or where it is fetched."""
        found = find(pages, request, KIND, job)
        work = working(pages, found, f"/audit/exports/{job}")
        size = found.file.stat().st_size if found and found.file and found.file.exists() else None
        page = ExportPage(pages.frame(request), pages.new_form(), work, size)
        return pages.show(page, 404 if found is None else 200)

    @router.get("/audit/exports/{job}/file")
    async def file(request: Request, job: str) -> Response:
        """The file."""
        return sent(find(pages, request, KIND, job), "log.ndjson", NDJSON)

    async def run(job: Job, moved: Moved) -> None:
        job.file = await pages.auditor.export_file(moved)

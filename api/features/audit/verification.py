"""`/audit/verifications`: lets the whole log be read against its signatures, and tells the verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.audit.breadcrumbs import LOG_BREADCRUMBS, Breadcrumbs
from api.features.audit.last_verdict import LastVerdict, LastVerdictStore
from api.kit.forms import FormState, read_form
from api.kit.frame import Frame, Page
from api.kit.job_progress import JobProgress, find_job, job_progress, start_job
from api.kit.jobs import Job
from api.kit.rendering import Command, Pages
from api.workers.progress import ProgressCallback
from policy_service.audit.verdict import LogVerdict

KIND = "verification"


@dataclass(frozen=True, slots=True)
class VerificationPage:
    """A verification: how far it is, then its verdict."""

    template: ClassVar[str] = "audit/verification.html"
    frame: Frame
    form: FormState
    """To ask for another one."""
    progress: JobProgress
    verdict: LogVerdict | None
    breadcrumbs: Breadcrumbs = LOG_BREADCRUMBS


def add_verification(router: APIRouter, pages: Pages, verdicts: LastVerdictStore) -> None:
    """Adds the routes."""

    @router.post("/audit/verifications")
    async def verify(request: Request) -> Response:
        """Begins to verify."""
        form = await read_form(request)

        async def prepare() -> Command:
            job = start_job(
                pages, request, KIND, _Verification(pages, verdicts, principal_of(request).actor.printed_name)
            )
            return lambda _: f"/audit/verifications/{job.id}"

        async def form_page(form_state: FormState) -> Page:
            return VerificationPage(
                pages.frame(request), form_state, job_progress(pages, None, "/audit/verifications"), None
            )

        return await pages.execute(request, form, prepare, form_page)

    @router.get("/audit/verifications/{job}")
    async def verification(request: Request, job: str) -> Response:
        """Show the progress of the verification, or its verdict."""
        found_job = find_job(pages, request, KIND, job)
        progress = job_progress(pages, found_job, f"/audit/verifications/{job}")
        verdict = cast("LogVerdict", found_job.result) if found_job and found_job.state == "done" else None
        page = VerificationPage(pages.frame(request), pages.new_form(), progress, verdict)
        return pages.render(page, 404 if found_job is None else 200)


@dataclass(frozen=True, slots=True)
class _Verification:
    """Verifies, and remembers the verdict."""

    pages: Pages
    verdicts: LastVerdictStore
    by: str

    async def __call__(self, _: Job, on_progress: ProgressCallback) -> LogVerdict:
        verdict = await self.pages.auditor.verify(on_progress)
        self.verdicts.remember(LastVerdict(verdict, self.pages.service.clock.now(), self.by))
        return verdict

"""`/audit/verifications`: lets the whole log be read against its signatures, and tells the verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.gauge import Moved
from api.pages.audit.last import LastVerdict, Verdicts
from api.pages.audit.trail import TO_LOG, Trail
from api.pages.forms import Filled, read_form
from api.pages.frame import Frame, Page
from api.pages.jobs import Job
from api.pages.rendering import Do, Pages
from api.pages.working import Working, begin, find, working
from policy_service.audit.verdict import Verdict

KIND = "verification"


@dataclass(frozen=True, slots=True)
class VerificationPage:
    """A verification: how far it is, then its verdict."""

    template: ClassVar[str] = "audit/verification.html"
    frame: Frame
    form: Filled
    """To ask for another one."""
    work: Working
    verdict: Verdict | None
    trail: Trail = TO_LOG


def add_verification(router: APIRouter, pages: Pages, verdicts: Verdicts) -> None:
    """Adds the routes."""

    @router.post("/audit/verifications")
    async def verify(request: Request) -> Response:
        """Begins to verify."""
        form = await read_form(request)

        async def prepare() -> Do:
            job = begin(pages, request, KIND, _Verifying(pages, verdicts, asker(request).actor.printed_name))
            return lambda _: f"/audit/verifications/{job.id}"

        async def again(filled: Filled) -> Page:
            return VerificationPage(pages.frame(request), filled, working(pages, None, "/audit/verifications"), None)

        return await pages.attempt(request, form, prepare, again)

    @router.get("/audit/verifications/{job}")
    async def verification(request: Request, job: str) -> Response:
        """How far it is, or its verdict."""
        found = find(pages, request, KIND, job)
        work = working(pages, found, f"/audit/verifications/{job}")
        verdict = cast("Verdict", found.result) if found and found.state == "done" else None
        page = VerificationPage(pages.frame(request), pages.new_form(), work, verdict)
        return pages.show(page, 404 if found is None else 200)


@dataclass(frozen=True, slots=True)
class _Verifying:
    """Verifies, and remembers the verdict."""

    pages: Pages
    verdicts: Verdicts
    by: str

    async def __call__(self, _: Job, moved: Moved) -> Verdict:
        verdict = await self.pages.auditor.verify(moved)
        self.verdicts.remember(LastVerdict(verdict, self.pages.service.clock.now(), self.by))
        return verdict

"""All routes of the log."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages.audit.checkpoints import add_checkpoints
from api.pages.audit.entry import add_entry
from api.pages.audit.export import add_export
from api.pages.audit.last_verdict import LastVerdictStore
from api.pages.audit.log import add_log
from api.pages.audit.verification import add_verification
from api.pages.rendering import Pages


def audit_page_routes(pages: Pages) -> APIRouter:
    """The routes."""
    verdicts = LastVerdictStore()
    router = APIRouter(include_in_schema=False)
    add_log(router, pages, verdicts.last)
    add_checkpoints(router, pages)
    add_entry(router, pages)
    add_verification(router, pages, verdicts)
    add_export(router, pages)
    return router

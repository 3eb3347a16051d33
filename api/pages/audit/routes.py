"""All routes of the log."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages.audit.entry import add_entry
from api.pages.audit.exporting import add_export
from api.pages.audit.last import Verdicts
from api.pages.audit.log import add_log
from api.pages.audit.signed import add_signed
from api.pages.audit.verifying import add_verification
from api.pages.rendering import Pages


def audit_page_routes(pages: Pages) -> APIRouter:
    """The routes."""
    verdicts = Verdicts()
    router = APIRouter(include_in_schema=False)
    add_log(router, pages, verdicts.last)
    add_signed(router, pages)
    add_entry(router, pages)
    add_verification(router, pages, verdicts)
    add_export(router, pages)
    return router

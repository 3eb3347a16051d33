"""All routes of the log."""

from __future__ import annotations

from fastapi import APIRouter

from api.features.audit.checkpoints import add_checkpoints
from api.features.audit.entry import add_entry
from api.features.audit.export import add_export
from api.features.audit.last_verdict import LastVerdictStore
from api.features.audit.log import add_log
from api.features.audit.verification import add_verification
from api.kit.rendering import Pages


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

"""All pages of the log."""

from __future__ import annotations

from fastapi import APIRouter

from api.features.audit.breadcrumbs import LOG_BREADCRUMBS
from api.features.audit.checkpoints import add_public_key
from api.features.audit.entry import add_entry
from api.features.audit.jobs import EXPORT, VERIFICATION
from api.kit.job import JobPages, job_routes
from api.kit.rendering import Pages


def audit_page_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    add_public_key(router, pages)
    add_entry(router, pages)
    return router


def verification_routes(pages: Pages) -> APIRouter:
    """The routes of verifications."""
    return job_routes(pages, JobPages("/audit/verifications", VERIFICATION, LOG_BREADCRUMBS))


def export_routes(pages: Pages) -> APIRouter:
    """The routes of exports."""
    return job_routes(pages, JobPages("/audit/exports", EXPORT, LOG_BREADCRUMBS))

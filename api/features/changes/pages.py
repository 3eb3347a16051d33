"""The routes of writing changes: what stands under a fixed address before what takes a change's name."""

from __future__ import annotations

from fastapi import APIRouter

from api.features.changes.actual_effect import actual_effect_routes
from api.features.changes.downloads import download_routes
from api.features.changes.editor_routes import editor_routes
from api.features.changes.new_change import new_change_routes
from api.features.changes.report import report_routes
from api.kit.rendering import Pages


def writing_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    for area in (new_change_routes, editor_routes, report_routes, download_routes, actual_effect_routes):
        router.routes.extend(area(pages).routes)
    return router

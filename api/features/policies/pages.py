"""The routes of the pages about policies."""

from __future__ import annotations

from fastapi import APIRouter

from api.features.policies.comparison import compare_routes
from api.features.policies.examples import example_routes
from api.features.policies.listing import list_routes
from api.features.policies.overview import overview_routes
from api.features.policies.rule_history import rule_history_routes
from api.features.policies.version import version_routes
from api.kit.rendering import Pages

PARTS = (list_routes, overview_routes, compare_routes, rule_history_routes, version_routes, example_routes)


def policies_routes(pages: Pages) -> APIRouter:
    """Routes of all of them."""
    router = APIRouter(include_in_schema=False)
    for part in PARTS:
        router.routes.extend(part(pages).routes)
    return router

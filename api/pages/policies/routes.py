"""The routes of the pages about policies."""

from __future__ import annotations

from fastapi import APIRouter

from api.pages.policies.comparing import compare_routes
from api.pages.policies.examples import example_routes
from api.pages.policies.listing import list_routes
from api.pages.policies.overview import overview_routes
from api.pages.policies.passport import passport_routes
from api.pages.policies.register import Register
from api.pages.policies.version import version_routes
from api.pages.rendering import Pages

PARTS = (list_routes, overview_routes, compare_routes, passport_routes, version_routes, example_routes)


def policies_routes(pages: Pages) -> APIRouter:
    """All of them; they share what they know of the registry."""
    router, register = APIRouter(include_in_schema=False), Register()
    for part in PARTS:
        router.routes.extend(part(pages, register).routes)
    return router

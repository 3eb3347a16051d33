"""Every route of the pages, area by area, and the problems that are told as pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from api.pages.administration.account import account_page_routes
from api.pages.administration.account_actions import account_action_routes
from api.pages.administration.accounts import account_list_routes
from api.pages.administration.api_keys import key_routes
from api.pages.audit.routes import audit_page_routes
from api.pages.changes.action_routes import action_routes
from api.pages.changes.comments import comment_routes
from api.pages.changes.dossier import dossier_routes
from api.pages.changes.printing import printing_routes
from api.pages.changes.routes import writing_routes
from api.pages.decisions.routes import decision_routes
from api.pages.entrance.account import account_routes
from api.pages.entrance.home import home_routes
from api.pages.entrance.preferences import preference_routes
from api.pages.entrance.sign_in import sign_in_routes
from api.pages.in_force.routes import in_force_routes
from api.pages.overrides.routes import override_routes
from api.pages.packs.routes import pack_routes
from api.pages.policies.routes import policies_routes
from api.pages.regulations.routes import regulation_page_routes
from api.pages.rendering import Pages
from api.pages.static import static_routes
from api.pages.suspensions.detail import suspension_routes
from api.pages.suspensions.listing import list_routes as suspension_list_routes
from api.pages.suspensions.suspend import suspend_routes
from api.pages.trying.routes import trying_routes
from api.problems import Problem
from api.security import ProblemRenderer

ROUTE_FACTORIES: Sequence[Callable[[Pages], APIRouter]] = (
    audit_page_routes,
    pack_routes,
    preference_routes,
    policies_routes,
    home_routes,
    sign_in_routes,
    account_routes,
    account_list_routes,
    account_page_routes,
    account_action_routes,
    key_routes,
    decision_routes,
    override_routes,
    in_force_routes,
    regulation_page_routes,
    trying_routes,
    writing_routes,
    action_routes,
    comment_routes,
    printing_routes,
    dossier_routes,
    suspension_list_routes,
    suspension_routes,
    suspend_routes,
)
"""What makes the routes of each part."""
OIDC_REDIRECTS = {"/v1/session/oidc", "/v1/session/oidc/callback", "/v1/session/oidc/confirm"}
"""Where browsers pass on their way to the provider of identities and back."""


def page_routes(pages: Pages) -> tuple[APIRouter, ...]:
    """The routes."""
    return (static_routes(), *(area(pages) for area in ROUTE_FACTORIES))


def problem_renderer(pages: Pages) -> ProblemRenderer:
    """Tells a problem as a page to whoever asked for one, and as problem+json to everybody else."""

    def render_problem(problem: Problem, scope: Scope, **extensions: object) -> Response:
        instance = pages.service.log_problem(problem, scope, **extensions)
        return pages.render_problem(problem, scope, instance) if wants_page(scope) else problem.response(instance)

    return render_problem


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page: programs ask under `/v1/`, or do not name HTML in `Accept`.

    Under `/v1/` a browser is only on its way to the provider of identities and back.
    """
    path = scope["path"]
    if path.startswith("/v1/") and path not in OIDC_REDIRECTS:
        return False
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers

"""All routes of the pages, area by area, and the problems that are rendered as pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from api.features.accounts.account import account_page_routes
from api.features.accounts.account_actions import account_action_routes
from api.features.accounts.accounts import ACCOUNTS
from api.features.accounts.new_account import new_account_routes
from api.features.api_keys.actions import key_action_routes
from api.features.api_keys.pages import API_KEYS
from api.features.audit.checkpoints import CHECKPOINTS
from api.features.audit.log import AUDIT_LOG
from api.features.audit.pages import audit_page_routes, export_routes, verification_routes
from api.features.benchmarks.pages import benchmark_routes
from api.features.changes.action_routes import action_routes
from api.features.changes.dossier import dossier_routes
from api.features.changes.listing import CHANGES
from api.features.changes.pages import writing_routes
from api.features.changes.printing import printing_routes
from api.features.data_checks.pages import data_check_routes
from api.features.decisions.listing import DECISIONS
from api.features.decisions.pages import decision_routes
from api.features.groups.listing import GROUPS, MEMBERS
from api.features.groups.movement_listing import MOVEMENTS, MOVES
from api.features.help.pages import help_routes
from api.features.home.pages import home_routes
from api.features.in_force.pages import in_force_routes
from api.features.keys.pages import key_routes
from api.features.overrides.listing import OVERRIDES
from api.features.overrides.pages import override_routes
from api.features.packs.pages import pack_routes
from api.features.policies.pages import policies_routes
from api.features.populations.listing import POPULATIONS
from api.features.populations.pages import population_page_routes
from api.features.reevaluations.pages import reevaluation_routes
from api.features.regulations.pages import regulation_page_routes
from api.features.runs.pages import run_routes
from api.features.search.pages import search_page_routes
from api.features.session.account import account_routes
from api.features.session.preferences import preference_routes
from api.features.session.second_factor import second_factor_routes
from api.features.session.sign_in import sign_in_routes
from api.features.subjects.erase import erase_routes
from api.features.subjects.merge import merge_routes
from api.features.suspensions.detail import suspension_routes
from api.features.suspensions.listing import SUSPENSIONS
from api.features.suspensions.suspend import suspend_routes
from api.features.tryout.pages import trying_routes
from api.kit.rendering import Pages
from api.kit.static import static_routes
from api.kit.table import ExportedList, Table
from api.kit.table_export import table_routes
from api.web.problems import Problem
from api.web.security import ProblemRenderer

ROUTE_FACTORIES: Sequence[Callable[[Pages], APIRouter]] = (
    audit_page_routes,
    verification_routes,
    export_routes,
    pack_routes,
    reevaluation_routes,
    data_check_routes,
    run_routes,
    benchmark_routes,
    population_page_routes,
    merge_routes,
    preference_routes,
    policies_routes,
    home_routes,
    sign_in_routes,
    account_routes,
    second_factor_routes,
    new_account_routes,
    account_page_routes,
    account_action_routes,
    key_action_routes,
    key_routes,
    erase_routes,
    decision_routes,
    override_routes,
    in_force_routes,
    regulation_page_routes,
    search_page_routes,
    help_routes,
    trying_routes,
    writing_routes,
    action_routes,
    printing_routes,
    dossier_routes,
    suspension_routes,
    suspend_routes,
)
"""What makes the routes of each part."""
TABLE_PAGES: Sequence[Table[Any]] = (
    AUDIT_LOG,
    CHANGES,
    SUSPENSIONS,
    OVERRIDES,
    ACCOUNTS,
    API_KEYS,
    CHECKPOINTS,
    GROUPS,
    MEMBERS,
    MOVEMENTS,
    MOVES,
    POPULATIONS,
)
TABLES: Sequence[ExportedList[Any]] = (*TABLE_PAGES, DECISIONS)
"""Every list, each with its exports."""
OIDC_REDIRECTS = {"/v1/session/oidc", "/v1/session/oidc/callback", "/v1/session/oidc/confirm"}
"""Where browsers pass on their way to the identity provider and back."""


def page_routes(pages: Pages) -> tuple[APIRouter, ...]:
    """The routes."""
    tables = (table_routes(pages, each) for each in TABLE_PAGES)
    return (static_routes(), *(area(pages) for area in ROUTE_FACTORIES), *tables)


def problem_renderer(pages: Pages) -> ProblemRenderer:
    """Render a problem as a page for clients that accept HTML, and as problem+json otherwise."""

    def render_problem(problem: Problem, scope: Scope, **extensions: object) -> Response:
        instance = pages.service.log_problem(problem, scope, **extensions)
        return pages.render_problem(problem, scope, instance) if wants_page(scope) else problem.response(instance)

    return render_problem


def wants_page(scope: Scope) -> bool:
    """Return True if a browser asks for a page: programs ask under `/v1/`, or do not name HTML in `Accept`.

    Under `/v1/` a browser is only on its way to the identity provider and back.
    """
    path = scope["path"]
    if path.startswith("/v1/") and path not in OIDC_REDIRECTS:
        return False
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers

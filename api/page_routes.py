"""All routes of the pages, area by area, and the problems that are rendered as pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from api.features.accounts import account, accounts
from api.features.accounts.accounts import ACCOUNTS
from api.features.api_keys import pages as api_keys
from api.features.api_keys.pages import API_KEYS
from api.features.audit import checkpoints, entry
from api.features.audit.checkpoints import CHECKPOINTS
from api.features.audit.entry import LOG_BREADCRUMBS
from api.features.audit.jobs import EXPORT, VERIFICATION
from api.features.audit.log import AUDIT_LOG
from api.features.benchmarks.jobs import RENEWAL_PAGES
from api.features.changes import dossier, downloads, editor, new_change
from api.features.changes.listing import CHANGES
from api.features.data_checks.jobs import DATA_CHECK_PAGES
from api.features.decisions import pages as decisions
from api.features.decisions.listing import DECISIONS
from api.features.groups.listing import GROUPS, MEMBERS, MOVEMENTS, MOVES
from api.features.help import pages as help_pages
from api.features.home import pages as home
from api.features.in_force import page as in_force
from api.features.keys import pages as keys
from api.features.overrides import pages as overrides
from api.features.overrides.pages import OVERRIDES
from api.features.packs.jobs import PACK_PAGES
from api.features.policies import listing, overview, rule_history, version
from api.features.populations import pages as populations
from api.features.populations.pages import POPULATIONS
from api.features.reevaluations.jobs import REEVALUATION_PAGES
from api.features.regulations import pages as regulations
from api.features.runs.jobs import RUN_PAGES
from api.features.search import pages as search
from api.features.session import account as own_account
from api.features.session import sign_in
from api.features.subjects import pages as subjects
from api.features.suspensions import pages as suspensions
from api.features.suspensions.pages import SUSPENSIONS
from api.features.tryout import pages as tryout
from api.kit.job import JobPages
from api.kit.page_route import Declared, PageRoute, declared_routes
from api.kit.rendering import Pages
from api.kit.static import send_file
from api.kit.table import ExportedList, Table
from api.kit.table_export import export_routes, table_routes
from api.web.problems import Problem
from api.web.security import ProblemRenderer

PAGES = (
    account,
    accounts,
    api_keys,
    checkpoints,
    decisions,
    help_pages,
    dossier,
    downloads,
    editor,
    entry,
    home,
    in_force,
    keys,
    listing,
    new_change,
    overrides,
    overview,
    own_account,
    populations,
    regulations,
    rule_history,
    search,
    sign_in,
    subjects,
    suspensions,
    tryout,
    version,
)
"""The modules that declare pages and forms."""
JOB_PAGES: Sequence[JobPages] = (
    JobPages("/audit/verifications", VERIFICATION, "audit/verification.html", LOG_BREADCRUMBS),
    JobPages("/audit/exports", EXPORT, "audit/export.html", LOG_BREADCRUMBS),
    PACK_PAGES,
    REEVALUATION_PAGES,
    DATA_CHECK_PAGES,
    RUN_PAGES,
    RENEWAL_PAGES,
)
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
ROUTES: Sequence[Declared] = (
    PageRoute("/static/{name}", send_file),
    *(route for module in PAGES for route in module.ROUTES),
    *(route for each in JOB_PAGES for route in each.routes()),
    *(route for each in TABLE_PAGES for route in table_routes(each)),
    *export_routes(DECISIONS),
)
"""Every page, form and file."""
OIDC_REDIRECTS = {"/v1/session/oidc", "/v1/session/oidc/callback", "/v1/session/oidc/confirm"}
"""Where browsers pass on their way to the identity provider and back."""


def page_routes(pages: Pages) -> APIRouter:
    """Return the routes."""
    pages.tables |= {each.path: each for each in TABLES}
    return declared_routes(pages, ROUTES)


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

"""Permissions: one table with a row per route. A route without a row does not exist.

An API key reads and decides. Routes for persons only have `machines=False`, whatever a key's scopes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import Scope

from api.web.parameters import ANY_TEXT
from api.web.problems import METHOD_NOT_ALLOWED, NOT_FOUND, ProblemError
from policy_service.access import (
    ADMINISTERING,
    ANY_PERSON,
    ANY_PRINCIPAL,
    ATTESTING,
    AUDITING,
    AUDITORS,
    COMPLYING,
    DIRECTING,
    DISCUSSING,
    POPULATING,
    PUBLIC,
    READERS,
    REVIEWERS,
    REVIEWING,
    SIGNING,
    TAKING_PART,
    WRITING,
    Access,
    check_permission,
    people,
    people_and_machines,
)
from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role
from policy_service.messages import Message, join_comma

ROW = "policy_service.row"
"""The key of a request's row: the method and the path template."""
PRINCIPAL = "principal"
"""The key of the authenticated caller in the state of a request."""
NO_ROW = ("", "no such address")
EXPORTED_LISTS = (
    "/changes", "/decisions", "/suspensions", "/overrides", "/accounts", "/api-keys", "/audit",
    "/audit/checkpoints", "/groups", "/groups/members", "/movements", "/movements/subjects", "/populations",
)  # fmt: skip
"""The lists that can be exported by those who may read them."""
EXPORT_PATHS = frozenset(f"{path}.{each}" for path in EXPORTED_LISTS for each in ("csv", "xlsx"))
JOB_PAGES: Mapping[str, Access] = {
    "/audit/verifications": COMPLYING,
    "/audit/exports": COMPLYING,
    "/packs": COMPLYING,
    "/reevaluations": SIGNING,
    "/data-checks": SIGNING,
    "/runs": SIGNING,
    "/benchmarks": WRITING,
}
"""The pages of kinds of jobs: those who may start one may see its pages, cancel it and download its file."""
JOB_FILES = frozenset(f"{path}/{{job}}/file" for path in JOB_PAGES.keys() - {"/audit/verifications", "/benchmarks"})
"""The files of the kinds that make one."""
_JOB_ROWS = (("GET", ""), ("POST", ""), ("GET", "/{job}"), ("POST", "/{job}/cancel"), ("GET", "/{job}/file"))
_ROWS: Mapping[tuple[str, str], Access] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): people_and_machines(Role.ADMINISTRATOR, Role.INTEGRATION, Role.COMPLIANCE),
    ("GET", "/docs"): PUBLIC,
    ("GET", "/static/{name}"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/problems"): PUBLIC,
    ("GET", "/problems/{name}"): PUBLIC,
    ("POST", "/v1/session"): PUBLIC,
    ("GET", "/v1/session"): ANY_PRINCIPAL,
    ("DELETE", "/v1/session"): ANY_PERSON,
    ("POST", "/v1/session/password"): ANY_PERSON,
    ("GET", "/v1/session/oidc"): PUBLIC,
    ("GET", "/v1/session/oidc/callback"): PUBLIC,
    ("POST", "/v1/session/oidc/confirm"): ANY_PERSON,
    ("GET", "/v1/accounts"): ATTESTING,
    ("POST", "/v1/accounts"): people(Role.ADMINISTRATOR),
    ("GET", "/v1/accounts/{account}"): ATTESTING,
    ("PATCH", "/v1/accounts/{account}"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/accounts/{account}/attest"): ATTESTING,
    ("GET", "/v1/api-keys"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/api-keys"): people(Role.ADMINISTRATOR),
    ("DELETE", "/v1/api-keys/{key}"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/decisions"): people_and_machines(Role.INTEGRATION),
    ("POST", "/v1/decisions/batch"): people_and_machines(Role.INTEGRATION),
    ("GET", "/v1/decisions"): REVIEWERS,
    ("GET", "/v1/policies/{domain}/{policy}/answers"): REVIEWERS,
    ("GET", "/v1/decisions/{decision}"): REVIEWERS,
    ("POST", "/v1/decisions/{decision}/replay"): REVIEWERS,
    ("GET", "/v1/decisions/{decision}/proof"): REVIEWERS,
    ("GET", "/v1/decisions/{decision}/proof/state"): REVIEWERS,
    ("GET", "/v1/groups"): REVIEWERS,
    ("GET", "/v1/groups/{domain}/{policy}"): REVIEWERS,
    ("GET", "/v1/movements"): REVIEWERS,
    ("GET", "/v1/movements/subjects"): REVIEWERS,
    ("GET", "/v1/subjects/{subject:text}"): REVIEWERS,
    ("GET", "/v1/subjects/{subject:text}/decisions"): REVIEWERS,
    ("DELETE", "/v1/subjects/{subject:text}/key"): people(Role.COMPLIANCE),
    ("POST", "/v1/subjects/{subject:text}/merge"): people(Role.COMPLIANCE),
    ("GET", "/v1/overrides"): REVIEWERS,
    ("POST", "/v1/overrides"): people(*DIRECTORS),
    ("GET", "/v1/overrides/{override}"): REVIEWERS,
    ("POST", "/v1/overrides/{override}/sign-offs"): people(*SIGNING_ROLES),
    ("POST", "/v1/overrides/{override}/end"): people(*DIRECTORS, Role.COMPLIANCE),
    ("GET", "/v1/search"): ANY_PRINCIPAL,
    ("GET", "/v1/changes"): READERS,
    ("POST", "/v1/changes"): people(Role.AUTHOR),
    ("GET", "/v1/changes/{change}"): READERS,
    ("GET", "/v1/changes/{change}/texts/{text}"): READERS,
    ("GET", "/v1/changes/{change}/evidence"): READERS,
    ("POST", "/v1/changes/first-versions"): people(Role.AUTHOR),
    ("GET", "/v1/changes/{change}/report"): READERS,
    ("GET", "/v1/changes/{change}/simulation"): READERS,
    ("GET", "/v1/changes/{change}/simulation/movers"): AUDITORS,
    ("GET", "/v1/changes/{change}/actual-effect"): AUDITORS,
    ("PUT", "/v1/changes/{change}/draft"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/comments"): people(Role.AUTHOR, *SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/submit"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/end-analysis"): people(Role.AUTHOR),
    ("POST", "/v1/jobs/analysis"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/sign-offs"): people(*SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/request-changes"): people(Role.AUTHOR, *SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/reject"): people(*SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/withdraw"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/schedule"): people(Role.AUTHOR, *SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/cancel"): people(Role.AUTHOR, *SIGNING_ROLES),
    ("GET", "/v1/suspensions"): READERS,
    ("POST", "/v1/suspensions"): people(*DIRECTORS),
    ("GET", "/v1/suspensions/{suspension}"): READERS,
    ("POST", "/v1/suspensions/{suspension}/ratify"): people(*SIGNING_ROLES),
    ("POST", "/v1/suspensions/{suspension}/end"): people(*SIGNING_ROLES),
    ("GET", "/v1/audit"): AUDITORS,
    ("GET", "/v1/audit/verify"): people_and_machines(Role.COMPLIANCE),
    ("GET", "/v1/audit/export"): people_and_machines(Role.COMPLIANCE),
    ("GET", "/v1/audit/checkpoints"): AUDITORS,
    ("GET", "/v1/audit/public-key"): ANY_PRINCIPAL,
    ("GET", "/v1/audit/{seq}"): AUDITORS,
    ("GET", "/v1/audit/{seq}/proof"): AUDITORS,
    ("POST", "/v1/jobs/verification"): people_and_machines(Role.COMPLIANCE),
    ("POST", "/v1/jobs/export"): people_and_machines(Role.COMPLIANCE),
    ("POST", "/v1/jobs/pack"): people_and_machines(Role.COMPLIANCE),
    ("POST", "/v1/jobs/reevaluation"): AUDITORS,
    ("POST", "/v1/jobs/data-check"): AUDITORS,
    ("POST", "/v1/jobs/run"): AUDITORS,
    ("POST", "/v1/jobs/renewal"): people(Role.AUTHOR),
    ("GET", "/v1/populations"): POPULATING,
    ("POST", "/v1/populations"): POPULATING,
    ("GET", "/v1/populations/{population}"): POPULATING,
    ("DELETE", "/v1/populations/{population}"): POPULATING,
    ("GET", "/v1/jobs"): ANY_PRINCIPAL,
    ("GET", "/v1/jobs/{job}"): ANY_PRINCIPAL,
    ("GET", "/v1/jobs/{job}/file"): ANY_PRINCIPAL,
    ("DELETE", "/v1/jobs/{job}"): ANY_PRINCIPAL,
    ("GET", "/v1/policies"): ANY_PRINCIPAL,
    ("GET", "/v1/regulations"): ANY_PRINCIPAL,
    ("POST", "/v1/policies/check"): ANY_PRINCIPAL,
    ("POST", "/v1/policies/cross-groups"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/versions"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/versions/{version}"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/versions/{version}/provenance"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/active"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/dependencies"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/rules/{rule}/history"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/requirements"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/difference"): ANY_PRINCIPAL,
    ("GET", "/v1/policies/{domain}/{policy}/difference/tables"): ANY_PRINCIPAL,
    # ---- the pages
    ("GET", "/sign-in"): PUBLIC,
    ("POST", "/sign-in"): PUBLIC,
    ("POST", "/preferences"): PUBLIC,
    ("GET", "/"): ANY_PERSON,
    ("POST", "/sign-out"): ANY_PERSON,
    ("GET", "/account"): ANY_PERSON,
    ("POST", "/account/password"): ANY_PERSON,
    ("POST", "/account/sessions/end"): ANY_PERSON,
    ("GET", "/account/second-factor"): ANY_PERSON,
    ("POST", "/account/second-factor"): ANY_PERSON,
    ("POST", "/account/second-factor/remove"): ANY_PERSON,
    ("GET", "/policies"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/compare"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/rules/{rule}"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/versions/{version}"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/versions/{version}/source"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/versions/{version}/examples"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/versions/{version}/file"): ANY_PERSON,
    ("GET", "/policies/{domain}/{policy}/try"): ANY_PERSON,
    ("POST", "/policies/{domain}/{policy}/try"): ANY_PERSON,
    ("POST", "/policies/{domain}/{policy}/try/example"): WRITING,
    ("GET", "/policies/{domain}/{policy}/suspend"): DIRECTING,
    ("GET", "/changes"): TAKING_PART,
    ("POST", "/changes"): WRITING,
    ("GET", "/changes/new"): WRITING,
    ("POST", "/changes/check"): WRITING,
    ("GET", "/changes/{change}"): TAKING_PART,
    ("GET", "/changes/{change}/draft"): WRITING,
    ("POST", "/changes/{change}/draft"): WRITING,
    ("GET", "/changes/{change}/report"): TAKING_PART,
    ("GET", "/changes/{change}/movers.csv"): people(*SIGNING_ROLES),
    ("GET", "/changes/{change}/workload.csv"): TAKING_PART,
    ("GET", "/changes/{change}/actual-effect"): people(*SIGNING_ROLES),
    ("POST", "/changes/{change}/actual-effect"): SIGNING,
    ("GET", "/changes/{change}/actual-effect.csv"): people(*SIGNING_ROLES),
    ("GET", "/changes/{change}/texts/{text}"): TAKING_PART,
    ("GET", "/changes/{change}/evidence"): TAKING_PART,
    ("GET", "/changes/{change}/print"): TAKING_PART,
    ("GET", "/changes/{change}/dossier.pdf"): TAKING_PART,
    ("POST", "/changes/{change}/comments"): DISCUSSING,
    ("POST", "/changes/{change}/submit"): WRITING,
    ("POST", "/changes/{change}/end-analysis"): WRITING,
    ("POST", "/changes/{change}/sign-offs"): SIGNING,
    ("POST", "/changes/{change}/request-changes"): DISCUSSING,
    ("POST", "/changes/{change}/reject"): SIGNING,
    ("POST", "/changes/{change}/withdraw"): WRITING,
    ("POST", "/changes/{change}/schedule"): DISCUSSING,
    ("POST", "/changes/{change}/cancel"): DISCUSSING,
    ("GET", "/suspensions"): TAKING_PART,
    ("POST", "/suspensions"): DIRECTING,
    ("GET", "/suspensions/{suspension}"): TAKING_PART,
    ("POST", "/suspensions/{suspension}/ratify"): SIGNING,
    ("POST", "/suspensions/{suspension}/end"): SIGNING,
    ("GET", "/in-force"): ANY_PERSON,
    ("GET", "/regulations"): ANY_PERSON,
    ("GET", "/search"): ANY_PERSON,
    ("GET", "/help"): ANY_PERSON,
    ("GET", "/help/{kind}/{name}"): ANY_PERSON,
    ("GET", "/help/images/{language}/{name}"): ANY_PERSON,
    ("GET", "/audit"): AUDITING,
    ("GET", "/audit/entries/{seq}"): AUDITING,
    ("GET", "/audit/checkpoints"): AUDITING,
    ("GET", "/audit/public-key.pem"): AUDITING,
    ("GET", "/decisions"): REVIEWING,
    ("GET", "/decisions/{decision}"): REVIEWING,
    ("GET", "/decisions/{decision}/proof.json"): REVIEWING,
    ("GET", "/groups"): REVIEWING,
    ("GET", "/groups/members"): REVIEWING,
    ("GET", "/movements"): REVIEWING,
    ("GET", "/movements/subjects"): REVIEWING,
    ("GET", "/subjects/merge"): COMPLYING,
    ("POST", "/subjects/merge"): COMPLYING,
    ("GET", "/populations"): DISCUSSING,
    ("POST", "/populations"): DISCUSSING,
    ("GET", "/populations/new"): DISCUSSING,
    ("GET", "/populations/{population}"): DISCUSSING,
    ("POST", "/populations/{population}/delete"): DISCUSSING,
    ("GET", "/overrides"): REVIEWING,
    ("POST", "/overrides"): DIRECTING,
    ("GET", "/subjects/erase"): COMPLYING,
    ("POST", "/subjects/erase"): COMPLYING,
    ("GET", "/keys"): ADMINISTERING,
    ("POST", "/keys/signing"): ADMINISTERING,
    ("POST", "/keys/master"): ADMINISTERING,
    ("GET", "/overrides/new"): DIRECTING,
    ("GET", "/overrides/{override}"): REVIEWING,
    ("POST", "/overrides/{override}/sign"): people(*SIGNING_ROLES),
    ("POST", "/overrides/{override}/end"): people(*DIRECTORS, Role.COMPLIANCE),
    ("GET", "/accounts"): ATTESTING,
    ("POST", "/accounts"): ADMINISTERING,
    ("GET", "/accounts/new"): ADMINISTERING,
    ("GET", "/accounts/{account}"): ATTESTING,
    ("POST", "/accounts/{account}/roles"): ADMINISTERING,
    ("POST", "/accounts/{account}/disable"): ADMINISTERING,
    ("POST", "/accounts/{account}/enable"): ADMINISTERING,
    ("POST", "/accounts/{account}/password"): ADMINISTERING,
    ("POST", "/accounts/{account}/link"): ADMINISTERING,
    ("POST", "/accounts/{account}/second-factor"): ADMINISTERING,
    ("POST", "/accounts/{account}/attest"): ATTESTING,
    ("GET", "/api-keys"): ADMINISTERING,
    ("POST", "/api-keys"): ADMINISTERING,
    ("GET", "/api-keys/new"): ADMINISTERING,
    ("POST", "/api-keys/{key}/revoke"): ADMINISTERING,
}
PERMISSIONS: Mapping[tuple[str, str], Access] = {
    **_ROWS,
    **{("GET", path): _ROWS["GET", path.rpartition(".")[0]] for path in sorted(EXPORT_PATHS)},
    **{
        (method, path + end): access
        for path, access in JOB_PAGES.items()
        for method, end in _JOB_ROWS
        if not end.endswith("/file") or path + end in JOB_FILES
    },
}
"""The access to every route, by method and path template."""


def may_read(actor: Actor | None, path: str) -> bool:
    """Return True if an actor may open the pages at an address."""
    return actor is not None and check_permission(actor, PERMISSIONS["GET", path]) is True


def route_of(scope: Scope) -> str:
    """Return the method and path template of a request, without its parameters."""
    method, template = scope.get(ROW, NO_ROW)
    return f"{method} {template}".strip()


class UnlistedRoute(Exception):
    """A route has no row in the table; the message names it."""


class PermissionTable:
    """The rows, indexed by the addresses of requests."""

    def __init__(self, rows: Mapping[tuple[str, str], Access] = PERMISSIONS) -> None:
        self.rows = rows
        methods: dict[str, dict[str, None]] = {}
        for method, path in rows:
            methods.setdefault(path, {})[method] = None
        patterns = {path: compile_path(path) for path in methods}
        self.documented = {(method, patterns[path][1]): access for (method, path), access in rows.items()}
        """The same by the paths of the OpenAPI document, where parameters have no converters."""
        templates = sorted(methods, key=lambda path: (path.count("{"), path.endswith(f":{ANY_TEXT}}}"), path))
        self._paths: list[tuple[re.Pattern[str], str, dict[str, None]]] = [
            (patterns[path][0], path, methods[path]) for path in templates
        ]

    def access(self, method: str, path: str) -> Access:
        """Return the access required for a request. Raises ProblemError for an unknown address or method."""
        return self.rows[self.row(method, path)]

    def access_to(self, scope: Scope) -> Access:
        """Return the access required for a request, and store its row. Raises ProblemError as `access` does."""
        row = scope[ROW] = self.row(scope["method"], scope["path"])
        return self.rows[row]

    def row(self, method: str, path: str) -> tuple[str, str]:
        """Return the method and path template of a request."""
        allowed: dict[str, None] = {}
        for pattern, template, methods in self._paths:
            if pattern.fullmatch(path):  # `match` would accept a trailing line feed
                if method in methods:
                    return method, template
                allowed |= dict.fromkeys(methods)
        if not allowed:
            raise ProblemError(NOT_FOUND, Message("no such address"))
        detail = Message("{method} is not allowed here, {others} is", method=method[:20], others=join_comma(allowed))
        raise ProblemError(METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)})

    def refuse_unlisted(self, routes: Iterable[BaseRoute]) -> None:
        """Raise UnlistedRoute if a reachable route is not in the table."""
        unlisted = [
            f"{method} {route.path}"
            for route in routes
            for method in sorted(_methods(route) - {"HEAD"})
            if isinstance(route, Route) and (method, route.path) not in self.rows
        ]
        others = [type(route).__name__ for route in routes if not isinstance(route, Route)]
        if unlisted or others:
            raise UnlistedRoute(f"no row in the table of permissions: {', '.join([*unlisted, *others])}")


def _methods(route: BaseRoute) -> set[str]:
    return set(getattr(route, "methods", None) or ())

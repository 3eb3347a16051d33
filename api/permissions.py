"""Who may ask for what: one table, a row a route. What is not in it does not exist.

An API key reads and decides. What a person alone may do has `machines=False`: a key's scopes do not matter there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.routing import BaseRoute, Route, compile_path

from api.problems import METHOD_NOT_ALLOWED, NOT_FOUND, ProblemError
from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role

EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let through: anybody at all, anybody who is known, or who has one of some roles."""

    roles: frozenset[Role] = frozenset()
    known: bool = True
    """Whether it has to be known who asks."""
    machines: bool = True
    """Whether an API key will do."""
    roleless: bool = False
    """Whether somebody without any role is let through too."""


PUBLIC = Access(known=False)
ANYBODY_KNOWN = Access(EVERY_ROLE, roleless=True)
ANY_PERSON = Access(EVERY_ROLE, machines=False, roleless=True)


def known(*roles: Role) -> Access:
    """People and machines in one of these roles."""
    return Access(frozenset(roles))


def people(*roles: Role) -> Access:
    """People in one of these roles."""
    return Access(frozenset(roles), machines=False)


READERS = known(Role.AUTHOR, *SIGNING_ROLES, Role.ADMINISTRATOR)
"""Who reads changes and suspensions: those who take part, an administrator, and a key with the scope `compliance`."""
REVIEWERS = known(Role.INTEGRATION, *SIGNING_ROLES)
"""Who reads what was decided about subjects, and what they are excepted from; not those who write policies."""
AUDITORS = known(*SIGNING_ROLES)
"""Who reads the log: directors and compliance; to verify and export it whole is for compliance (R-GOV-7)."""
VOUCHING = people(Role.COMPLIANCE, Role.ADMINISTRATOR)
"""Who reads accounts and vouches for them; an administrator only for the first of compliance."""

PERMISSIONS: Mapping[tuple[str, str], Access] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): known(Role.ADMINISTRATOR, Role.INTEGRATION, Role.COMPLIANCE),
    ("GET", "/docs"): PUBLIC,
    ("GET", "/static/docs.css"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/problems"): PUBLIC,
    ("GET", "/problems/{name}"): PUBLIC,
    ("POST", "/v1/session"): PUBLIC,
    ("GET", "/v1/session"): ANYBODY_KNOWN,
    ("DELETE", "/v1/session"): ANY_PERSON,
    ("POST", "/v1/session/password"): ANY_PERSON,
    ("GET", "/v1/session/oidc"): PUBLIC,
    ("GET", "/v1/session/oidc/callback"): PUBLIC,
    ("POST", "/v1/session/oidc/confirm"): ANY_PERSON,
    ("GET", "/v1/accounts"): VOUCHING,
    ("POST", "/v1/accounts"): people(Role.ADMINISTRATOR),
    ("GET", "/v1/accounts/{account}"): VOUCHING,
    ("PATCH", "/v1/accounts/{account}"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/accounts/{account}/vouch"): VOUCHING,
    ("GET", "/v1/api-keys"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/api-keys"): people(Role.ADMINISTRATOR),
    ("DELETE", "/v1/api-keys/{key}"): people(Role.ADMINISTRATOR),
    ("POST", "/v1/decisions"): known(Role.INTEGRATION),
    ("POST", "/v1/decisions/batch"): known(Role.INTEGRATION),
    ("GET", "/v1/decisions/{decision}"): REVIEWERS,
    ("POST", "/v1/decisions/{decision}/replay"): REVIEWERS,
    ("GET", "/v1/decisions/{decision}/proof"): REVIEWERS,
    ("GET", "/v1/subjects/{subject}/decisions"): REVIEWERS,
    ("DELETE", "/v1/subjects/{subject}/key"): people(Role.COMPLIANCE),
    ("GET", "/v1/overrides"): REVIEWERS,
    ("POST", "/v1/overrides"): people(*DIRECTORS),
    ("GET", "/v1/overrides/{override}"): REVIEWERS,
    ("POST", "/v1/overrides/{override}/end"): people(*DIRECTORS, Role.COMPLIANCE),
    ("GET", "/v1/changes"): READERS,
    ("POST", "/v1/changes"): people(Role.AUTHOR),
    ("GET", "/v1/changes/{change}"): READERS,
    ("GET", "/v1/changes/{change}/texts/{text}"): READERS,
    ("GET", "/v1/changes/{change}/report"): READERS,
    ("PUT", "/v1/changes/{change}/draft"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/comments"): people(Role.AUTHOR, *SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/submit"): people(Role.AUTHOR),
    ("POST", "/v1/changes/{change}/sign-offs"): people(*SIGNING_ROLES),
    ("POST", "/v1/changes/{change}/request-changes"): people(*SIGNING_ROLES),
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
    ("GET", "/v1/audit/verify"): known(Role.COMPLIANCE),
    ("GET", "/v1/audit/export"): known(Role.COMPLIANCE),
    ("GET", "/v1/audit/checkpoints"): AUDITORS,
    ("GET", "/v1/audit/public-key"): ANYBODY_KNOWN,
    ("GET", "/v1/audit/{seq}"): AUDITORS,
    ("GET", "/v1/audit/{seq}/proof"): AUDITORS,
    ("GET", "/v1/policies"): ANYBODY_KNOWN,
    ("POST", "/v1/policies/check"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}/versions"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}/versions/{version}"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}/active"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}/requirements"): ANYBODY_KNOWN,
    ("GET", "/v1/policies/{domain}/{policy}/difference"): ANYBODY_KNOWN,
}
"""The access to every route, by its method and the template of its path."""


def may_ask(actor: Actor, access: Access) -> Literal[True] | str:
    """Whether the actor is let through, or the reason why not."""
    if actor.kind == "machine" and not access.machines:
        return "An API key reads and decides; this is for a person who is signed in."
    if access.roleless or actor.roles & access.roles:
        return True
    if (why := actor.why_waiting(access.roles)) is not None:
        return why
    held = f"you are {_listed(actor.roles, 'and')}" if actor.roles else "you have no role"
    return f"This is for {_listed(access.roles, 'or')}; {held}."


def _listed(roles: Iterable[Role], word: str) -> str:
    return f" {word} ".join(role.replace("_", " ") for role in Role if role in roles)


class UnlistedRoute(Exception):
    """A route has no row in the table; the message names it."""


class Table:
    """The rows, ready to be asked by the address of a request."""

    def __init__(self, rows: Mapping[tuple[str, str], Access] = PERMISSIONS) -> None:
        self.rows = rows
        templates = sorted({path for _, path in rows}, key=lambda path: (path.count("{"), path))
        self._paths: list[tuple[re.Pattern[str], dict[str, Access]]] = [
            (compile_path(path)[0], {method: access for (method, its), access in rows.items() if its == path})
            for path in templates
        ]

    def access(self, method: str, path: str) -> Access:
        """The access to what a request asks for. Raises ProblemError when there is no such address or method."""
        asked = "GET" if method == "HEAD" else method
        allowed: dict[str, None] = {}
        for pattern, methods in self._paths:
            if pattern.match(path):
                if asked in methods:
                    return methods[asked]
                allowed |= dict.fromkeys(methods)
        if not allowed:
            raise ProblemError(NOT_FOUND, "no such address")
        allow = ", ".join(allowed)
        detail = f"{method[:20]} is not taken here, {allow} is"
        raise ProblemError(METHOD_NOT_ALLOWED, detail, headers={"Allow": allow})

    def refuse_unlisted(self, routes: Iterable[BaseRoute]) -> None:
        """Raises UnlistedRoute when somebody could ask for something that the table does not know."""
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

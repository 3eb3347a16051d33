"""Who may ask for what: every route with every role, without a credential, and with one that opens nothing."""

import re

import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route, Router

from api.auth.permissions import EXPORT_PATHS, PERMISSIONS, PermissionTable, UnlistedRoute
from api.web.problems import ProblemError
from policy_service.access import PUBLIC, Access, check_permission
from policy_service.actor import Actor, Role
from tests.api.client import DECISIONS, application, ask, assert_problem, credentials
from tests.architecture.project import ROOT
from tests.for_each import for_each

FOR_ALL = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/problems",
    "/problems/{name}",
    "/static/{name}",
}
ROUTES = [row for row in PERMISSIONS if row[1].startswith("/v1/") or row[1] in FOR_ALL]
"""What programs ask for; the pages have a table of their own, tests/pages/test_permissions.py."""
ROLES = {
    "author": "aut",
    "sales_director": "sal",
    "finance_director": "fin",
    "general_manager": "gen",
    "compliance": "com",
    "person:integration": "int",
    "administrator": "adm",
    "key:integration": "k:i",
    "key:compliance": "k:c",
}
EVERYBODY = "aut sal fin gen com int adm k:i k:c"
PEOPLE = "aut sal fin gen com int adm"
REVIEWERS = "sal fin gen com int k:i k:c"
EXPECTED = {
    ("POST", "/v1/decisions"): "int k:i",
    ("POST", "/v1/decisions/batch"): "int k:i",
    ("GET", "/v1/decisions"): REVIEWERS,
    ("GET", "/v1/policies/{domain}/{policy}/answers"): REVIEWERS,
    ("GET", "/v1/search"): EVERYBODY,
    ("GET", "/v1/decisions/{decision}"): REVIEWERS,
    ("POST", "/v1/decisions/{decision}/replay"): REVIEWERS,
    ("GET", "/v1/decisions/{decision}/proof"): REVIEWERS,
    ("GET", "/v1/subjects/{subject:text}/decisions"): REVIEWERS,
    ("DELETE", "/v1/subjects/{subject:text}/key"): "com",
    ("POST", "/v1/subjects/{subject:text}/merge"): "com",
    ("GET", "/v1/overrides"): REVIEWERS,
    ("POST", "/v1/overrides"): "sal fin gen",
    ("GET", "/v1/overrides/{override}"): REVIEWERS,
    ("POST", "/v1/overrides/{override}/sign-offs"): "sal fin gen com",
    ("POST", "/v1/overrides/{override}/end"): "sal fin gen com",
    ("GET", "/v1/policies"): EVERYBODY,
    ("GET", "/v1/regulations"): EVERYBODY,
    ("GET", "/v1/policies/{domain}/{policy}/versions/{version}"): EVERYBODY,
    ("POST", "/v1/policies/check"): EVERYBODY,
    ("POST", "/v1/policies/cross-groups"): EVERYBODY,
    ("GET", "/metrics"): "com int adm k:i k:c",
    ("GET", "/v1/audit"): "sal fin gen com k:c",
    ("GET", "/v1/audit/{seq}"): "sal fin gen com k:c",
    ("GET", "/v1/audit/verify"): "com k:c",
    ("GET", "/v1/audit/export"): "com k:c",
    ("POST", "/v1/jobs/verification"): "com k:c",
    ("POST", "/v1/jobs/export"): "com k:c",
    ("POST", "/v1/jobs/pack"): "com k:c",
    ("POST", "/v1/jobs/reevaluation"): "sal fin gen com k:c",
    ("POST", "/v1/jobs/data-check"): "sal fin gen com k:c",
    ("POST", "/v1/jobs/run"): "sal fin gen com k:c",
    ("POST", "/v1/jobs/renewal"): "aut",
    ("GET", "/v1/populations"): "aut sal fin gen com k:c",
    ("POST", "/v1/populations"): "aut sal fin gen com k:c",
    ("DELETE", "/v1/populations/{population}"): "aut sal fin gen com k:c",
    ("GET", "/v1/session"): EVERYBODY,
    ("DELETE", "/v1/session"): PEOPLE,
    ("POST", "/v1/session/password"): PEOPLE,
    ("GET", "/v1/accounts"): "com adm",
    ("POST", "/v1/accounts"): "adm",
    ("GET", "/v1/accounts/{account}"): "com adm",
    ("PATCH", "/v1/accounts/{account}"): "adm",
    ("POST", "/v1/accounts/{account}/attest"): "com adm",
    ("GET", "/v1/api-keys"): "adm",
    ("POST", "/v1/api-keys"): "adm",
    ("DELETE", "/v1/api-keys/{key}"): "adm",
}
"""The rows that matter most, written down a second time."""
ANYBODY_AT_ALL = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/docs"),
    ("GET", "/static/{name}"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/preferences"),
    ("GET", "/openapi.json"),
    ("GET", "/problems"),
    ("GET", "/problems/{name}"),
    ("POST", "/v1/session"),
    ("GET", "/v1/session/oidc"),
    ("GET", "/v1/session/oidc/callback"),
}


def address(path: str) -> str:
    """A path with something in the place of each of its parameters."""
    return re.sub(r"\{\w+(:text)?\}", "some-thing", path)


def actor(name: str) -> Actor:
    kind, _, role = name.rpartition(":")
    return Actor("1", name, name, frozenset({Role(role)}), "machine" if kind == "key" else "person")


def expected(access: Access, name: str) -> bool:
    """Return True if the table lets somebody through."""
    return not access.authenticated or check_permission(actor(name), access) is True


@for_each(EXPECTED)
def test_the_rows_that_matter_most_are_these(method: str, path: str) -> None:
    let = {short for name, short in ROLES.items() if expected(PERMISSIONS[method, path], name)}
    assert let == set(EXPECTED[method, path].split())


def test_these_and_no_others_are_open_to_anybody() -> None:
    assert {route for route, access in PERMISSIONS.items() if access == PUBLIC} == ANYBODY_AT_ALL
    assert all(access.authenticated for route, access in PERMISSIONS.items() if route not in ANYBODY_AT_ALL)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route != ("DELETE", "/v1/session")])
def test_a_route_lets_in_whom_the_table_says(method: str, path: str, name: str) -> None:
    answer = ask(method, address(path), headers={"authorization": credentials()[name]})
    if expected(PERMISSIONS[method, path], name):
        assert answer.status_code not in {401, 403}, answer.text
    else:
        assert_problem(answer, 403, "not-allowed")


@pytest.mark.one_in(6)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer nobody's token"},
        {"authorization": "Bearer psk_x_y"},
        {"authorization": "Basic YTpi"},
        {"cookie": "policy_service_session=nobody"},
        {"cookie": "policy_service_session=;;;==\x01"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_credential_that_opens_something_nothing_opens(
    method: str, path: str, headers: dict[str, str]
) -> None:
    answer = ask(method, address(path), role=None, headers={**headers, "sec-fetch-site": "same-origin"})
    if PERMISSIONS[method, path].authenticated:
        assert_problem(answer, 401, "not-authenticated")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="policy-service"')
    elif path != "/v1/session/oidc/callback":
        assert answer.status_code not in {401, 403}


def test_the_application_has_the_routes_of_the_table_and_no_others() -> None:
    app = application()
    routes = [route for each in app.routes for route in getattr(each, "original_router", Router([each])).routes]
    routed = {
        (method, route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert routed | {("POST", DECISIONS)} == set(PERMISSIONS)


def test_the_document_tells_of_every_route_for_machines_and_of_no_page() -> None:
    documented = {
        (method.upper(), path) for path, methods in application().openapi()["paths"].items() for method in methods
    }
    assert documented == {row for row in PermissionTable().documented if row[1].startswith("/v1/")} | {
        ("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/problems", "/problems/{name}")
    }


@for_each(ROUTES)
def test_the_table_and_the_router_mean_the_same_route(method: str, path: str) -> None:
    assert PermissionTable().access(method, address(path)) == PERMISSIONS[method, path]


def test_an_application_with_an_unlisted_route_does_not_start() -> None:
    async def nothing() -> None: ...

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/secrets")(nothing)
    with pytest.raises(UnlistedRoute, match="GET /secrets"):
        PermissionTable().refuse_unlisted(app.routes)
    with pytest.raises(UnlistedRoute, match="Mount"):
        PermissionTable().refuse_unlisted([Mount("/files", routes=[])])
    PermissionTable().refuse_unlisted([Route("/healthz", nothing)])


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/accounts/", "/V1/accounts", "/v1//accounts", "/v1/accounts/a/b"),
        *("/v1/accounts%2f", "/v1/accounts%0a", "/accounts%0a"),
    ],
)
def test_an_address_written_otherwise_is_not_found(path: str) -> None:
    assert_problem(ask("GET", path, role=None), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "get", "X" * 100])
def test_another_method_is_refused_before_anybody_is_asked_who_they_are(method: str) -> None:
    with pytest.raises(ProblemError) as refused:
        PermissionTable().access(method, "/v1/accounts")
    assert refused.value.problem.headers == {"Allow": "GET, POST"}
    assert len(refused.value.problem.detail) < 80


def test_a_reason_names_the_roles() -> None:
    problem = assert_problem(ask("GET", "/v1/api-keys", role=Role.SALES_DIRECTOR), 403, "not-allowed")
    assert problem["detail"] == "This is for administrator; you are sales director."
    machine = ask("GET", "/v1/accounts", role=Role.INTEGRATION)
    assert "needs a person who is signed in" in machine.json()["detail"]
    nobody = Actor("1", "ada", "Ada", frozenset())
    assert check_permission(nobody, PERMISSIONS["GET", "/metrics"]) == (
        "This is for compliance or integration or administrator; you have no role."
    )
    assert check_permission(nobody, PERMISSIONS["GET", "/v1/policies"]) is True


def test_the_reference_tells_of_every_kind_of_address() -> None:
    page = (ROOT / "docs" / "reference" / "roles.md").read_text("utf-8")
    results = re.findall(r"`(?:[A-Z]+ )?(/[^` ]*)`", page)
    families = {"/".join(path.split("/")[:3]) for _, path in PERMISSIONS if path not in EXPORT_PATHS}
    assert {family for family in families if not any(path.startswith(family) for path in results)} == set()
    assert all(f"`{role.value}`" in page for role in Role)

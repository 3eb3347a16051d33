"""Every page × every role, written down a second time: who is let in, and that everybody else is told why not."""

import re

import pytest

from api.auth.permissions import EXPORT_PATHS, PERMISSIONS
from tests.api.client import ask, credentials
from tests.api.test_permissions import ROLES, address, expected

SHORT = {short: name for name, short in ROLES.items() if not name.startswith("key:")}
EVERYBODY = "everybody"
MACHINES = {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/problems", "/problems/{name}"}
TABLE = """
GET  /static/{name}                                                everybody
GET  /sign-in                                                      everybody
POST /sign-in                                                      everybody
POST /preferences                                                  everybody
GET  /                                                             aut sal fin gen com int adm
POST /sign-out                                                     aut sal fin gen com int adm
GET  /account                                                      aut sal fin gen com int adm
POST /account/password                                             aut sal fin gen com int adm
POST /account/sessions/end                                         aut sal fin gen com int adm
GET  /account/second-factor                                        aut sal fin gen com int adm
POST /account/second-factor                                        aut sal fin gen com int adm
POST /account/second-factor/remove                                 aut sal fin gen com int adm
GET  /policies                                                     aut sal fin gen com int adm
GET  /policies/{domain}/{policy}                                   aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/compare                           aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/rules/{rule}                      aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/versions/{version}                aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/versions/{version}/source         aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/versions/{version}/examples       aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/versions/{version}/file           aut sal fin gen com int adm
GET  /policies/{domain}/{policy}/try                               aut sal fin gen com int adm
POST /policies/{domain}/{policy}/try                               aut sal fin gen com int adm
POST /policies/{domain}/{policy}/try/example                       aut  ·   ·   ·   ·   ·   ·
GET  /policies/{domain}/{policy}/suspend                            ·  sal fin gen  ·   ·   ·
GET  /changes                                                      aut sal fin gen com  ·  adm
POST /changes                                                      aut  ·   ·   ·   ·   ·   ·
GET  /changes/new                                                  aut  ·   ·   ·   ·   ·   ·
POST /changes/check                                                aut  ·   ·   ·   ·   ·   ·
GET  /changes/{change}                                             aut sal fin gen com  ·  adm
GET  /changes/{change}/draft                                       aut  ·   ·   ·   ·   ·   ·
POST /changes/{change}/draft                                       aut  ·   ·   ·   ·   ·   ·
GET  /changes/{change}/report                                      aut sal fin gen com  ·  adm
GET  /changes/{change}/texts/{text}                                aut sal fin gen com  ·  adm
GET  /changes/{change}/evidence                                    aut sal fin gen com  ·  adm
GET  /changes/{change}/print                                       aut sal fin gen com  ·  adm
GET  /changes/{change}/dossier.pdf                                 aut sal fin gen com  ·  adm
GET  /changes/{change}/movers.csv                                   ·  sal fin gen com  ·   ·
GET  /changes/{change}/workload.csv                                aut sal fin gen com  ·  adm
GET  /changes/{change}/actual-effect                                ·  sal fin gen com  ·   ·
POST /changes/{change}/actual-effect                                ·  sal fin gen com  ·   ·
GET  /changes/{change}/actual-effect.csv                            ·  sal fin gen com  ·   ·
POST /changes/{change}/comments                                    aut sal fin gen com  ·   ·
POST /changes/{change}/submit                                      aut  ·   ·   ·   ·   ·   ·
POST /changes/{change}/sign-offs                                    ·  sal fin gen com  ·   ·
POST /changes/{change}/request-changes                             aut sal fin gen com  ·   ·
POST /changes/{change}/reject                                       ·  sal fin gen com  ·   ·
POST /changes/{change}/withdraw                                    aut  ·   ·   ·   ·   ·   ·
POST /changes/{change}/end-analysis                                aut  ·   ·   ·   ·   ·   ·
POST /changes/{change}/schedule                                    aut sal fin gen com  ·   ·
POST /changes/{change}/cancel                                      aut sal fin gen com  ·   ·
GET  /suspensions                                                  aut sal fin gen com  ·  adm
POST /suspensions                                                   ·  sal fin gen  ·   ·   ·
GET  /suspensions/{suspension}                                     aut sal fin gen com  ·  adm
POST /suspensions/{suspension}/ratify                               ·  sal fin gen com  ·   ·
POST /suspensions/{suspension}/end                                  ·  sal fin gen com  ·   ·
GET  /in-force                                                     aut sal fin gen com int adm
GET  /regulations                                                  aut sal fin gen com int adm
GET  /search                                                       aut sal fin gen com int adm
GET  /help                                                         aut sal fin gen com int adm
GET  /help/{kind}/{name}                                           aut sal fin gen com int adm
GET  /help/images/{language}/{name}                                aut sal fin gen com int adm
GET  /audit                                                         ·  sal fin gen com  ·   ·
GET  /audit/entries/{seq}                                           ·  sal fin gen com  ·   ·
GET  /audit/checkpoints                                             ·  sal fin gen com  ·   ·
GET  /audit/public-key.pem                                          ·  sal fin gen com  ·   ·
GET  /audit/verifications                                           ·   ·   ·   ·  com  ·   ·
POST /audit/verifications                                           ·   ·   ·   ·  com  ·   ·
GET  /audit/verifications/{job}                                     ·   ·   ·   ·  com  ·   ·
POST /audit/verifications/{job}/cancel                              ·   ·   ·   ·  com  ·   ·
GET  /audit/exports                                                 ·   ·   ·   ·  com  ·   ·
POST /audit/exports                                                 ·   ·   ·   ·  com  ·   ·
GET  /audit/exports/{job}                                           ·   ·   ·   ·  com  ·   ·
POST /audit/exports/{job}/cancel                                    ·   ·   ·   ·  com  ·   ·
GET  /audit/exports/{job}/file                                      ·   ·   ·   ·  com  ·   ·
GET  /decisions                                                     ·  sal fin gen com int  ·
GET  /decisions/{decision}                                          ·  sal fin gen com int  ·
GET  /decisions/{decision}/proof.json                               ·  sal fin gen com int  ·
GET  /groups                                                        ·  sal fin gen com int  ·
GET  /groups/members                                                ·  sal fin gen com int  ·
GET  /movements                                                     ·  sal fin gen com int  ·
GET  /movements/subjects                                            ·  sal fin gen com int  ·
GET  /overrides                                                     ·  sal fin gen com int  ·
POST /overrides                                                     ·  sal fin gen  ·   ·   ·
GET  /overrides/new                                                 ·  sal fin gen  ·   ·   ·
GET  /overrides/{override}                                          ·  sal fin gen com int  ·
POST /overrides/{override}/sign                                     ·  sal fin gen com  ·   ·
POST /overrides/{override}/end                                      ·  sal fin gen com  ·   ·
GET  /data-checks                                                   ·  sal fin gen com  ·   ·
POST /data-checks                                                   ·  sal fin gen com  ·   ·
GET  /data-checks/{job}                                             ·  sal fin gen com  ·   ·
POST /data-checks/{job}/cancel                                      ·  sal fin gen com  ·   ·
GET  /data-checks/{job}/file                                        ·  sal fin gen com  ·   ·
GET  /reevaluations                                                 ·  sal fin gen com  ·   ·
POST /reevaluations                                                 ·  sal fin gen com  ·   ·
GET  /reevaluations/{job}                                           ·  sal fin gen com  ·   ·
POST /reevaluations/{job}/cancel                                    ·  sal fin gen com  ·   ·
GET  /reevaluations/{job}/file                                      ·  sal fin gen com  ·   ·
GET  /populations                                                  aut sal fin gen com  ·   ·
POST /populations                                                  aut sal fin gen com  ·   ·
GET  /populations/new                                              aut sal fin gen com  ·   ·
GET  /populations/{population}                                     aut sal fin gen com  ·   ·
POST /populations/{population}/delete                              aut sal fin gen com  ·   ·
GET  /runs                                                          ·  sal fin gen com  ·   ·
POST /runs                                                          ·  sal fin gen com  ·   ·
GET  /runs/{job}                                                    ·  sal fin gen com  ·   ·
POST /runs/{job}/cancel                                             ·  sal fin gen com  ·   ·
GET  /runs/{job}/file                                               ·  sal fin gen com  ·   ·
GET  /benchmarks                                                   aut  ·   ·   ·   ·   ·   ·
POST /benchmarks                                                   aut  ·   ·   ·   ·   ·   ·
GET  /benchmarks/{job}                                             aut  ·   ·   ·   ·   ·   ·
POST /benchmarks/{job}/cancel                                      aut  ·   ·   ·   ·   ·   ·
GET  /subjects/merge                                                ·   ·   ·   ·  com  ·   ·
POST /subjects/merge                                                ·   ·   ·   ·  com  ·   ·
GET  /packs                                                         ·   ·   ·   ·  com  ·   ·
POST /packs                                                         ·   ·   ·   ·  com  ·   ·
GET  /packs/{job}                                                   ·   ·   ·   ·  com  ·   ·
POST /packs/{job}/cancel                                            ·   ·   ·   ·  com  ·   ·
GET  /packs/{job}/file                                              ·   ·   ·   ·  com  ·   ·
GET  /accounts                                                      ·   ·   ·   ·  com  ·  adm
POST /accounts                                                      ·   ·   ·   ·   ·   ·  adm
GET  /accounts/new                                                  ·   ·   ·   ·   ·   ·  adm
GET  /accounts/{account}                                            ·   ·   ·   ·  com  ·  adm
POST /accounts/{account}/roles                                      ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/disable                                    ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/enable                                     ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/password                                   ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/link                                       ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/second-factor                              ·   ·   ·   ·   ·   ·  adm
POST /accounts/{account}/attest                                     ·   ·   ·   ·  com  ·  adm
GET  /subjects/erase                                                ·   ·   ·   ·  com  ·   ·
POST /subjects/erase                                                ·   ·   ·   ·  com  ·   ·
GET  /keys                                                          ·   ·   ·   ·   ·   ·  adm
POST /keys/signing                                                  ·   ·   ·   ·   ·   ·  adm
POST /keys/master                                                   ·   ·   ·   ·   ·   ·  adm
GET  /api-keys                                                      ·   ·   ·   ·   ·   ·  adm
POST /api-keys                                                      ·   ·   ·   ·   ·   ·  adm
GET  /api-keys/new                                                  ·   ·   ·   ·   ·   ·  adm
POST /api-keys/{key}/revoke                                         ·   ·   ·   ·   ·   ·  adm
"""
ROWS = {(line.split()[0], line.split()[1]): frozenset(line.split()[2:]) - {"·"} for line in TABLE.strip().splitlines()}
SIGN_OUT = ("POST", "/sign-out")
"""Ends the session, which the other rows are asked with; signing out has tests of its own."""
KNOWN = [(route, short) for route, let in ROWS.items() if EVERYBODY not in let and route != SIGN_OUT for short in SHORT]


def test_the_table_has_every_page() -> None:
    pages = {route for route in PERMISSIONS if not route[1].startswith("/v1/") and route[1] not in MACHINES}
    assert set(ROWS) == pages - {("GET", path) for path in EXPORT_PATHS}  # as their lists: tests/pages/test_tables.py


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("method", "path"), ROWS)
def test_the_service_lets_in_whom_the_table_says(method: str, path: str) -> None:
    access = PERMISSIONS[method, path]
    if EVERYBODY in ROWS[method, path]:
        assert not access.authenticated
    else:
        assert {short for short, name in SHORT.items() if expected(access, name)} == ROWS[method, path]
        assert not access.machines, "pages are for people"


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("route", "short"), KNOWN, ids=lambda each: each if isinstance(each, str) else " ".join(each))
def test_a_page_opens_for_those_and_tells_the_others_why_not(route: tuple[str, str], short: str) -> None:
    method, path = route
    token = credentials()[SHORT[short]].removeprefix("Bearer ")
    headers = {
        "cookie": f"policy_service_session={token}",
        "accept": "text/html",
        "sec-fetch-site": "same-origin",
        "content-type": "application/x-www-form-urlencoded",
    }
    answer = ask(method, address(path), headers=headers, content=b"", role=None)
    if short in ROWS[route]:
        assert answer.status_code not in {401, 403}, answer.text
    else:
        assert answer.status_code == 403
        assert "This is for" in answer.text
        assert re.search(r"<html lang=\"en\"", answer.text)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("method", "path"), [route for route, let in ROWS.items() if EVERYBODY not in let])
def test_without_a_session_a_page_leads_to_sign_in(method: str, path: str) -> None:
    answer = ask(method, address(path), headers={"accept": "text/html", "sec-fetch-site": "same-origin"}, role=None)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("method", "path"), [route for route in ROWS if route[0] == "POST"])
def test_what_another_site_sends_in_somebodys_name_is_refused(method: str, path: str) -> None:
    token = credentials()["administrator"].removeprefix("Bearer ")
    for site in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}, {}):
        headers = {"cookie": f"policy_service_session={token}", "accept": "text/html", **site}
        answer = ask(method, address(path), headers=headers, content=b"", role=None)
        assert answer.status_code == 403, path
        assert "other-site" in answer.text

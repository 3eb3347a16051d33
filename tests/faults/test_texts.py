"""Texts that a database cannot keep are refused by the service, on SQLite and on PostgreSQL alike.

PostgreSQL keeps no NUL and no more characters than a column has; SQLite keeps anything. No JSON text holds half of a
surrogate pair, so what has one is no JSON. What a reader would not see, such as bidirectional controls and zero-width
characters, is refused in everything that people write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest

from api.auth.permissions import PERMISSIONS
from api.web.problems import MEDIA_TYPE
from policy_service.clock import timestamp
from tests.api.client import SECRET, portal
from tests.api.company import Company, Json, company
from tests.approval.world import TIER, tier
from tests.databases import BACKENDS
from tests.effort import effort
from tests.faults.machine import PLACE, TEXTS, machine, put

BAD = {
    "nul": "a\0b",
    "long": "x" * 20_000,
    "surrogate": "a\ud800b",
    "bidirectional": "a\u202eb",
    "zero-width": "a\u200bb",
}
NOBODY = "00000000-0000-0000-0000-000000000000"


class Place(NamedTuple):
    """A company with a change that was submitted, and a machine."""

    company: Company
    change: Json
    draft: Json
    key: str

    def send(self, method: str, path: str, by: str, body: object = None, **headers: str) -> httpx.Response:
        """The answer to one request, whatever characters it has."""
        result = self.key if by == "machine" else f"Bearer {self.company.token(by)}"
        fields = {"content-type": "application/json", **({} if "cookie" in headers else {"authorization": result})}
        head = [(name.encode(), value.encode("latin-1")) for name, value in {**fields, **headers}.items()]
        content = b"" if body is None else json.dumps(body).encode()  # as ASCII: a half pair is written as \ud800

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.company.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, headers=head, content=content)

        return portal().call(send)


@pytest.fixture(scope="module", params=effort(["postgresql"], BACKENDS))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with company(request.param) as made:
        put(made, TEXTS)
        made.app.service.decisions.in_force.refresh()
        key = machine(made.database, made.clock)
        change = made.moved("submit", made.create(tier("1.1.0")))
        yield Place(made, change, made.create(tier("1.2.0")), key)


def signed(text: str, **more: object) -> Json:
    return {"reason": text, "role": "sales_director", "password": SECRET, **more}


Request = tuple[str, str, str, object]


def bodies(place: Place, text: str) -> Iterator[Request]:
    """A request for every text that a body holds."""
    company = place.company
    change, draft = f"/v1/changes/{place.change['id']}", f"/v1/changes/{place.draft['id']}"
    until = timestamp(company.clock.at + timedelta(days=1))
    decision = {"subject": "C1", "facts": {}, "policies": [PLACE]}
    yield "POST", "/v1/decisions", "machine", {**decision, "subject": text}
    yield "POST", "/v1/decisions", "machine", {**decision, "facts": {text: 1}}
    yield "POST", "/v1/decisions", "machine", {**decision, "policies": [text]}
    yield "POST", "/v1/decisions", "machine", {**decision, "as_of": text}
    yield "POST", "/v1/decisions", "machine", {**decision, text: 1}
    override = signed("so", subject="C1", policy=PLACE, outcome={"said": "all"}, until=until)
    for member in ("subject", "policy", "reason", "until", "role"):
        yield "POST", "/v1/overrides", "sales", {**override, member: text}
    yield "POST", "/v1/overrides", "sales", {**override, "outcome": {text: "all"}}
    yield "POST", f"/v1/overrides/{NOBODY}/end", "sales", signed(text)
    yield "POST", f"/v1/overrides/{NOBODY}/sign-offs", "compliance", {**signed(text), "digest": text, "meaning": text}
    yield "DELETE", "/v1/subjects/C1/key", "compliance", {"reason": text, "password": SECRET}
    for member in ("title", "reason"):
        yield "POST", "/v1/changes", "ann", {**company.draft(), member: text}
        yield "PUT", f"{draft}/draft", "ann", {**company.draft(), member: text}
    yield "POST", "/v1/changes", "ann", {**company.draft(), "effective": {"from": text}}
    yield "POST", "/v1/changes", "ann", {**company.draft(), "rollback": {text: "1.0.0"}}
    yield "POST", "/v1/changes", "ann", {**company.draft(), "rollback": {TIER: text}}
    yield "POST", f"{change}/comments", "ann", {"text": text}
    groups = {"statement": "size", "policy": "tiering/groups"}
    for member in ("statement", "policy", "version"):
        yield "POST", "/v1/policies/cross-groups", "ann", {**groups, member: text}
    yield "POST", "/v1/policies/cross-groups", "ann", {**groups, "source": [text]}
    signature = company.signature(place.change, "sales_director")
    for member in ("reason", "digest", "meaning", "role"):
        yield "POST", f"{change}/sign-offs", "sales", {**signature, member: text}
    for action, by in (("request-changes", "sales"), ("reject", "sales"), ("withdraw", "ann"), ("cancel", "sales")):
        yield "POST", f"{change}/{action}", by, {"reason": text}
    suspension = signed("so", policy=TIER, version="1.0.0")
    for member in ("policy", "version", "reason"):
        yield "POST", "/v1/suspensions", "sales", {**suspension, member: text}
    for action in ("ratify", "end"):
        yield "POST", f"/v1/suspensions/{NOBODY}/{action}", "sales", signed(text)
    account = {"name": "zoe", "printed_name": "Zoe", "roles": ["author"], "password": "a long enough password 1"}
    for member in ("name", "printed_name"):
        yield "POST", "/v1/accounts", "root", {**account, member: text}
    ben = f"/v1/accounts/{company.people['ben'].id}"
    for external in ({"issuer": text, "subject": "s"}, {"issuer": "https://id.example", "subject": text}):
        yield "PATCH", ben, "root", {"external": external}
    key = {"name": text, "scopes": ["integration"], "expires_at": until}
    yield "POST", "/v1/api-keys", "root", key
    for member in ("policy", "subject", "since", "until"):
        yield "POST", "/v1/jobs/pack", "compliance", {"policy": PLACE, member: text}
    yield "POST", "/v1/jobs/reevaluation", "compliance", {"policy": text}
    yield "POST", "/v1/jobs/data-check", "compliance", {"kind": text}
    yield "POST", "/v1/jobs/run", "compliance", {"policy": text}
    yield "POST", "/v1/jobs/run", "compliance", {"policy": TIER, "change": text}
    yield "POST", "/v1/jobs/renewal", "ann", {"name": text}
    yield "POST", "/v1/jobs/renewal", "ann", {"kind": text}
    yield "POST", "/v1/jobs/analysis", "ann", {"change": text}
    yield "POST", f"{draft}/end-analysis", "ann", {"reason": text}
    merge = signed("so", into="C2")
    for member in ("into", "into_kind", "reason"):
        yield "POST", "/v1/subjects/C1/merge", "compliance", {**merge, member: text}
    yield "POST", "/v1/changes/first-versions", "ann", {"title": text, "reason": text}


def some(requests: Iterable[Request], kind: str) -> list[Request]:
    """All requests; in a quick run one in four, of the next kind of text others."""
    return list(requests)[effort(list(BAD).index(kind) % 4, 0) :: effort(4, 1)]


def secrets(text: str) -> Iterator[Request]:
    """A request for every text that is a password, or tried as one: each is counted as a failure."""
    yield "POST", "/v1/session", "root", {"name": text, "password": SECRET}
    yield "POST", "/v1/session", "root", {"name": "nobody", "password": text}
    yield "POST", "/v1/session/password", "ben", {"old": text, "new": SECRET}
    ratified = {**signed("so"), "password": text}
    yield "POST", f"/v1/accounts/{NOBODY}/attest", "both", {"password": text}
    yield "POST", f"/v1/suspensions/{NOBODY}/ratify", "both", ratified


def addresses(place: Place, text: str) -> Iterator[Request]:
    """A request for every text that an address holds."""
    value = quote(text[:300], safe="", errors="surrogatepass")
    change = f"/v1/changes/{place.change['id']}"
    for path, by in (
        ("decisions/{}", "machine"),
        ("decisions/{}/proof", "machine"),
        ("subjects/{}/decisions", "machine"),
        ("overrides/{}", "machine"),
        ("overrides?subject={}", "machine"),
        ("overrides?cursor={}", "machine"),
        ("changes/{}", "ann"),
        (f"changes/{place.change['id']}/texts/{{}}", "ann"),
        ("changes?policy={}", "ann"),
        ("changes?author={}", "ann"),
        ("changes?state={}", "ann"),
        ("changes?cursor={}", "ann"),
        ("changes?cursor=YQBi", "ann"),
        ("suspensions/{}", "ann"),
        ("suspensions?policy={}", "ann"),
        ("suspensions?cursor=YQBi", "ann"),
        ("accounts/{}", "root"),
        ("accounts?cursor=YQBi", "root"),
        ("api-keys?cursor=YQBi", "root"),
        ("policies/{}/size", "ann"),
        ("policies/tiering/{}", "ann"),
        ("policies/tiering/{}/versions", "ann"),
        ("policies/tiering/{}/active", "ann"),
        ("policies/tiering/size/versions/{}", "ann"),
        ("policies/tiering/size/active?valid_at={}", "ann"),
        ("policies/tiering/size/difference?from={}&to=1.0.0", "ann"),
        ("session/oidc/callback?state={}&code=x", "ann"),
    ):
        yield "GET", f"/v1/{path.format(value)}", by, None
    yield "POST", f"/v1/decisions/{value}/replay", "machine", None
    yield "PATCH", f"/v1/accounts/{value}", "root", {"enabled": True}
    yield "DELETE", f"/v1/api-keys/{value}", "root", None
    yield "DELETE", f"/v1/jobs/{value}", "compliance", None
    yield "DELETE", f"/v1/populations/{value}", "compliance", None
    yield "DELETE", f"/v1/subjects/{value}/key", "compliance", {"reason": "so", "password": SECRET}
    yield "POST", f"{change.replace(place.change['id'], value)}/comments", "ann", {"text": "so"}
    yield "GET", f"/problems/{value}", "ann", None


def refused(place: Place, request: Request, *, found: tuple[int, ...] = ()) -> str | None:
    """What is wrong with the answer to a request that must be refused, or may be answered so."""
    method, path, by, body = request
    answer = place.send(method, path, by, body, **{"if-match": f'"{place.change["etag"]}"'})
    if answer.status_code in found:
        return None
    if 400 <= answer.status_code < 500 and answer.headers["content-type"] == MEDIA_TYPE:
        return None
    return f"{answer.status_code} {method} {path[:60]} {json.dumps(body)[:300]}: {answer.text[:300]}"


@pytest.mark.parametrize("kind", BAD)
def test_a_text_in_a_body_that_cannot_be_kept_is_refused(place: Place, kind: str) -> None:
    place.company.clock.move(minutes=20)  # so that the passwords of the tests before are forgotten
    faults = [wrong for request in some(bodies(place, BAD[kind]), kind) if (wrong := refused(place, request))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("kind", BAD)
def test_a_secret_with_any_characters_opens_nothing(place: Place, kind: str) -> None:
    place.company.clock.move(minutes=20)
    faults = [wrong for request in secrets(BAD[kind]) if (wrong := refused(place, request))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("kind", BAD)
def test_a_text_in_an_address_that_cannot_be_kept_finds_nothing(place: Place, kind: str) -> None:
    place.company.clock.move(minutes=20)
    faults = [
        wrong for request in some(addresses(place, BAD[kind]), kind) if (wrong := refused(place, request, found=(200,)))
    ]
    assert not faults, "\n".join(faults)


def test_a_text_that_is_a_fact_is_kept_whatever_it_holds(place: Place) -> None:
    for facts in ({"place": "a\0b"}, {"phone": "a\0b"}):
        made = place.send("POST", "/v1/decisions", "machine", {"subject": "C1", "facts": facts, "policies": [PLACE]})
        assert made.status_code == 200, made.text
        stored = place.send("GET", f"/v1/decisions/{made.json()['decision_id']}", "sales")
        assert stored.status_code == 200, stored.text


@pytest.mark.parametrize("key", [b"a\0b", b"x" * 201, b"\xed\xa0\x80", b"\x80"])
def test_a_key_that_cannot_be_kept_is_refused(place: Place, key: bytes) -> None:
    decision = {"subject": "C1", "facts": {}, "policies": [PLACE]}
    for path, by, body in (("/v1/decisions", "machine", decision), ("/v1/changes", "ann", place.company.draft())):
        answer = place.send("POST", path, by, body, **{"idempotency-key": key.decode("latin-1")})
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("name", ["authorization", "cookie", "if-match"])
@pytest.mark.parametrize("value", [b"Bearer a\0b", b"Bearer psk_a\0b", b"policy_service_session=a\0b", b"x" * 5_000])
def test_another_header_that_cannot_be_kept_opens_nothing(place: Place, name: str, value: bytes) -> None:
    answer = place.send(
        "POST", f"/v1/changes/{place.change['id']}/submit", "ann", None, **{name: value.decode("latin-1")}
    )
    assert 400 <= answer.status_code < 500, answer.text


WITHOUT_TEXTS = {
    ("DELETE", "/v1/session"),
    ("POST", "/v1/session/oidc/confirm"),
    ("POST", "/v1/changes/{change}/submit"),
    ("POST", "/v1/changes/{change}/schedule"),
    ("POST", "/v1/jobs/verification"),
    ("POST", "/v1/jobs/export"),
}
ELSEWHERE = {("POST", "/v1/decisions/batch"), ("POST", "/v1/policies/check"), ("POST", "/v1/populations")}
"""Answered with what is wrong with each line, or with the file."""


def test_no_write_is_forgotten(place: Place) -> None:
    requests = [*bodies(place, "so"), *secrets("so"), *addresses(place, "so")]
    over_http = {route for route in PERMISSIONS if route[0] != "GET" and route[1].startswith("/v1/")}
    writes = over_http - WITHOUT_TEXTS - ELSEWHERE  # forms have tests/pages/test_hostile_forms.py
    for method, path in writes:
        pattern = re.compile(re.sub(r"\{\w+(:text)?\}", "[^/]+", path))
        assert any(each[0] == method and pattern.fullmatch(each[1]) for each in requests), f"{method} {path}"

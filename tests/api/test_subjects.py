"""Subjects over HTTP: one spelling at every door, an address for every identifier, and a kind beside it."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_service.clock import timestamp
from policy_service.subject import id_error
from tests.api.client import SECRET, assert_problem, portal
from tests.api.company import Company, company
from tests.databases import BACKENDS
from tests.effort import effort
from tests.faults.machine import PLACE, TEXTS, machine, put
from tests.shipped import NEWEST

COMPLAINT = "service_levels/place"
PHONE = "13800000000"
NOT_THE_SPELLING = [
    ("C900 ", "leave out the blanks around it"),
    ("\u3000C900", "leave out the blanks around it"),
    ("C900\u200b", "leave out the hidden character U+200B ZERO WIDTH SPACE"),
    ("C900\n", "leave out the hidden character U+000A"),
    ("C\n900", "leave out the hidden character U+000A"),
    ("C\u202e900", "leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("C\u00a0900", "write a space for the blank U+00A0 NO-BREAK SPACE"),
    ("Ｃ９００", "write `C900`, in half-width letters and digits"),
    ("Zoe\u0308", "write it with composed characters (Unicode NFC)"),
    ("a/../b", "leave out `.` and `..` between slashes"),
]


class Doors:
    """Every way in which a program or a person names a subject."""

    def __init__(self, here: Company, key: str) -> None:
        self.here, self.key = here, key

    def send(self, method: str, path: str, by: str, body: object = None, **headers: str) -> httpx.Response:
        """The answer to one request; text is sent as it is."""
        here = self.here
        result = self.key if by == "machine" else f"Bearer {here.token(by)}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = {"content-type": "application/json", **headers, "authorization": result}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(here.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, headers=head, content=content)

        return portal().call(send)

    def decide(self, subject: str, **more: object) -> httpx.Response:
        facts = {"place": "here", "phone": PHONE}
        return self.send("POST", "/v1/decisions", "machine", {"subject": subject, "facts": facts, **more})

    def batch(self, subject: str, **more: object) -> dict[str, Any]:
        line = json.dumps({"subject": subject, "facts": {"phone": PHONE}, "policies": [PLACE], **more}).encode()
        answer = self.send("POST", "/v1/decisions/batch", "machine", line, **{"content-type": "application/x-ndjson"})
        body: dict[str, Any] = json.loads(answer.content)
        return body

    def override(self, subject: str, policy: str = PLACE, **more: object) -> httpx.Response:
        self.here.clock.move(minutes=5)  # passwords are taken at a pace
        until = timestamp(self.here.clock.at + timedelta(days=1))
        arguments = {"outcome": {"said": "instead"}, "role": "sales_director", "reason": "agreed", "until": until}
        body = {"subject": subject, "policy": policy, "password": SECRET, **arguments, **more}
        return self.send("POST", "/v1/overrides", "sales", body)

    def end(self, override: str) -> httpx.Response:
        self.here.clock.move(minutes=5)
        body = {"role": "sales_director", "reason": "no longer needed", "password": SECRET}
        return self.send("POST", f"/v1/overrides/{override}/end", "sales", body)

    def decisions(self, subject: str, query: str = "") -> httpx.Response:
        return self.send("GET", f"/v1/subjects/{quote(subject, safe='')}/decisions{query}", "machine")

    def overrides(self, subject: str, query: str = "") -> httpx.Response:
        return self.send("GET", f"/v1/overrides?subject={quote(subject, safe='')}{query}", "machine")

    def erase(self, subject: str, query: str = "", **headers: str) -> httpx.Response:
        self.here.clock.move(minutes=5)
        body = {"reason": "asked for it", "password": SECRET}
        return self.send("DELETE", f"/v1/subjects/{quote(subject, safe='')}/key{query}", "compliance", body, **headers)

    def merge(self, subject: str, into: str, query: str = "", **more: object) -> httpx.Response:
        self.here.clock.move(minutes=5)
        body = {"into": into, "reason": "one company", "password": SECRET, **more}
        return self.send("POST", f"/v1/subjects/{quote(subject, safe='')}/merge{query}", "compliance", body)

    def page(self, path: str, by: str = "compliance", **query: str) -> httpx.Response:
        request = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return self.send("GET", f"{path}?{request}", by, **{"accept-language": "en"})


@pytest.fixture(scope="module", params=BACKENDS)
def doors(request: pytest.FixtureRequest) -> Iterator[Doors]:
    with company(request.param) as here:
        put(here, TEXTS)
        put(
            here, TEXTS.replace(b"subject: customer", b"subject: complaint").replace(PLACE.encode(), COMPLAINT.encode())
        )
        put(here, next(policy.text for policy in NEWEST if policy.id == "governance/overrides").encode())
        here.app.service.decisions.in_force.refresh()
        yield Doors(here, machine(here.database, here.clock))


# ----------------------------------------------------------------------------------------------- one spelling


def test_an_exception_applies_to_the_one_spelling_and_no_other_is_taken(doors: Doors) -> None:
    assert doors.override("C900").status_code == 201
    answer = doors.decide("C900", policies=[PLACE]).json()
    assert answer["outcomes"][PLACE]["outcome"] == {"said": "instead"}
    fault = assert_problem(doors.decide("C900 ", policies=[PLACE]), 422, "request-refused")["problems"][0]
    assert fault == {
        "pointer": "/subject",
        "code": "mistyped",
        "value": '"C900 "',
        "expected": "an identifier of 1 to 200 characters, in its one spelling",
        "hint": "leave out the blanks around it",
    }


@pytest.mark.parametrize(("subject", "text"), NOT_THE_SPELLING)
def test_a_second_spelling_is_refused_at_every_door_with_what_to_write(doors: Doors, subject: str, text: str) -> None:
    assert_problem(doors.decide(subject), 422, "request-refused")
    assert doors.decide(subject).json()["problems"][0]["hint"] == text
    refused = doors.batch(subject)["problem"]["problems"]
    assert [(each["pointer"], each["hint"]) for each in refused] == [("/subject", text)]
    assert assert_problem(doors.override(subject), 422, "override-unfit")["reasons"] == [f"The subject: {text}."]
    merged, grouped = (
        doors.merge(subject, "C901"),
        doors.send("GET", f"/v1/subjects/{quote(subject, safe='')}", "machine"),
    )
    for answer in (doors.decisions(subject), doors.overrides(subject), doors.erase(subject), merged, grouped):
        [fault] = assert_problem(answer, 422, "invalid-parameter")["problems"]
        assert (fault["parameter"], fault["hint"]) == ("subject", text)
    for path in ("/decisions", "/overrides"):
        if path == "/overrides" and subject.strip() == "C900":
            continue  # a form that searches leaves out the blanks around what was typed
        assert f"Invalid subject: {text}.".replace("`", "") in _text(doors.page(path, subject=subject))


def _text(page: httpx.Response) -> str:
    return page.text.replace("<code>", "").replace("</code>", "").replace("`", "")


def test_what_a_reader_would_not_see_is_escaped_where_it_is_told(doors: Doors) -> None:
    fault = doors.decide("C\u202e900").json()["problems"][0]
    assert fault["value"] == '"C\\u202e900"'
    [fault] = doors.decisions("C\u202e900").json()["problems"]
    assert fault["value"] == '"C\\u202e900"'


PIECES = st.sampled_from(
    [
        *(
            "C9",
            "客户",
            "（",
            "/",
            ".",
            "..",
            " ",
            "%2F",
            "%",
            "?",
            "#",
            "&",
            "=",
            "+",
            ":",
            ";",
            "\\",
            "'",
            '"',
            "<",
            "é",
        ),
        *("\u3000", "\u00a0", "\u200b", "\u202e", "Ｃ", "－", "e\u0308", "\t", "\n", "🙂", "頔", "\x00"),
        *("decisions", "key", "/key"),
    ]
)


@settings(max_examples=effort(8, 100), suppress_health_check=list(HealthCheck))
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join))
def test_what_one_door_takes_every_door_takes_and_finds_again_to_the_byte(doors: Doors, subject: str) -> None:
    good = id_error(subject) is None
    answer = doors.decide(subject, policies=[PLACE])
    assert (answer.status_code == 200) is good, answer.text
    assert ("decision_id" in doors.batch(subject)) is good
    made = doors.override(subject)
    assert (made.status_code == 201) is good, made.text
    listed, excepted = doors.decisions(subject), doors.overrides(subject)
    result, erased = doors.page("/decisions", subject=subject), doors.erase(subject)
    # clients take dot segments out of an address (RFC 3986, 5.2.4), so it names another subject or none
    addressed = () if {".", ".."} & set(subject.split("/")) else (listed, erased)
    for each in (*addressed, excepted, result):
        assert each.status_code == 200 if good else 400 <= each.status_code < 500, each.text
    if good:
        decision = answer.json()
        assert decision["subject"] == subject == erased.json()["subject"]
        assert decision["decision_id"] in {item["decision_id"] for item in listed.json()["items"]}
        assert {item["subject"] for item in excepted.json()["items"]} == {subject}
        assert f"/decisions/{decision['decision_id']}" in result.text
        record = doors.send("GET", f"/v1/decisions/{decision['decision_id']}", "machine").json()
        assert (record["subject"], record["facts"]["phone"]) == (subject, {"$erased": True})
        ended = doors.end(made.json()["override"])  # a person may have fifty at a time
        assert ended.status_code == 200, ended.text


# ------------------------------------------------------------------------------------------------ an address


@pytest.mark.parametrize("subject", ["2026/0045", "a/b/c", "/a", "a/", "a//b", "x/decisions", "x/key", "a?b", "a%2Fb"])
def test_an_identifier_with_slashes_has_an_address(doors: Doors, subject: str) -> None:
    made = doors.decide(subject, policies=[PLACE]).json()["decision_id"]
    for path in (quote(subject, safe=""), quote(subject, safe="/")):
        result = doors.send("GET", f"/v1/subjects/{path}/decisions", "machine")
        assert made in {item["decision_id"] for item in result.json()["items"]}, path
    record = doors.page(f"/decisions/{made}")
    assert f"/decisions?subject={quote(subject, safe='')}&amp;kind=customer" in record.text.replace("+", "%20")
    assert doors.erase(subject).json()["subject"] == subject


def test_one_key_of_a_client_means_one_subject(doors: Doors) -> None:
    """Identifiers that differ in what an address escapes, and kinds, are different requests."""
    for number, subject in enumerate(("k?1", "k?2", "k%3F1")):
        doors.decide(subject, policies=[PLACE])
        assert doors.erase(subject, **{"idempotency-key": f"k-{number}"}).status_code == 200
    for other in ("k?2", "k%3F1"):
        answer = doors.erase(other, **{"idempotency-key": "k-0"})
        assert_problem(answer, 422, "idempotency-key-reused")
    doors.decide("k3", policies=[PLACE])
    assert doors.erase("k3", **{"idempotency-key": "k-3"}).json()["kind"] == "customer"
    answer = doors.erase("k3", "?kind=complaint", **{"idempotency-key": "k-3"})
    assert_problem(answer, 422, "idempotency-key-reused")


# --------------------------------------------------------------------------------------------------- a kind


def test_the_kind_decides_which_policies_are_asked_and_stands_in_answer_and_record(doors: Doors) -> None:
    customer, complaint = doors.decide("K1").json(), doors.decide("K1", kind="complaint").json()
    assert (customer["kind"], complaint["kind"]) == ("customer", "complaint")
    assert PLACE in customer["outcomes"]
    assert set(complaint["outcomes"]) == {COMPLAINT}
    record = doors.send("GET", f"/v1/decisions/{complaint['decision_id']}", "machine").json()
    assert (record["subject"], record["kind"], record["asked"]) == ("K1", "complaint", [COMPLAINT])
    assert doors.send("POST", f"/v1/decisions/{complaint['decision_id']}/replay", "machine").json()["verdict"] == "same"
    assert doors.batch("K1", kind="complaint", policies=[COMPLAINT])["kind"] == "complaint"


def test_decisions_exceptions_and_keys_of_two_kinds_have_nothing_to_do_with_each_other(doors: Doors) -> None:
    customer, complaint = doors.decide("K2").json(), doors.decide("K2", kind="complaint").json()
    for query, answer in (("", customer), ("?kind=customer", customer), ("?kind=complaint", complaint)):
        [item] = doors.decisions("K2", query).json()["items"]
        assert (item["decision_id"], item["kind"]) == (answer["decision_id"], answer["kind"])
    assert doors.override("K2", COMPLAINT, kind="complaint").json()["kind"] == "complaint"
    assert doors.decide("K2", kind="complaint").json()["outcomes"][COMPLAINT]["outcome"] == {"said": "instead"}
    assert doors.decide("K2").json()["outcomes"][PLACE]["outcome"] == {"said": "all"}
    assert doors.overrides("K2").json()["items"] == []
    assert [each["kind"] for each in doors.overrides("K2", "&kind=complaint").json()["items"]] == ["complaint"]
    assert doors.erase("K2", "?kind=complaint").json()["kind"] == "complaint"
    for answer, verdict in ((customer, "same"), (complaint, "not_replayable")):
        replayed = doors.send("POST", f"/v1/decisions/{answer['decision_id']}/replay", "machine").json()
        assert replayed["verdict"] == verdict
    assert (
        "The complaint K2 has no key" in assert_problem(doors.erase("K2", "?kind=complaint"), 409, "conflict")["detail"]
    )
    log = doors.send("GET", "/v1/audit?about=subject:K2", "compliance").json()["items"]
    assert [(entry["event"], entry["body"]["kind"]) for entry in log] == [
        ("subject_erased", "complaint"),
        ("override_recorded", "complaint"),
    ]
    assert log[0]["sentence"]["zh"].endswith("删除投诉 K2 的密钥：asked for it")


def test_two_numbers_of_one_customer_are_merged_and_both_say_so(doors: Doors) -> None:
    for subject in ("m/1", "m/2"):
        doors.decide(subject, policies=[PLACE])
    merged = doors.merge("m/1", "m/2").json()
    assert (merged["subject"], merged["merged_into"]) == ("m/1", "m/2")
    old, new = (doors.send("GET", f"/v1/subjects/{name}", "machine").json() for name in ("m/1", "m/2"))
    assert (old["merged_into"], old["merged"], old["policies"]) == ("m/2", [], [])
    assert (new["merged_into"], new["merged"]) == (None, ["m/1"])
    assert len(new["policies"]) == 1
    assert len(doors.decisions("m/1").json()["items"]) == 1
    assert "m/1 was merged into m/2 already." in assert_problem(doors.merge("m/1", "m/2"), 409, "conflict")["detail"]
    kinds = assert_problem(doors.merge("m/2", "K1", into_kind="complaint"), 409, "conflict")["detail"]
    assert kinds == "Subjects of two kinds are not merged: customer and complaint."
    assert_problem(doors.merge("m/2", "m/3", reason=""), 422, "request-refused")


def test_a_policy_of_another_kind_is_refused_by_name(doors: Doors) -> None:
    problem = assert_problem(doors.decide("K3", policies=[PLACE, PLACE, "a/b", COMPLAINT]), 422, "request-refused")
    assert [(each["pointer"], each["code"]) for each in problem["problems"]] == [
        ("/policies/2", "unknown-policy"),
        ("/policies/3", "other-kind"),
    ]
    assert problem["problems"][1] == {
        "pointer": "/policies/3",
        "code": "other-kind",
        "value": f'"{COMPLAINT}"',
        "expected": "a policy about `customer`",
        "hint": "it is about `complaint`: ask with the kind `complaint`",
    }
    line = doors.batch("K3", policies=[COMPLAINT])["problem"]
    assert COMPLAINT in json.dumps(line)
    [reason] = assert_problem(doors.override("K3", COMPLAINT), 422, "override-unfit")["reasons"]
    assert reason == f"{COMPLAINT} is about a subject of the kind `complaint`, not `customer`."


def test_a_kind_that_no_policy_is_about_is_refused_with_the_nearest(doors: Doors) -> None:
    [fault] = assert_problem(doors.decide("K4", kind="custommer"), 422, "request-refused")["problems"]
    assert fault == {
        "pointer": "/kind",
        "code": "unknown-kind",
        "value": '"custommer"',
        "expected": "a kind that policies in force are about, one of complaint, customer",
        "hint": "did you mean `customer`?",
    }
    [fault] = doors.batch("K4", kind="visit", policies=None)["problem"]["problems"]
    assert (fault["pointer"], fault["code"]) == ("/kind", "unknown-kind")
    assert doors.decisions("K4", "?kind=visit").json()["items"] == []


@pytest.mark.parametrize("kind", ["Complaint", "", 7, "a b"])
def test_what_is_no_kind_is_refused_and_nothing_else_is_made_of_it(doors: Doors, kind: object) -> None:
    problem = assert_problem(doors.decide("K5", kind=kind, policies=[COMPLAINT]), 422, "request-refused")
    assert [(each["pointer"], each["code"]) for each in problem["problems"]] == [("/kind", "mistyped")]


@pytest.mark.parametrize("query", ["?kind=Complaint", "?kind=", "?kind=a+b"])
def test_a_lookup_by_what_is_no_kind_is_refused(doors: Doors, query: str) -> None:
    for answer in (doors.decisions("K6", query), doors.erase("K6", query), doors.overrides("K6", f"&{query[1:]}")):
        assert [each["parameter"] for each in assert_problem(answer, 422, "invalid-parameter")["problems"]] == ["kind"]


def test_a_kind_that_is_null_is_that_of_customers(doors: Doors) -> None:
    assert doors.decide("K7", kind=None).json()["kind"] == "customer"


# ---------------------------------------------------------------------------------------------- the document


def test_the_document_says_what_is_taken(doors: Doors) -> None:
    document = doors.here.app.openapi()
    assert "/v1/subjects/{subject}/decisions" in document["paths"]
    members = document["components"]["schemas"]["DecisionRequest"]["properties"]
    assert set(members) == {"subject", "kind", "facts", "policies", "as_of", "explain", "corrects"}
    for path, method in (("/v1/subjects/{subject}/decisions", "get"), ("/v1/subjects/{subject}/key", "delete")):
        named = {each["name"]: each for each in document["paths"][path][method]["parameters"]}
        assert named["kind"]["schema"]["default"] == "customer"


@settings(max_examples=effort(30, 300))
@given(st.text(max_size=12) | st.lists(PIECES, max_size=5).map("".join))
def test_the_document_refuses_no_identifier_that_is_taken(doors: Doors, subject: str) -> None:
    pattern = doors.here.app.openapi()["components"]["schemas"]["DecisionRequest"]["properties"]["subject"]["pattern"]
    if id_error(subject) is None:
        assert re.search(pattern, subject)


@pytest.mark.parametrize("subject", [each for each, _ in NOT_THE_SPELLING if each not in {"Zoe\u0308", "a/../b"}])
def test_the_document_refuses_the_usual_second_spellings(doors: Doors, subject: str) -> None:
    pattern = doors.here.app.openapi()["components"]["schemas"]["DecisionRequest"]["properties"]["subject"]["pattern"]
    in_python = pattern.removesuffix("$") + r"\Z"  # after `$`, Python lets a line feed follow, and ECMA 262 does not
    assert re.search(in_python, subject) is None

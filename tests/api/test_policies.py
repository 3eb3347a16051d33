"""`/v1/policies` lists what is served, tells each version in three forms, and checks files that are not served yet."""

import asyncio
from typing import Any

import httpx
import pytest

from api.app import Application
from policy_service.actor import COMMAND_LINE, SERVICE, Role
from policy_service.identity.service import create_account
from policy_service.workers.pool import SHARED
from tests.api.client import (
    RFM,
    YAML,
    as_fits,
    ask,
    assert_next_decision_is_right,
    assert_problem,
    opened,
    portal,
)
from tests.api.company import company
from tests.approval.world import TIER, tier
from tests.pages.visitor import Visitor
from tests.shipped import NEWEST, SHIPPED, VERSIONS

SHIPPED_RFM = [policy for policy in SHIPPED if policy.id == RFM]
VERSION = f"/v1/policies/{RFM}/versions/{VERSIONS[RFM]}"
CHECK = "/v1/policies/check"


def text_of(name: str) -> str:
    """The file of a policy."""
    return next(policy.text for policy in NEWEST if policy.id == name)


def test_the_list_holds_every_policy_by_name() -> None:
    page = ask("GET", "/v1/policies").json()
    assert [item["policy"] for item in page["items"]] == sorted({policy.id for policy in SHIPPED})
    assert page["next_cursor"] is None


def test_a_list_can_be_read_page_by_page() -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask(
            "GET", "/v1/policies", params={"limit": 3, "domain": "tiering"} | ({"cursor": cursor} if cursor else {})
        ).json()
        assert len(page["items"]) <= 3
        seen += [item["policy"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted({policy.id for policy in SHIPPED if policy.domain == "tiering"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("cursor", "?"),
        ("cursor", "/w=="),
        ("cursor", "x" * 401),
        ("domain", "x" * 65),
    ],
)
def test_a_wrong_parameter_is_named(name: str, value: str) -> None:
    problem = assert_problem(ask("GET", "/v1/policies", params={name: value}), 422, "invalid-parameter")
    assert [fault["parameter"] for fault in problem["problems"]] == [name]


def test_a_domain_nobody_uses_has_no_policies() -> None:
    assert ask("GET", "/v1/policies?domain=cooking").json() == {"items": [], "next_cursor": None}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: str(policy.id))
def test_a_policy_is_told_whole(policy: Any) -> None:  # noqa: ANN401
    body = ask("GET", f"/v1/policies/{policy.id}").json()
    assert body["digest"] == policy.digest
    assert [fact["name"] for fact in body["facts"]] == list(policy.facts)
    assert [rule["id"] for rule in body["rules"]] == [rule.id for rule in policy.rules]
    assert all(rule["because"]["zh"] and rule["because"]["en"] for rule in body["rules"])
    assert ask("GET", f"/v1/policies/{policy.id}/versions").json()["items"][0]["version"] == policy.version
    assert ask("GET", f"/v1/policies/{policy.id}/versions/{policy.version}").json() == body


@pytest.mark.parametrize(
    "end", ["", "/versions", "/active", "/requirements", "/versions/1.0.0", "/difference?from=1.0.0&to=1.0.0"]
)
def test_an_unknown_policy_is_not_found(end: str) -> None:
    problem = assert_problem(ask("GET", f"/v1/policies/tiering/rfm_valu{end}"), 404, "unknown-policy")
    assert problem["hint"] == f"did you mean `{RFM}`?"


def test_a_version_is_told_with_when_it_is_in_force() -> None:
    version, *earlier = ask("GET", f"/v1/policies/{RFM}/versions").json()["items"]
    assert [each["active"] for each in earlier] == [False] * (len(SHIPPED_RFM) - 1)
    assert (version["active"], version["submitted_by"], version["change"]) == (True, COMMAND_LINE, None)
    assert version["in_force"] == [{"from": "2026-11-20T17:30:00Z", "until": None}]


def test_what_applied_at_an_instant_is_told_as_it_was_known_at_another() -> None:
    path = f"/v1/policies/{RFM}/active"
    now = ask("GET", path).json()
    assert (now["valid_at"], now["active"]["version"]) == ("2026-11-20T17:30:00Z", VERSIONS[RFM])
    assert (now["active"]["kind"], now["active"]["change"]) == ("initial", None)
    later = ask("GET", path, params={"valid_at": "2030-01-01T00:00:00+08:00"}).json()
    assert (later["valid_at"], later["active"]) == ("2029-12-31T16:00:00Z", now["active"])
    for params in ({"valid_at": "2026-01-01T00:00:00Z"}, {"known_at": "2026-01-01T00:00:00Z"}):
        assert ask("GET", path, params=params).json()["active"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("known_at", "2030-01-01T00:00:00Z"), ("valid_at", "2030-01-01"), ("valid_at", "0001-01-01T00:00:00+23:00")],
)
def test_an_instant_that_is_none_or_not_known_yet_is_refused(name: str, value: str) -> None:
    problem = assert_problem(ask("GET", f"/v1/policies/{RFM}/active", params={name: value}), 422, "invalid-parameter")
    assert [fault["parameter"] for fault in problem["problems"]] == [name]


def test_versions_are_compared() -> None:
    same = ask("GET", f"/v1/policies/{RFM}/difference", params={"from": "1.0.0", "to": "1.0.0"}).json()
    assert (same["alterations"], same["may_alter_answers"]) == ([], False)
    assert same["from"] == same["to"]
    problem = assert_problem(
        ask("GET", f"/v1/policies/{RFM}/difference", params={"from": "1.0.0", "to": "2.0.0"}), 404, "unknown-policy"
    )
    assert "has no version `2.0.0`" in problem["detail"]
    assert_problem(ask("GET", f"/v1/policies/{RFM}/difference"), 422, "invalid-parameter")


def test_an_unknown_version_is_not_found() -> None:
    problem = assert_problem(ask("GET", f"/v1/policies/{RFM}/versions/9.9.9"), 404, "unknown-policy")
    assert problem["hint"] == f"its versions are {', '.join(policy.version for policy in reversed(SHIPPED_RFM))}"


@pytest.mark.parametrize(
    "question", [{"params": {"format": "yaml"}}, {"headers": {"accept": "text/yaml;q=1, application/json"}}]
)
def test_a_version_is_told_as_the_file_it_came_from(question: dict[str, Any]) -> None:
    answer = ask("GET", VERSION, **question)
    assert answer.headers["content-type"].startswith("application/yaml")
    assert answer.text == text_of(RFM)


@pytest.mark.parametrize(("lang", "words"), [("zh", "客户价值等级"), ("en", "customer value tier")])
def test_a_version_is_told_in_prose(lang: str, words: str) -> None:
    answer = ask("GET", VERSION, params={"format": "text", "lang": lang})
    assert answer.headers["content-type"].startswith("text/plain")
    assert words in answer.text


@pytest.mark.parametrize("question", ["format=pdf", "lang=fr"])
def test_another_form_is_refused(question: str) -> None:
    assert_problem(ask("GET", f"{VERSION}?{question}"), 422, "invalid-parameter")


def test_who_has_the_version_is_told_so() -> None:
    tag = ask("GET", VERSION).headers["etag"]
    again = ask("GET", VERSION, headers={"if-none-match": tag})
    assert (again.status_code, again.text) == (304, "")
    assert ask("GET", f"{VERSION}?format=yaml", headers={"if-none-match": tag}).status_code == 200


# check


def test_a_policy_that_is_served_is_valid() -> None:
    answer = ask("POST", CHECK, content=text_of(RFM).encode(), headers=YAML).json()
    assert (answer["valid"], answer["policy"], answer["version"]) == (True, RFM, VERSIONS[RFM])
    assert answer["diagnostics"] == []


def test_every_fault_is_told_with_its_place() -> None:
    text = text_of(RFM).replace("orders_12m:", "orders_12n:", 1).replace("hit: FIRST", "hit: LAST")
    answer = ask("POST", CHECK, content=text.encode(), headers=YAML).json()
    assert not answer["valid"]
    assert {"unknown-fact", "hit-policy"} <= {fault["code"] for fault in answer["diagnostics"]}
    assert all(fault["line"] >= 1 for fault in answer["diagnostics"])
    assert "^^^^" in answer["text"]


def test_a_policy_that_does_not_fit_those_served_is_not_valid() -> None:
    text = text_of("followup/contact_cadence").replace(f"from: {RFM}.tier", "from: tiering/rfm_valu.tier")
    [fault] = ask("POST", CHECK, content=text.encode(), headers=YAML).json()["diagnostics"]
    assert (fault["code"], fault["hint"]) == ("unknown-policy", f"did you mean `{RFM}`?")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"a: &x b", b"[" * 100_000, b"\x00", b"- 1", b"!!python/object:os.system x"]
)
def test_what_is_no_policy_has_faults(content: bytes) -> None:
    answer = ask("POST", CHECK, content=content, headers=YAML)
    assert answer.status_code == 200
    assert not answer.json()["valid"]
    assert answer.json()["diagnostics"]


def test_a_file_of_more_than_two_mebibytes_is_refused() -> None:
    assert_problem(ask("POST", CHECK, content=b" " * (2**21 + 1), headers=YAML), 413, "body-too-large")


def test_json_is_not_taken_for_a_policy_file() -> None:
    assert_problem(ask("POST", CHECK, json={}), 415, "unsupported-media-type")


def test_a_file_that_takes_too_long_is_given_up() -> None:
    slow = b"a: b\n" * 100_000
    with opened(workers=SHARED, engine="python", policy_check_seconds=0.05) as app:
        assert_problem(ask("POST", CHECK, app=app, content=slow, headers=YAML), 422, "check-abandoned")
    assert_next_decision_is_right()


def test_too_many_files_at_once_are_put_off() -> None:
    async def rush(app: Application) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        headers = YAML | as_fits("POST", CHECK)
        async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=300) as client:
            return await asyncio.gather(*(client.post(CHECK, content=b"a: b", headers=headers) for _ in range(20)))

    with opened(workers=SHARED, engine="python", policy_check_seconds=300) as app:
        answers = portal().call(rush, app)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert_problem(refused[0], 503, "busy")
    assert refused[0].headers["retry-after"] == "10"


def test_a_cross_table_is_told_as_its_grid_too() -> None:
    answer = ask(
        "GET", f"/v1/policies/service_levels/response_times/versions/{VERSIONS['service_levels/response_times']}"
    )
    grid = answer.json()["cross_table"]
    assert (grid["down"], grid["across"]) == ("tier", "severity")
    assert [line["id"] for line in grid["rows"]] == ["S", "A", "B", "C"]
    assert grid["columns"][0] == {"id": "critical", "when": 'severity in ("critical")'}
    assert grid["cells"][3] == ["C-critical", "C-major", "C-minor"]
    assert {rule["id"] for rule in answer.json()["rules"]} == {rule for row in grid["cells"] for rule in row}
    assert ask("GET", VERSION).json()["cross_table"] is None


CROSS_GROUPS = "/v1/policies/cross-groups"


def test_cross_groups_are_written_from_what_is_in_force_and_the_file_is_valid() -> None:
    body = {"statement": "industry(it | others=rest) × scale", "policy": "tiering/mine", "source": ["R-CROSS-1"]}
    made = ask("POST", CROSS_GROUPS, json=body)
    assert made.status_code == 200
    answer = made.json()
    assert (answer["policy"], answer["version"]) == ("tiering/mine", "1.0.0")
    assert answer["groups"] == ["it-large", "it-medium", "it-small", "others-large", "others-medium", "others-small"]
    checked = ask("POST", CHECK, content=answer["text"].encode(), headers=YAML).json()
    assert (checked["valid"], checked["digest"], checked["warnings"]) == (True, answer["digest"], [])


def test_every_reason_why_a_statement_makes_no_policy_is_told() -> None:
    body = {"statement": "regoin × amount_12m", "policy": "Mine"}
    problem = assert_problem(ask("POST", CROSS_GROUPS, json=body), 422, "request-refused")
    assert [each["pointer"] for each in problem["problems"]] == ["/statement"] * 3
    assert "did you mean `region`?" in problem["problems"][1]["expected"]
    body = {"statement": "scale", "policy": "a/scale"}
    problem = assert_problem(ask("POST", CROSS_GROUPS, json=body), 422, "request-refused")
    assert "`scale` is a fact already" in problem["problems"][0]["expected"]
    assert_problem(ask("POST", CROSS_GROUPS, json={"statement": 1}), 422, "request-refused")


@pytest.mark.parametrize("how", ["withdraw", "reject", "request-changes"])
def test_a_text_that_was_taken_back_is_read_by_those_who_read_its_change(how: str) -> None:
    with company() as here:
        version = here.next_version()
        change = here.moved("submit", here.create(tier(version, 200)))
        with here.database.write(here.clock) as transaction:
            here.people["trying"] = create_account(
                transaction, SERVICE, name="trying", printed_name="Trying", roles=[Role.INTEGRATION]
            )
        path = f"/v1/policies/{TIER}/versions"
        assert here.did("GET", f"{path}/{version}", "trying")["version"] == version
        here.moved(how, change, "ann" if how == "withdraw" else "compliance")
        assert_problem(here.ask("GET", f"{path}/{version}", "trying"), 404, "unknown-policy")
        assert_problem(
            here.ask("GET", f"/v1/policies/{TIER}/difference?from=1.0.0&to={version}", "trying"), 404, "unknown-policy"
        )
        assert [each["version"] for each in here.did("GET", path, "trying")["items"]] == ["1.0.0"]
        assert [each["version"] for each in here.did("GET", path, "sales")["items"]] == [version, "1.0.0"]
        for address in (f"/policies/{TIER}/versions/{version}", f"/policies/{TIER}/versions/{version}/file"):
            assert Visitor(here, "trying").get(address).status == 404
            assert Visitor(here, "sales").get(address).status == 200
        page = f"/policies/{TIER}"
        assert version not in Visitor(here, "trying").get(page).text()
        assert version in Visitor(here, "sales").get(page).text()

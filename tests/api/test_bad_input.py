"""Whatever is sent to `POST /v1/decisions`, the answer is a clear problem, and the next decision is right."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.client import (
    CUSTOMER,
    DECISIONS,
    JSON,
    REQUEST,
    RFM,
    ask,
    assert_next_decision_is_right,
    assert_problem,
    decide,
)


def with_fact(text: str, name: str = "orders_12m") -> bytes:
    """The request with one fact's value written as `text`."""
    facts = {key: value for key, value in CUSTOMER.items() if key != name}
    return json.dumps({**REQUEST, "facts": {**facts, name: "@"}}).replace('"@"', text).encode()


NOT_JSON = {
    "nothing": b"",
    "blanks": b" \n",
    "half of it": b'{"subject": "C1", "facts": {',
    "two of them": b"{} {}",
    "a trailing comma": b'{"subject": "C1", "facts": {},}',
    "a comment": b'{"subject": "C1" /* who */}',
    "NaN": with_fact("NaN"),
    "Infinity": with_fact("-Infinity"),
    "an exponent beyond all bounds": with_fact("1e99999999999999999999"),
    "a whole number of 5,000 digits": with_fact("9" * 5_000),
    "100,000 lists in lists": with_fact("[" * 100_000 + "]" * 100_000),
    "100,000 objects in objects": with_fact('{"a":' * 20_000 + "1" + "}" * 20_000),
    "33 lists in lists": with_fact("[" * 31 + "]" * 31),
    "bytes that are not UTF-8": b'{"subject": "\xff\xfe", "facts": {}}',
    "UTF-16": '{"subject": "C1", "facts": {}}'.encode("utf-16"),
    "half a surrogate": b'{"subject": "\\ud800", "facts": {}}',
    "a control character": b'{"subject": "a\x01b", "facts": {}}',
    "a member twice": b'{"subject": "C1", "facts": {}, "subject": "C2"}',
    "a fact twice": b'{"subject": "C1", "facts": {"orders_12m": 1, "orders_12m": 2}}',
    "a member twice, deep inside": b'{"subject": "C1", "facts": {"tags": [{"a": 1, "a": 1}]}}',
    "a member twice, one of them escaped": b'{"subject": "C1", "facts": {"a:b": 1, "\\u0061:b": 2}}',
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_what_is_not_exact_json_is_refused(what: str) -> None:
    problem = assert_problem(decide(NOT_JSON[what]), 400, "malformed-json")
    assert len(problem["detail"]) < 200
    assert_next_decision_is_right()


def test_utf_16_is_named() -> None:
    assert decide(NOT_JSON["UTF-16"]).json()["detail"] == "the text is UTF-16: send it in UTF-8"


FACTS: dict[str, tuple[bytes, str, str]] = {
    "1e400": (with_fact("1e400", "amount_12m"), "amount_12m", "out-of-range"),
    "a whole number of 400 digits": (with_fact("9" * 400), "orders_12m", "out-of-range"),
    "2^53 and one": (with_fact("9007199254740993"), "orders_12m", "out-of-range"),
    "64 KB of text": (with_fact(f'"{"x" * 65_536}"', "industry"), "industry", "mistyped"),
    "more decimals than the scale": (with_fact("0.001", "amount_12m"), "amount_12m", "mistyped"),
    "a fraction of an order": (with_fact("2.5"), "orders_12m", "mistyped"),
    "true for a number": (with_fact("true"), "orders_12m", "mistyped"),
    "an object": (with_fact('{"value": 3}'), "orders_12m", "mistyped"),
    "a list": (with_fact("[3]"), "orders_12m", "mistyped"),
    "a negative count": (with_fact("-1"), "orders_12m", "out-of-range"),
    "an unknown word": (with_fact('"aerospace"', "industry"), "industry", "mistyped"),
    "31 lists in lists": (with_fact("[" * 29 + "]" * 29), "orders_12m", "mistyped"),
    **{name: (with_fact("1", name), name, "unknown-fact") for name in ("id", "sid", "$s", "_g", "", "orders_12m ")},
}


@pytest.mark.parametrize("what", FACTS)
def test_a_fact_that_cannot_be_is_refused_by_name(what: str) -> None:
    body, name, code = FACTS[what]
    [fault] = assert_problem(decide(body), 422, "facts-refused")["problems"]
    assert (fault["fact"], fault["code"]) == (name, code)
    assert fault["pointer"] == f"/facts/{name}"
    assert len(fault["value"]) < 120
    assert_next_decision_is_right()


def test_all_faults_of_the_facts_are_told_at_once() -> None:
    facts = {"industry": "itt", "amount_12m": "1e3", "orders_12m": -1, "recency_dais": 3}
    problem = assert_problem(decide(facts=facts), 422, "facts-refused")
    assert {fault["fact"] for fault in problem["problems"]} == facts.keys()
    hints = {fault["fact"]: fault["hint"] for fault in problem["problems"]}
    assert hints["recency_dais"] == "did you mean `recency_days`?"


REQUESTS: dict[str, tuple[Any, str, str]] = {
    "a list": ([], "", "mistyped"),
    "text": ("C1", "", "mistyped"),
    "null": (None, "", "mistyped"),
    "no subject": ({"facts": {}}, "/subject", "missing-member"),
    "no facts": ({"subject": "C1"}, "/facts", "missing-member"),
    "facts that are null": ({"subject": "C1", "facts": None}, "/facts", "mistyped"),
    "an empty subject": ({**REQUEST, "subject": ""}, "/subject", "mistyped"),
    "a subject of 201 characters": ({**REQUEST, "subject": "x" * 201}, "/subject", "mistyped"),
    "a subject over two lines": ({**REQUEST, "subject": "a\nb"}, "/subject", "mistyped"),
    "a number for a subject": ({**REQUEST, "subject": 7}, "/subject", "mistyped"),
    "facts as a list": ({**REQUEST, "facts": []}, "/facts", "mistyped"),
    "thousands of facts": ({**REQUEST, "facts": {f"f{n}": 1 for n in range(2_001)}}, "/facts", "too-many-facts"),
    "no name of a policy": ({**REQUEST, "policies": []}, "/policies", "mistyped"),
    "one name, not in a list": ({**REQUEST, "policies": RFM}, "/policies", "mistyped"),
    "a number for a policy": ({**REQUEST, "policies": [RFM, 7]}, "/policies/1", "mistyped"),
    "a policy nobody knows": ({**REQUEST, "policies": [RFM, "tiering/rfm"]}, "/policies/1", "unknown-policy"),
    "the 30th of February": ({**REQUEST, "as_of": "2026-02-30"}, "/as_of", "mistyped"),
    "a time for a day": ({**REQUEST, "as_of": "2026-11-21T10:00:00Z"}, "/as_of", "mistyped"),
    "a day of the year 9999": ({**REQUEST, "as_of": "9999-12-31"}, "/as_of", "out-of-range"),
    "a word for a yes": ({**REQUEST, "explain": "yes"}, "/explain", "mistyped"),
    "a name for a decision": ({**REQUEST, "corrects": "the last one"}, "/corrects", "mistyped"),
    "a number for a decision": ({**REQUEST, "corrects": 7}, "/corrects", "mistyped"),
    "a member nobody knows": ({**REQUEST, "polices": [RFM]}, "/polices", "unknown-member"),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_that_asks_nothing_is_refused(what: str) -> None:
    request, pointer, code = REQUESTS[what]
    problem = assert_problem(decide(json.dumps(request).encode()), 422, "request-refused")
    assert [(fault["pointer"], fault["code"]) for fault in problem["problems"]] == [(pointer, code)]
    assert_next_decision_is_right()


def test_all_faults_are_told_at_once_those_of_the_facts_too() -> None:
    request = {
        "subject": 1,
        "facts": {"orders_12m": -1, "x": 1},
        "policies": ["a/b", RFM],
        "as_of": "?",
        "explain": 2,
        "why": 3,
    }
    problem = assert_problem(decide(request), 422, "request-refused")
    assert [fault["pointer"] for fault in problem["problems"]] == [
        *("/subject", "/as_of", "/explain", "/why", "/policies/0", "/facts/x", "/facts/orders_12m")
    ]


@pytest.mark.parametrize("count", [2_000, 15_000])
def test_thousands_of_unknown_names_are_refused_without_delay(count: int) -> None:
    names = {f"order_{number}": 1 for number in range(count)}
    assert decide(facts=names).status_code == 422
    assert_problem(decide(names), 422, "request-refused")
    assert_next_decision_is_right()


KINDS = [
    {},
    {"content-type": "text/plain"},
    {"content-type": "application/json; charset=gbk"},
    {**JSON, "content-encoding": "gzip"},
]


@pytest.mark.parametrize("headers", KINDS, ids=str)
def test_another_kind_of_body_is_refused(headers: dict[str, str]) -> None:
    response = ask("POST", DECISIONS, content=b"{}", headers=headers)
    assert assert_problem(response, 415, "unsupported-media-type")["supported"] == ["application/json"]


def test_the_charset_may_be_told() -> None:
    headers = {"content-type": "Application/JSON; charset=UTF-8"}
    assert ask("POST", DECISIONS, content=json.dumps(REQUEST).encode(), headers=headers).status_code == 200


def test_ten_megabytes_are_refused() -> None:
    problem = assert_problem(decide(b'{"subject":"' + b"a" * 10_000_000), 413, "body-too-large")
    assert problem["limit"] == 262_144
    assert_next_decision_is_right()


def test_ten_megabytes_of_untold_length_are_refused_before_the_last_of_them_is_read() -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1_000):
            taken += 1
            yield b" " * 10_000

    assert_problem(ask("POST", DECISIONS, content=pieces(), headers=JSON), 413, "body-too-large")
    assert taken < 40
    assert_next_decision_is_right()


def test_a_length_that_lies_helps_nobody() -> None:
    headers = {**JSON, "content-length": "9" * 400}
    assert_problem(ask("POST", DECISIONS, content=b"{}", headers=headers), 413, "body-too-large")

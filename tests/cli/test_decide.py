"""`policy-service decide` answers in the shape of the HTTP service, and is as strict."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import CUSTOMER, RFM
from tests.api.client import decide as ask_over_http
from tests.cli.command import Ended, call
from tests.cli.test_check import Capture
from tests.shipped import SHIPPED

FACTS = json.dumps(CUSTOMER).encode()
ABOUT = ", ".join(f"`{kind}`" for kind in sorted({policy.subject for policy in SHIPPED}))


def decide(capsys: Capture, *arguments: object, stdin: bytes = FACTS) -> Ended:
    """Runs the command with facts on standard input; by the engine that is made quickest unless another is named."""
    engine = () if "--engine" in arguments else ("--engine", "python")
    return call(capsys, "decide", "--facts", "-", *engine, *arguments, stdin=stdin)


@pytest.mark.parametrize("engine", ["durable_rules", "python", "definition"])
def test_the_answer_is_that_of_the_http_service(engine: str, capsys: Capture) -> None:
    ended = decide(
        capsys, "--policy", RFM, "--as-of", "2026-11-21", "--subject", "C1", "--engine", engine, "--json", "--explain"
    )
    assert (ended.status, ended.err) == (0, "")
    body: dict[str, Any] = json.loads(ended.out)
    served = ask_over_http(subject="C1", explain=True).json()
    assert list(body) == list(served)
    for member in ("subject", "kind", "as_of", "outcomes", "benchmark_set", "trace"):
        assert body[member] == served[member]


def test_facts_come_from_a_file_too(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "facts.json").write_bytes(FACTS)
    ended = call(capsys, "decide", "--facts", tmp_path / "facts.json", "--policy", RFM)
    assert ended.status == 0
    assert "tier: A" in ended.out
    assert "within 20% of the industry mean" in ended.out


def test_facts_with_a_byte_order_mark_are_read(capsys: Capture) -> None:
    """As Windows PowerShell and Notepad write them."""
    facts = b'\xef\xbb\xbf{"recency_days": 45, "amount_12m": "800000.00"}\r\n'
    ended = decide(capsys, "--policy", "tiering/absolute_value", stdin=facts)
    assert (ended.status, ended.err) == (0, "")
    assert "tier: A" in ended.out


def test_a_person_sees_what_is_missing_and_why_rules_did_not_match(capsys: Capture) -> None:
    assert "missing facts: " in decide(capsys).out
    assert "recency_days 45" in decide(capsys, "--policy", RFM, "--explain").out


@pytest.mark.parametrize(
    ("stdin", "sentence"),
    [
        (b"", "the text is empty"),
        (b"{", "the text ends too early"),
        (b"\xef\xbb\xbf", "the text is empty"),
        ('{"recency_days": 45}'.encode("utf-16"), "the text is UTF-16: send it in UTF-8"),
        ('{"recency_days": 45}'.encode("utf-16-be"), "the text is UTF-16: send it in UTF-8"),
        ('{"recency_days": 45}'.encode("utf-32"), "the text is UTF-32: send it in UTF-8"),
        ('{"recency_days": 45}'.encode("utf-32-le"), "the text is UTF-32: send it in UTF-8"),
        (b'{"a": NaN}', "NaN and Infinity are no numbers"),
        (b'{"a": 1, "a": 2}', "`a` is written twice"),
        (b'{"a": ' + b"[" * 100_000, "nest more than 32 deep"),
        (b"[]", "expected an object"),
        (b'{"id": 1}', "id: unknown-fact"),
        (b'{"orders_12m": 1e400}', "orders_12m: out-of-range"),
        (b'{"industry": "itt", "orders_12m": -1}', "industry: mistyped"),
    ],
)
def test_facts_that_cannot_be_are_told_and_end_it_with_1(stdin: bytes, sentence: str, capsys: Capture) -> None:
    ended = decide(capsys, stdin=stdin)
    assert (ended.status, ended.err) == (1, "")
    assert sentence in ended.out
    as_json = decide(capsys, "--json", stdin=stdin)
    assert as_json.status == 1
    assert json.loads(as_json.out).keys() == {"detail", "problems"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--policy", "tiering/rfm_valu"], "did you mean `tiering/rfm_value`?"),
        (["--as-of", "21.11.2026"], "expected a date such as 2026-11-21"),
        (["--as-of", "2026-02-30"], "expected a date"),
        (["--engine", "fast"], "fast"),
        (["--policies", "nowhere"], "nowhere"),
        (["--policies", str(Path(__file__).parent)], "no policy in"),
        (["--subject", "C900 "], "--subject: leave out the blanks around it"),
        (["--subject", "C\u202e900"], "--subject: leave out the hidden character U+202E"),
        (["--kind", "Customer"], "--kind: write small letters, digits and underscores"),
        (["--kind", "invoice"], f"no policy is about `invoice`, only about {ABOUT}"),
        (
            ["--kind", "salesperson", "--policy", RFM],
            f"`{RFM}` is about `customer`, not about `salesperson`; ask with --kind customer",
        ),
    ],
)
def test_a_wrong_option_is_told_and_ends_it_with_2(arguments: list[str], sentence: str, capsys: Capture) -> None:
    ended = decide(capsys, *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert sentence in ended.err


def test_a_file_that_is_not_there_or_too_large_is_told(tmp_path: Path, capsys: Capture) -> None:
    assert "No such file" in call(capsys, "decide", "--facts", tmp_path / "x").err
    (tmp_path / "y").write_bytes(b" " * 300_000)
    assert "at most 262,144 bytes" in call(capsys, "decide", "--facts", tmp_path / "y").err


def test_a_faulty_policy_is_told(tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "1.0.0.yaml").write_text("policy: a/b\n", "utf-8")
    ended = decide(capsys, "--policies", tmp_path)
    assert ended.status == 1
    assert "missing-key" in ended.out


def test_policies_left_out_are_those_about_the_kind(capsys: Capture) -> None:
    body = json.loads(decide(capsys, "--kind", "salesperson", "--json", stdin=b"{}").out)
    about = {policy.id for policy in SHIPPED if policy.subject == "salesperson" and policy.domain != "governance"}
    assert (body["kind"], set(body["outcomes"])) == ("salesperson", about)
    assert "rewards/data_quality" in about
    body = json.loads(decide(capsys, "--json", stdin=b"{}").out)
    assert body["kind"] == "customer"
    assert RFM in body["outcomes"]
    assert not {"rewards/data_quality", "governance/sign_off"} & set(body["outcomes"])

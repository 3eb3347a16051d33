"""`policy-service test` and `demo` try examples by every evaluator, and tell what was expected and found."""

import json
from pathlib import Path

import pytest

from policy_service import shipped_policies
from tests.cli.command import call
from tests.cli.test_check import RFM, Capture, copy
from tests.effort import effort
from tests.shipped import SHIPPED

DOMAINS = effort(["followup"], [])
"""Of which domains the shipped policies are tried; of all where there is none."""


def test_the_shipped_policies_pass(capsys: Capture) -> None:
    ended = call(capsys, "test", "--json", *(str(shipped_policies() / each) for each in DOMAINS))
    assert ended.status == 0
    body = json.loads(ended.out)
    assert body["passed"]
    tried = [policy for policy in SHIPPED if not DOMAINS or policy.id.partition("/")[0] in DOMAINS]
    policies = {(policy.id, policy.version): policy for policy in tried}
    assert {(report["policy"], report["version"]) for report in body["policies"]} == set(policies)
    for report in body["policies"]:
        assert report["examples"] == len(policies[report["policy"], report["version"]].examples) > 0
        assert report["failures"] == []


def test_a_right_outcome_by_another_rule_fails_under_every_evaluator(tmp_path: Path, capsys: Capture) -> None:
    copy(tmp_path, RFM, ("outcome: {tier: S}, rule: S}", "outcome: {tier: S}, rule: A}"))
    body = json.loads(call(capsys, "test", tmp_path, "--json").out)
    failures = [failure for failure in body["policies"][0]["failures"] if failure["name"] == "C202405002"]
    assert [failure["evaluator"] for failure in failures] == ["definition", "durable_rules", "python"]
    assert {(failure["expected"], failure["found"]) for failure in failures} == {("tier S by A", "tier S by S")}
    ended = call(capsys, "test", tmp_path)
    assert ended.status == 1
    assert "example `C202405002` by durable_rules\n  expected tier S by A\n  found    tier S by S\n" in ended.out


def test_an_invariant_that_an_example_breaks_fails(tmp_path: Path, capsys: Capture) -> None:
    law = '\n  - {id: all-are-s, says: everybody is tier S, always: tier = "S"}'
    copy(tmp_path, RFM, ("\ninvariants:", f"\ninvariants:{law}"))
    body = json.loads(call(capsys, "test", tmp_path, "--json").out)
    results = {(failure["kind"], failure["name"]) for failure in body["policies"][0]["failures"]}
    assert results == {("invariant", "all-are-s")}


def test_a_faulty_file_is_told_and_the_others_are_tried(tmp_path: Path, capsys: Capture) -> None:
    copy(tmp_path, RFM)
    (tmp_path / "x.yaml").write_text("policy: x\n", "utf-8")
    ended = call(capsys, "test", tmp_path)
    assert ended.status == 1
    assert "missing-key" in ended.out
    assert "passed" in ended.out


def test_the_demo_shows_the_regulation_s_customers(capsys: Capture) -> None:
    ended = call(capsys, "demo")
    assert (ended.status, ended.err) == (0, "")
    rows = [line.split("│") for line in ended.out.splitlines() if "C2024" in line]
    assert [(row[1].strip(), row[2].strip(), row[3].strip()) for row in rows] == [
        ("C202405001", "A", "yes"),
        ("C202405002", "S", "yes"),
        ("C202405003", "B", "yes"),
        ("C202405004", "C", "yes"),
    ]
    assert "R-RFM-2" in ended.out


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["serve", "--port", "65536"]])
def test_a_wrong_command_ends_with_2(arguments: list[str], capsys: Capture) -> None:
    assert call(capsys, *arguments).status == 2

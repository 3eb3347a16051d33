"""The report finds what blocks a change and what a person must judge, and comes out the same when it is made again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import dedent

import pytest

from policy_service.analysis import example_run
from policy_service.analysis.example_run import ExampleRun, run_examples
from policy_service.analysis.examples import Failure
from policy_service.analysis.report import Report, analyse
from policy_service.canonical import to_canonical_json
from policy_service.compilers.rules_engine import SmokeTestFailed
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy

TIER = dedent("""\
    policy: tiering/small
    version: 1.0.0
    title: {zh: 小, en: small}
    subject: customer
    facts:
      amount: {type: money, currency: CNY, min: 0}
    outcome:
      tier: {type: choice, of: [S, A], ordered: best-first}
    table:
      hit: FIRST
      inputs: [amount]
      rows:
        - {id: large, when: ["> 100"], then: [S], because: {zh: 大, en: large}}
        - {id: rest, when: ["-"], then: [A], because: {zh: 余, en: the rest}}
    examples:
      - {name: much, facts: {amount: 200}, outcome: {tier: S}, rule: large}
      - {name: little, facts: {amount: 5}, outcome: {tier: A}, rule: rest}
    invariants:
      - {id: total, says: {zh: 人人有级, en: everyone has a tier}}
      - {id: rising, says: {zh: 多不降, en: more never hurts}, increasing: amount, never_lowers: tier}
    """)
VISITS = dedent("""\
    policy: followup/small
    version: 1.0.0
    title: {zh: 拜访, en: visits}
    subject: customer
    facts:
      tier: {type: choice, of: [S, A], from: tiering/small.tier}
    outcome:
      visits: {type: integer, min: 0, max: 9}
    rules:
      hit: FIRST
      rows:
        - {id: S, when: 'tier = "S"', then: {visits: 2}, because: {zh: 勤, en: often}}
        - {id: A, when: "true", then: {visits: 1}, because: {zh: 疏, en: seldom}}
    examples:
      - {name: S, facts: {tier: S}, outcome: {visits: 2}, rule: S}
      - {name: A, facts: {tier: A}, outcome: {visits: 1}, rule: A}
    """)


def made(text: str, *changes: tuple[str, str]) -> Policy:
    """A policy's next version, with changes."""
    for before, after in (*changes, ("version: 1.0.0", "version: 1.1.0")):
        assert before in text
        text = text.replace(before, after)
    return load_bytes(text.encode())


OLD_TIER, OLD_VISITS = load_bytes(TIER.encode()), load_bytes(VISITS.encode())
IN_FORCE = {policy.id: policy for policy in (OLD_TIER, OLD_VISITS)}


def cases_by_code(report: Report) -> dict[str, tuple[str, ...]]:
    """The cases of everything found, by its code."""
    return {each.code: each.cases for each in report.findings}


def test_a_change_of_words_alone_has_nothing_to_be_judged() -> None:
    report = analyse([made(TIER, ("en: the rest", "en: all others"))], IN_FORCE)
    assert (report.findings, report.errors, report.warnings) == ((), (), ())
    [one] = report.candidates
    assert (one.base, one.example_run, one.changed_answers) == (OLD_TIER, ExampleRun(), ())
    assert report.related == (OLD_VISITS,)


def test_what_the_old_examples_now_get_and_who_takes_the_outcome_is_told() -> None:
    new = made(TIER, ('"> 100"', '"> 300"'), ("amount: 200", "amount: 400"))
    report = analyse([new], IN_FORCE)
    assert report.errors == ()
    assert cases_by_code(report) == {
        "other-answers": ("much: was tier S by large, is now tier A by rest",),
        "dependants-affected": ("followup/small 1.0.0",),
    }
    [one] = report.candidates
    assert one.to_dict()["other_answers"] == [
        {"example": "much", "before": "tier S by large", "after": "tier A by rest"}
    ]


def test_examples_are_told_with_their_titles() -> None:
    titled = TIER.replace("{name: much, ", "{name: much, title: {zh: 买得多, en: Buys much}, ")
    old, new = load_bytes(titled.encode()), load_bytes(titled.replace('"> 100"', '"> 300"').encode())
    analysis = analyse([new], {old.id: old}).candidates[0].to_dict()
    title = {"zh": "买得多", "en": "Buys much"}
    assert [each["title"] for each in analysis["other_answers"]] == [title]  # type: ignore[attr-defined]
    assert {each["name"]: each.get("title") for each in analysis["tried"]["failures"]} == {"much": title}  # type: ignore[index]


def test_an_old_example_that_can_no_longer_be_read_is_told() -> None:
    new = made(TIER, ("min: 0", "min: 0, max: 100"), ("amount: 200", "amount: 100"), ('"> 100"', '"> 99"'))
    [case] = cases_by_code(analyse([new], IN_FORCE))["other-answers"]
    assert case.startswith("much: was tier S by large, is now amount 200.00 is refused: expected ")


def test_a_fact_that_is_no_longer_asked_is_left_out_of_the_old_examples() -> None:
    more = TIER.replace("facts:\n  amount", "facts:\n  note: {type: text, optional: true}\n  amount", 1)
    old = load_bytes(more.replace("{amount: 200}", "{amount: 200, note: x}").encode())
    assert cases_by_code(analyse([made(TIER)], {old.id: old})) == {}


def test_failing_examples_and_broken_laws_are_errors() -> None:
    new = made(TIER, ("then: [S]", "then: [A]"), ("then: [A], because: {zh: 余", "then: [S], because: {zh: 余"))
    report = analyse([new], {})
    assert [each.code for each in report.errors] == ["example-failed", "invariant-broken"]
    cases = cases_by_code(report)
    assert cases["example-failed"] == (
        "much: expected tier S by large, found tier A by large",
        "little: expected tier A by rest, found tier S by rest",
    )
    assert cases["invariant-broken"][0].startswith("rising: expected more never hurts, found example `much`")


def test_the_evaluators_that_fail_are_named_when_not_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = ExampleRun((("python", "example", Failure("much", "tier S by large", "tier A by rest")),))
    monkeypatch.setattr("policy_service.analysis.candidate.run_examples", lambda *_, **__: tried)
    report = analyse([made(TIER)], {})
    assert cases_by_code(report)["example-failed"] == (
        "much: expected tier S by large, found tier A by rest (by python)",
    )
    [one] = report.candidates
    assert (tried.passed, one.example_run.to_dict()["passed"]) == (False, False)


def test_a_policy_that_the_engine_cannot_take_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SmokeTestFailed("tiering/small", "it hangs")

    monkeypatch.setattr(example_run, "run_smoke_tests", refuse)
    assert not run_examples(OLD_TIER).passed
    report = analyse([made(TIER)], {})
    assert cases_by_code(report)["engine-refused"] == (
        "the rules engine cannot be trusted with it: tiering/small: it hangs",
    )
    assert [each.severity for each in report.findings] == ["error"]


def test_of_many_policies_in_one_process_the_one_that_the_engine_cannot_take_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes: list[list[str]] = []
    refused = {"tiering/small"}

    def try_together(policies: Sequence[Policy], **_: object) -> None:
        processes.append([each.id for each in policies])
        if refused & set(processes[-1]):
            raise SmokeTestFailed("tiering/small", "it hangs")

    monkeypatch.setattr(example_run, "run_smoke_tests", try_together)
    report = analyse([made(TIER), made(VISITS)], {})
    assert [each.example_run.error is None for each in report.candidates] == [False, True]
    assert processes == [["tiering/small", "followup/small"], ["tiering/small"], ["followup/small"]]
    processes.clear()
    refused.clear()
    assert analyse([made(TIER), made(VISITS)], {}).errors == ()
    assert processes == [["tiering/small", "followup/small"]]


def test_a_policy_in_force_that_would_no_longer_fit_is_an_error() -> None:
    new = made(TIER, ("of: [S, A]", "of: [S, A, B]"))
    report = analyse([new], IN_FORCE)
    [error] = report.errors
    assert (error.code, error.policy) == ("dependant-unfit", "followup/small")
    assert error.message.en == "followup/small 1.0.0, which is in force, would no longer fit"
    both = analyse([new, made(VISITS, ("of: [S, A]", "of: [S, A, B]"))], IN_FORCE)
    assert both.errors == ()


def test_a_candidate_that_needs_what_is_not_in_force_is_an_error() -> None:
    report = analyse([made(VISITS)], {})
    assert cases_by_code(report)["requirement-unfit"] == ("unknown-policy: unknown policy `tiering/small`",)
    assert analyse([made(VISITS)], {OLD_TIER.id: OLD_TIER}).errors == ()


def test_what_did_not_fit_before_does_not_block_an_unrelated_change() -> None:
    alone = load_bytes(VISITS.replace("tiering/small", "tiering/gone").encode())
    assert analyse([made(TIER)], {OLD_TIER.id: OLD_TIER, alone.id: alone}).errors == ()


def test_two_versions_of_one_policy_are_an_error() -> None:
    report = analyse([made(TIER), made(TIER, ("version: 1.0.0", "version: 1.2.0\n# version: 1.0.0"))], IN_FORCE)
    assert cases_by_code(report)["policy-twice"] == ("1.1.0", "1.2.0")


def test_what_those_who_sign_should_know_is_a_warning() -> None:
    newer = made(TIER, ("version: 1.0.0", "version: 2.0.0\n# version: 1.0.0"))
    assert cases_by_code(analyse([OLD_TIER], {newer.id: newer}))["older-version"] == ("2.0.0",)
    assert cases_by_code(analyse([OLD_TIER], IN_FORCE))["nothing-changed"] == ("1.0.0",)
    asks = made(
        TIER, ("facts:\n  amount", "facts:\n  vip: {type: boolean}\n  amount"), ("{amount", "{vip: true, amount")
    )
    assert cases_by_code(analyse([asks], IN_FORCE))["facts-demanded"] == ("vip",)
    laws = TIER[TIER.index("  - {id: rising") :]
    assert cases_by_code(analyse([made(TIER, (laws, ""))], IN_FORCE))["invariants-dropped"] == ("rising",)
    example = next(line for line in TIER.splitlines() if "name: little" in line)
    assert cases_by_code(analyse([made(TIER, (f"{example}\n", ""))], {}))["rules-untried"] == ("rest",)


def test_the_report_made_again_is_the_same_and_depends_on_nothing_else_in_force() -> None:
    candidates = [made(TIER, ('"> 100"', '"> 300"'))]
    unrelated = load_bytes(TIER.replace("tiering/small", "tiering/other").encode())
    report, again = analyse(candidates, IN_FORCE), analyse(candidates, {**IN_FORCE, unrelated.id: unrelated})
    assert report.digest == again.digest
    assert report.digest != analyse(candidates, {}).digest
    assert json.loads(to_canonical_json(report.to_dict())) == json.loads(json.dumps(report.to_dict()))

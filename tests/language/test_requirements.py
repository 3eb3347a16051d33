"""Which policies need which: their order, and why some cannot be decided together."""

import re

import pytest

from policy_service.language.acceptance import accepts
from policy_service.language.load import PolicyFolderError, load_bytes
from policy_service.language.policy import Policy, Requirement
from policy_service.language.requirements import (
    bind_figures,
    dependencies_of,
    required_policies,
    topological_order,
)
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
)

TEXT = """\
policy: %s
version: 1.0.0
title: {zh: 样例, en: sample}
subject: %s
facts:
%s
outcome:
  out: {type: choice, of: [a, b]}
rules:
  hit: %s
  rows:
    - {id: one, when: "true", then: [a], because: {zh: 是, en: so}}
"""


def policy(name: str, *needs: str, subject: str = "customer", kind: str = "choice", hit: str = "FIRST") -> Policy:
    facts = [f"  f{index}: {{type: {kind}, of: [a, b], from: {need}.out}}" for index, need in enumerate(needs)]
    return load_bytes((TEXT % (name, subject, "\n".join(facts) or "  f: {type: boolean}", hit)).encode())


def diagnostics_of(*policies: Policy) -> list[tuple[str, str, str, str | None]]:
    with pytest.raises(PolicyFolderError) as refused:
        topological_order(policies)
    return [
        (error.path, str(fault.code), fault.message, fault.hint)
        for error in refused.value.errors
        for fault in error.diagnostics
    ]


def test_a_policy_stands_after_those_it_needs() -> None:
    last, middle, first = policy("t/c", "t/b", "t/a"), policy("t/b", "t/a"), policy("t/a")
    assert [each.id for each in topological_order([last, middle, first])] == ["t/a", "t/b", "t/c"]
    assert [str(fact.requirement) for fact in last.facts.values()] == ["t/b.out", "t/a.out"]
    assert required_policies(last) == {"t/a", "t/b"}
    assert required_policies(first) == frozenset()
    assert topological_order([]) == ()


def test_the_order_is_the_same_in_every_process_and_for_every_caller() -> None:
    names = [f"t/{letter}" for letter in "bcdefghi"]
    all_policies = [policy("t/a", *reversed(names)), *(policy(name) for name in names)]
    for given in (all_policies, all_policies[::-1]):
        assert [each.id for each in topological_order(given)] == [*names, "t/a"]


def test_what_is_not_there_cannot_be_needed() -> None:
    diagnostics = diagnostics_of(policy("t/b", "t/aa"), policy("t/a"))
    assert diagnostics == [("t/b/1.0.0.yaml", "unknown-policy", "unknown policy `t/aa`", "did you mean `t/a`?")]
    text = (TEXT % ("t/b", "customer", "  f: {type: choice, of: [a, b], from: t/a.outt}", "FIRST")).encode()
    message = "`t/a` has no outcome `outt`"
    assert diagnostics_of(load_bytes(text), policy("t/a")) == [
        ("t/b/1.0.0.yaml", "unknown-outcome", message, "did you mean `out`?")
    ]


def test_policies_that_need_each_other_are_told_in_a_circle() -> None:
    [fault] = diagnostics_of(policy("t/a", "t/c"), policy("t/b", "t/a"), policy("t/c", "t/b"))
    assert fault[1] == "requirement-cycle"
    assert fault[2].startswith("the policies need each other in a circle: t/")
    names = fault[2].partition(": ")[2].split(" → ")
    assert names[0] == names[-1]
    assert set(names) == {"t/a", "t/b", "t/c"}
    [fault] = diagnostics_of(policy("t/a", "t/a"))
    assert fault[2] == "the policies need each other in a circle: t/a → t/a"


def test_a_policy_is_there_once() -> None:
    message = "`t/a` is there twice, as 1.0.0 and 1.0.0"
    assert diagnostics_of(policy("t/a"), policy("t/a")) == [("t/a/1.0.0.yaml", "duplicate-version", message, None)]


def test_both_policies_are_about_one_subject() -> None:
    message = "`t/a` is about a customer, this policy about a complaint"
    assert diagnostics_of(policy("t/b", "t/a", subject="complaint"), policy("t/a")) == [
        ("t/b/1.0.0.yaml", "requirement-mismatch", message, None)
    ]


def test_a_listed_choice_becomes_tags() -> None:
    listing = policy("t/a", hit="COLLECT")
    assert len(topological_order([policy("t/b", "t/a", kind="tags"), listing])) == 2
    [fault] = diagnostics_of(policy("t/b", "t/a"), listing)
    assert fault[2] == "`f0` takes one of a, b; `t/a.out` is a list of one of a, b"
    assert fault[3] == "the fact's type must take every value of the outcome"


def test_the_faults_of_all_policies_are_told_at_once() -> None:
    diagnostics = diagnostics_of(policy("t/a", "t/x"), policy("t/b", "t/y"))
    assert [fault[:2] for fault in diagnostics] == [
        ("t/a/1.0.0.yaml", "unknown-policy"),
        ("t/b/1.0.0.yaml", "unknown-policy"),
    ]


MONEY = NumberType("money", 2, 0, 100, "CNY")


@pytest.mark.parametrize(
    ("fact", "outcome", "fits"),
    [
        (BooleanType(), BooleanType(), True),
        (BooleanType(), TextType(), False),
        (TextType(), TextType(), True),
        (ChoiceType(("a", "b", "c")), ChoiceType(("b", "a")), True),
        (ChoiceType(("a",)), ChoiceType(("b", "a")), False),
        (TagsType(("a", "b")), TagsType(("a",)), True),
        (TagsType(("a",)), TagsType(("a", "b")), False),
        (TagsType(("a",)), ChoiceType(("a",)), False),
        (MONEY, MONEY, True),
        (MONEY, NumberType("money", 2, 1, 99, "CNY"), True),
        (MONEY, NumberType("money", 2, -1, 99, "CNY"), False),
        (MONEY, NumberType("money", 2, 1, 101, "CNY"), False),
        (MONEY, NumberType("money", 2, 1, 99, "USD"), False),
        (MONEY, NumberType("number", 2, 1, 99), False),
        (NumberType("number", 2), NumberType("number", 1), False),
        (DateType(5, 9), DateType(5, 9), True),
        (DateType(5, 9), DateType(4, 9), False),
        (DateType(5, 9), DateType(5, 10), False),
        (DurationType(5, 9), DurationType(6, 8), True),
        (DurationType(5, 9), DurationType(5, 10), False),
        (DurationType(), DateType(), False),
    ],
)
def test_a_fact_takes_every_value_of_the_outcome_or_is_refused(fact: Type, outcome: Type, *, fits: bool) -> None:
    assert accepts(fact, outcome, is_list=False) is fits


@pytest.mark.parametrize(
    ("fact", "outcome", "fits"),
    [
        (TagsType(("a", "b")), ChoiceType(("a",)), True),
        (TagsType(("a",)), ChoiceType(("a", "b")), False),
        (ChoiceType(("a",)), ChoiceType(("a",)), False),
        (TagsType(("a",)), TagsType(("a",)), False),
        (BooleanType(), BooleanType(), False),
    ],
)
def test_of_a_list_only_choices_can_be_taken(fact: Type, outcome: Type, *, fits: bool) -> None:
    assert accepts(fact, outcome, is_list=True) is fits


def test_the_neighbours_of_a_policy_are_what_it_needs_and_what_in_force_needs_it() -> None:
    first, second, third = policy("a/first"), policy("a/second", "a/first", "a/gone"), policy("a/third", "a/first")
    policies = {each.id: each for each in (first, second, third)}
    result = dependencies_of("a/first", policies, {"a/first", "a/second"})
    assert result.upstream == ()
    assert [(each.policy, each.title.en, each.outcome, each.fact) for each in result.downstream] == [
        ("a/second", "sample", "out", "f0")
    ]
    assert [(each.policy, each.fact) for each in dependencies_of("a/second", policies, ()).upstream] == [
        ("a/first", "f0")
    ]


def test_facts_of_the_benchmark_set_are_told_with_what_they_measure() -> None:
    fact = "  f: {type: integer, min: 0, max: 9, from: benchmark, measure: mean(orders)}"
    measured = load_bytes((TEXT % ("a/measured", "customer", fact, "FIRST")).encode())
    assert dependencies_of(measured.id, {measured.id: measured}, ()).measures == (("f", "mean(orders)"),)


def test_benchmark_facts_take_the_figures_of_the_same_measure_that_fit() -> None:
    fact = "  f: {type: integer, min: 0, max: 9, from: benchmark, measure: mean( orders )}"
    taking = load_bytes((TEXT % ("a/taking", "customer", fact, "FIRST")).encode())
    figures = TEXT % ("a/figures", "customer", "  []", "FIRST")
    figures = figures.replace("facts:\n  []", "facts: {}")
    kind = "{type: integer, min: 1, max: 5, measure: mean(orders)}"

    def named(name: str, text: str = kind) -> Policy:
        changed = re.sub(r"outcome:\n  out: {[^}]*}", f"outcome:\n  out: {text}", figures.replace("a/figures", name))
        return load_bytes(re.sub(r"then: \[[^]]*\]", "then: [1]", changed).encode())

    def sources(*policies: Policy) -> list[Requirement | None]:
        return [policy.facts["f"].requirement for policy in bind_figures(policies) if policy.id == "a/taking"]

    assert sources(taking) == [None]
    assert sources(taking, named("a/figures"), named("a/b")) == [Requirement("a/b", "out")]
    assert sources(taking, named("a/figures", kind.replace("max: 5", "max: 10"))) == [None]
    assert sources(taking, named("a/figures", kind.replace("orders", "days"))) == [None]
    assert sources(
        taking, load_bytes(named("a/figures").text.replace("subject: customer", "subject: case").encode())
    ) == [None]
    assert bind_figures([taking])[0] is taking

"""Why a rule did not match, and which names it looked at; which facts are known where."""

from fractions import Fraction

import pytest

from policy_service.language.ast import Name
from policy_service.language.definedness import KnownFacts, known_facts, names_in
from policy_service.language.parser import parse
from policy_service.language.trace import RuleTrace, trace
from policy_service.language.types import Exact
from tests.language.sample import loaded, policy_text, rule_lines


def test_a_rule_that_fails_tells_its_first_false_condition_and_the_names_in_it() -> None:
    rules = rule_lines(
        ("yes", "count_ > 1", "[yes]"),
        ("no", "count_ > 1 and (whole > 5 and whole > count_) and flag", "[yes]"),
        ("or", "whole > 5 or whole > 6", "[yes]"),
        ("gone", "maybe is not missing and maybe > 5", "[yes]"),
    )
    scope: dict[str, Exact] = {"count_": Fraction(2), "whole": Fraction(0), "flag": True}
    assert trace(loaded(policy_text(rules)).rules, scope) == (
        RuleTrace("yes", None, ()),
        RuleTrace("no", "whole > 5", ("whole",)),
        RuleTrace("or", "whole > 5 or whole > 6", ("whole",)),
        RuleTrace("gone", "maybe is not missing", ("maybe",)),
    )


def test_the_rule_otherwise_fails_by_its_name_when_another_matched() -> None:
    rules = rule_lines(("yes", "count_ > 1", "[yes]"), ("no", "count_ > 5", "[yes]"))
    policy = loaded(policy_text(rules, rest="  otherwise: {then: [no], because: {zh: 否, en: no}}\n"))
    assert trace(policy.rules, {"count_": Fraction(2)})[2] == RuleTrace("otherwise", "otherwise", ())
    assert trace(policy.rules, {"count_": Fraction(1)})[2] == RuleTrace("otherwise", None, ())


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("1", []),
        ("a", ["a"]),
        ("a is missing", ["a"]),
        ("not(a) and b or -c > d.days", ["a", "b", "c", "d"]),
        ("a + b < min(c, a)", ["a", "b", "c", "a"]),
        ("a in (b, [c..d])", ["a", "b", "c", "d"]),
    ],
)
def test_the_names_of_an_expression_are_found_from_left_to_right(text: str, results: list[str]) -> None:
    assert list(names_in(parse(text))) == results


def _ignore(_name: Name, _known: KnownFacts) -> None:
    """Uses do not matter here."""


@pytest.mark.parametrize(
    ("text", "when_true", "when_false"),
    [
        ("a is missing", "", "a"),
        ("a is not missing", "a", ""),
        ("a is not missing and b is not missing", "ab", ""),
        ("a is missing or b is missing", "", "ab"),
        ("a is missing and b is missing", "", ""),
        ("a is not missing or b is not missing", "", ""),
        ("not(a is missing or b is missing)", "ab", ""),
        ("(a is not missing and c) or (a is not missing and d)", "a", ""),
        ("a = b", "", ""),
    ],
)
def test_what_is_known_when_a_condition_holds_and_when_not(text: str, when_true: str, when_false: str) -> None:
    assert known_facts(parse(text), frozenset(), _ignore) == (frozenset(when_true), frozenset(when_false))


def test_every_use_is_told_with_what_is_known_there() -> None:
    uses: list[tuple[str, KnownFacts]] = []

    def use(name: Name, known: KnownFacts) -> None:
        uses.append((name.name, known))

    known_facts(parse("a is not missing and (b or a > 1) and c in (a, [b..d])"), frozenset("z"), use)
    known = frozenset("az")
    assert uses == [(name, known) for name in ("b", "a", "c", "a", "b", "d")]

"""Mutation of the shipped policies: every threshold moved, every comparison made strict or not; an example must notice.

    python -m tests.policies.mutate            # a line a policy; 1 at the end when a share is below 98 per cent
    python -m tests.policies.mutate tiering/rfm_value     # and what nobody noticed, each with facts that would show it

mutant      the policy with one number of a condition, an outcome or points moved by one in its last digit, up or down
            (an amount `0.8` to 0.7 and 0.9, days, months and dates by one), or one of `<`, `<=`, `>`, `>=`, or one end
            of an interval, made strict or not
caught      some example of the policy gets another outcome, other rules, or a value that its type refuses
equivalent  no subject can tell it from the policy; `EQUIVALENT` lists them, each with the reason
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TypeVar, assert_never

from policy_service.analysis.examples import check_examples
from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
    Comparator,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Negation,
    Not,
    Or,
    Property,
    Range,
    Test,
)
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy, Rule
from policy_service.language.types import Duration, Months, Value
from policy_service.language.unparse import unparse
from tests.policies.grid import Block, blocks
from tests.shipped import NEWEST

T = TypeVar("T")
SHARE = 98
"""Per cent of the mutants that are not equivalent, and must be caught, of each policy."""
OTHER_WAY: Mapping[Comparator, Comparator] = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
DAY = 86_400
ROUNDING = ("round", "round half up", "round half down", "round up", "round down", "decimal", "floor", "ceiling")

NO_VISIT = "no visit required is decided above: the 1 only keeps the divisor from zero"
NO_MORE = "more successes than required are decided above: the 100 only bounds the value"
NOT_SHORT = "nothing too much is left here: the 0 only bounds the value"
SOLD = "net sales are above zero here: the 0 only bounds the value"
LATE = "the delivery is a day late or more here: the bound is never reached"
ABOVE = "a rule above decides the subjects that this would add"
HIGHEST = "figures that contradict each other are decided above: the 100 only bounds the value"
LOWEST = "no more is wrong than is filled here: the 0 only bounds the value"
SOME = "there is someone to count here: the 1 only keeps the divisor from zero"
NONE_OF_ONE = "of one customer none was counted here, and nothing divided by two is nothing"
FAR_BELOW = "the rate is below the limit of its rule here: the 100 only bounds the value"
BY_FIVES = "all points are multiples of five"
VISITS = "success_percent: / max(visits_required, 1), -> / max(visits_required,"
FILLED = "completeness_percent: fields_required, 2), 100) -> fields_required, 2), 101)"
RATES = ("loss_percent", "upgrade_percent", "repurchase_percent", "conversion_percent")
FEW = (
    ("B-few-upgrades", "upgrade_percent", "customers_at_start"),
    ("low-repurchase", "repurchase_percent", "customers_at_start"),
    ("low-conversion", "conversion_percent", "customers_approached"),
)
"""Of the review of tiers: a rule, the rate that it finds too low, and what the rate is a share of."""
EQUIVALENT: Mapping[tuple[str, str, str], str] = {
    ("followup/visit_success", "met", f"{VISITS} 0),"): NO_VISIT,
    ("followup/visit_success", "met", "success_percent: 1), 2), 100) -> 1), 2), 101)"): NO_MORE,
    ("followup/visit_success", "otherwise", f"{VISITS} 0),"): NO_VISIT,
    ("followup/visit_success", "otherwise", f"{VISITS} 2),"): (
        "of one visit required none was successful here, and nothing divided by two is nothing"
    ),
    ("followup/visit_success", "otherwise", "success_percent: 1), 2), 100) -> 1), 2), 99)"): NO_MORE,
    ("followup/visit_success", "otherwise", "success_percent: 1), 2), 100) -> 1), 2), 101)"): NO_MORE,
    ("rewards/cash_handling", "overdue", "difference: - handed_in, 0) -> - handed_in, -1)"): NOT_SHORT,
    ("rewards/cash_handling", "short", "difference: - handed_in, 0) -> - handed_in, -1)"): NOT_SHORT,
    ("rewards/data_quality", "neither", "records_correct >= 0.9 -> records_correct >= 0.8"): ABOVE,
    ("rewards/incentives", "commission", "reward: * max(net_sales, 0), -> * max(net_sales, -1),"): SOLD,
    ("rewards/incentives", "quarterly-bonus", "reward: * max(net_sales, 0), -> * max(net_sales, -1),"): SOLD,
    ("rewards/incentives", "yearly-award", "reward: * max(net_sales, 0), -> * max(net_sales, -1),"): SOLD,
    ("rewards/incentives", "yearly-award-and-honour", "reward: * max(net_sales, 0), -> * max(net_sales, -1),"): SOLD,
    ("rewards/period_targets", "january-february", "month in ([1..2]) -> month in ([0..2])"): "no month is 0",
    ("service_levels/delivery", "delivered-late", "days_late: - due_on).days, 0) -> - due_on).days, -1)"): LATE,
    ("service_levels/delivery", "delivered-late", "days_late: - due_on).days, 0) -> - due_on).days, 1)"): LATE,
    ("service_levels/delivery", "overdue", "days_late: - due_on).days, 0) -> - due_on).days, -1)"): LATE,
    ("service_levels/delivery", "overdue", "days_late: - due_on).days, 0) -> - due_on).days, 1)"): LATE,
    ("tiering/abc_class", "C", "amount_12m < -> amount_12m <="): ABOVE,
    ("tiering/purchase_cycle", "own", "purchase_cycle_days: - 1, 1))) -> - 1, 0)))"): (
        "there are two orders or more here: the 1 only keeps the divisor from zero"
    ),
    **{
        ("tiering/record_review", rule, FILLED): HIGHEST
        for rule in ("duplicate", "invalid", "wrong-or-inconsistent", "missing-obtainable", "missing")
    },
    **{
        ("tiering/record_review", rule, f"correctness_percent: {change}"): reason
        for rule in ("duplicate", "invalid", "wrong-or-inconsistent")
        for change, reason in (
            ("1), 2), 100), -> 1), 2), 101),", HIGHEST),
            ("2), 100), 0) -> 2), 100), -1)", LOWEST),
        )
    },
    ("tiering/rfm_value", "at-level-60-to-89-days", "recency_days in ([60..90)) -> recency_days in ([59..90))"): ABOVE,
    ("tiering/rfm_value", "large-but-few-orders", "in (>= 0.8 -> in (>= 0.7"): ABOVE,
    ("tiering/rfm_value", "large-but-few-orders", "orders_12m in (< -> orders_12m in (<="): ABOVE,
    ("tiering/rfm_value", "large-but-few-orders", "in (< 0.8 -> in (< 0.9"): ABOVE,
    ("tiering/rfm_value", "many-but-small-orders", "amount_12m in (< -> amount_12m in (<="): ABOVE,
    ("tiering/rfm_value", "many-but-small-orders", "in (< 0.8 -> in (< 0.9"): ABOVE,
    ("tiering/rfm_value", "many-but-small-orders", "in (>= 0.8 -> in (>= 0.7"): ABOVE,
    ("tiering/rfm_value", "high-value-silent", "recency_days in (> -> recency_days in (>="): ABOVE,
    ("tiering/rfm_value", "high-value-silent", "in (> 90) -> in (> 89)"): ABOVE,
    ("tiering/rfm_value", "C", "recency_days in (> -> recency_days in (>="): ABOVE,
    ("tiering/rfm_value", "C", "in (> 90) -> in (> 89)"): ABOVE,
    ("tiering/rfm_value", "silent", "recency_days in (> -> recency_days in (>="): ABOVE,
    ("tiering/rfm_value", "silent", "in (> 90) -> in (> 89)"): ABOVE,
    ("tiering/sales_share", "measured", "share_1m_percent: 0.01), 2), 100) -> 0.01), 2), 101)"): HIGHEST,
    ("tiering/sales_share", "measured", "share_12m_percent: 0.01), 2), 100) -> 0.01), 2), 101)"): HIGHEST,
    **{
        ("tiering/tier_review", rule, f"{rate}: 1), 2), 100) -> 1), 2), 101)"): HIGHEST
        for rule in ("S-losses", "B-few-upgrades", "low-repurchase", "low-conversion", "otherwise")
        for rate in RATES
        if (rule, rate) != ("S-losses", "upgrade_percent")
    },
    **{
        ("tiering/tier_review", rule, f"{rate}: / max(customers_at_start, 1), -> / max(customers_at_start, 0),"): SOME
        for rule in ("S-losses", "B-few-upgrades", "low-repurchase")
        for rate in RATES[:3]
        if (rule, rate) != ("S-losses", "upgrade_percent")
    },
    (
        "tiering/tier_review",
        "low-conversion",
        "conversion_percent: / max(customers_approached, 1), -> / max(customers_approached, 0),",
    ): SOME,
    **{
        ("tiering/tier_review", rule, f"{rate}: / max({whole}, 1), -> / max({whole}, 2),"): NONE_OF_ONE
        for rule, rate, whole in FEW
    },
    **{("tiering/tier_review", rule, f"{rate}: 1), 2), 100) -> 1), 2), 99)"): FAR_BELOW for rule, rate, _ in FEW},
    ("tiering/value_score", "high", "in (>= 70) -> in (>= 69)"): BY_FIVES,
    ("tiering/value_score", "mid", "score in ([40..70)) -> score in ([39..70))"): BY_FIVES,
    ("tiering/value_score", "mid", "score in ([40..70)) -> score in ([40..69))"): BY_FIVES,
    ("tiering/value_score", "low", "in (< 40) -> in (< 39)"): BY_FIVES,
}
"""By policy, rule and what was changed (in an outcome: with its name): the reason why no subject can tell."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy with one thing changed."""

    rule: str
    change: str
    policy: Policy


def mutants(policy: Policy) -> Iterator[Mutant]:
    """Every mutant of a policy: of the conditions, then of the outcomes, points and bands."""
    names = tuple(policy.outcomes)
    for index, rule in enumerate(policy.rules):
        for change, mutated in of_rule(rule, names):
            rules = (*policy.rules[:index], mutated, *policy.rules[index + 1 :])
            yield Mutant(rule.id, change, replace(policy, rules=rules))
    if policy.scorecard is not None:
        bands = policy.scorecard.bands
        for index, band in enumerate(bands):
            for change, mutated in of_rule(band, names):
                scorecard = replace(policy.scorecard, bands=(*bands[:index], mutated, *bands[index + 1 :]))
                yield Mutant(band.id, change, replace(policy, scorecard=scorecard))


def of_rule(rule: Rule, names: Sequence[str]) -> Iterator[tuple[str, Rule]]:
    """Every change of one rule, with what it says; one of an outcome begins with its name."""
    for mutated in of_expression(rule.when):
        yield difference(rule.when, mutated), replace(rule, when=mutated)
    for place, then in enumerate(rule.then):
        if isinstance(then, Expr) and not isinstance(then, Constant):
            for mutated in of_expression(then):
                values = (*rule.then[:place], mutated, *rule.then[place + 1 :])
                yield f"{names[place]}: {difference(then, mutated)}", replace(rule, then=values)


def difference(old: Expr, new: Expr) -> str:
    """What was changed, with the two words before it."""
    before, after = unparse(old).split(), unparse(new).split()
    start = next(place for place, (left, right) in enumerate(zip(before, after, strict=True)) if left != right)
    end = next(
        place for place, (left, right) in enumerate(zip(before[::-1], after[::-1], strict=True)) if left != right
    )
    words = slice(max(start - 2, 0), len(before) - end)
    return f"{' '.join(before[words])} -> {' '.join(after[words])}"


def of_expression(expr: Expr) -> Iterator[Expr]:
    """Every expression that differs in one threshold or one comparison."""
    match expr:
        case Constant(value=value):
            for moved in neighbours(value):
                yield Constant(moved)
        case Name() | IsMissing():
            return
        case Not(operand=operand) | Negation(operand=operand) | Property(operand=operand):
            for mutated in of_expression(operand):
                yield replace(expr, operand=mutated)
        case And(operands=operands) | Or(operands=operands):
            for parts in one_of(operands, of_expression):
                yield replace(expr, operands=parts)
        case Comparison(comparator=comparator, left=left, right=right):
            if comparator in OTHER_WAY:
                yield replace(expr, comparator=OTHER_WAY[comparator])
            for parts in one_of((left, right), of_expression):
                yield replace(expr, left=parts[0], right=parts[1])
        case In(operand=operand, tests=tests):
            for mutated in of_expression(operand):
                yield replace(expr, operand=mutated)
            for changed in one_of(tests, of_test):
                yield replace(expr, tests=changed)
        case Arithmetic(operator=operator, left=left, right=right):
            for parts in one_of((left, right) if operator != "**" else (left,), of_expression):
                yield replace(expr, left=parts[0], right=(*parts, right)[1])
        case Call(function=function, arguments=arguments):
            request = arguments[:1] if function in ROUNDING else arguments
            for parts in one_of(request, of_expression):
                yield replace(expr, arguments=(*parts, *arguments[len(parts) :]))
        case _:
            assert_never(expr)


def of_test(test: Range | Test) -> Iterator[Range | Test]:
    """Every test that differs in one threshold or one end."""
    match test:
        case Range(low=low, high=high):
            yield replace(test, low_closed=not test.low_closed)
            yield replace(test, high_closed=not test.high_closed)
            for parts in one_of((low, high), of_expression):
                yield replace(test, low=parts[0], high=parts[1])
        case Test(comparator=comparator, value=value):
            if comparator in OTHER_WAY:
                yield replace(test, comparator=OTHER_WAY[comparator])
            for mutated in of_expression(value):
                yield replace(test, value=mutated)
        case _:
            assert_never(test)


def one_of(parts: tuple[T, ...], change: Callable[[T], Iterator[T]]) -> Iterator[tuple[T, ...]]:
    """The parts with one of them changed, in every way."""
    for index, part in enumerate(parts):
        for mutated in change(part):
            yield (*parts[:index], mutated, *parts[index + 1 :])


def neighbours(value: object) -> tuple[Fraction | datetime.date | Duration | Months, ...]:
    """The two values beside one, by its last digit or its unit; none for a word or a truth value."""
    match value:
        case bool() | str():
            return ()
        case Fraction():
            step = Fraction(1, 10 ** decimals(value))
            return (value - step, value + step)
        case datetime.date():
            return (value - datetime.timedelta(1), value + datetime.timedelta(1))
        case Months():
            return (Months(value.count - 1), Months(value.count + 1))
        case Duration():
            unit = DAY if value.seconds % DAY == 0 else 60
            return (Duration(value.seconds - unit), Duration(value.seconds + unit))
        case _:
            raise TypeError(f"no neighbours of {value!r}")


def decimals(value: Fraction) -> int:
    """How many decimals a number needs."""
    return next(places for places in range(7) if (value * 10**places).denominator == 1)


def caught(mutant: Mutant) -> bool:
    """Return True if an example comes out otherwise, or a value is one that its type refuses."""
    policy = mutant.policy
    try:
        return bool(check_examples(policy, lambda facts, as_of: evaluate(policy, facts, as_of)))
    except (ArithmeticError, ValueError, OverflowError):
        return True


@dataclass(frozen=True, slots=True)
class Report:
    """The mutants of one policy, and those that no example noticed."""

    policy: Policy
    made: int
    equivalent: int
    survivors: tuple[Mutant, ...]

    @property
    def share(self) -> Fraction:
        """Per cent caught of the mutants that are not equivalent; 100 where there are none."""
        counted = self.made - self.equivalent
        return Fraction(100 * (counted - len(self.survivors)), counted) if counted else Fraction(100)


def report(policy: Policy) -> Report:
    """Makes and tries every mutant of a policy."""
    made = list(mutants(policy))
    survivors = [mutant for mutant in made if not caught(mutant)]
    others = [mutant for mutant in survivors if (policy.id, mutant.rule, mutant.change) not in EQUIVALENT]
    return Report(policy, len(made), len(survivors) - len(others), tuple(others))


@cache
def grid(policy: str) -> tuple[Block, ...]:
    """Every subject that could matter to a policy."""
    return tuple(blocks(next(each for each in NEWEST if each.id == policy)))


def witness(mutant: Mutant) -> tuple[Mapping[str, Value], datetime.date] | None:
    """Facts and a day that tell a mutant from its policy, looked for in the policy's grid; None when there are none."""
    for block in grid(mutant.policy.id):
        for point, result in block.results.items():
            facts = block.facts(point)
            if answer(mutant.policy, facts, block.as_of) != result:
                return facts, block.as_of
    return None


def answer(policy: Policy, facts: Mapping[str, Value], as_of: datetime.date) -> Result | str:
    """What a policy answers, or why it cannot."""
    try:
        return evaluate(policy, facts, as_of)
    except (ArithmeticError, ValueError, OverflowError) as error:
        return str(error)


def main(names: Sequence[str]) -> int:
    """Prints a line a policy, and for those that are named each survivor; 1 when a share is below the least."""
    low = 0
    for policy in NEWEST:
        if names and policy.id not in names:
            continue
        analysis = report(policy)
        low += analysis.share < SHARE
        print(
            f"{policy.id:36} {analysis.made:4} mutants {analysis.equivalent:3} equivalent "
            f"{len(analysis.survivors):3} not noticed  {float(analysis.share):6.2f} %"
        )
        for mutant in analysis.survivors if names else ():
            print(f"    {mutant.rule}: {mutant.change}\n        {witness(mutant)}")
    return int(low > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

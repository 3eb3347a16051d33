"""Every subject that could matter to a policy: all combinations of the values beside its thresholds.

A rule can only change its mind at a number it compares a fact with, so it is enough to ask at that number, one smallest
unit below and one above, and at both ends of the fact's range. Words, tags, yes or no, and absence are few enough to be
asked all. Facts that others are compared with (an industry mean, the records required) are set in `FIXED`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations, product
from math import ceil, floor

from policy_service.language.ast import And, Comparison, Expr, In, Name, Not, Or, Range
from policy_service.language.evaluate import evaluate, evaluate_expression
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    NumberType,
    TagsType,
    Type,
    Value,
    parse_value,
    to_exact,
)
from tests.effort import effort

FIXED: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "governance/overrides": {
        "running_of_policy": effort((199, 200), (0, 199, 200)),
        "running_of_subject": effort((4, 5), (0, 4, 5)),
        "running_of_person": effort((49, 50), (0, 49, 50)),
        "days": effort((3, 4), (1, 3, 4, 366)),
    },
    "tiering/group_review": {
        "months_in_force": (2, 3),
        "group_customers": (29, 30),
        "group_share_percent": (50, "50.01"),
    },
    "tiering/tier_review": {
        "customers_at_start": (0, 100, 150),
        "customers_upgraded": (0, 1, 3),
        "customers_repurchased": (69, 70, 101),
        "customers_approached": (100,),
    },
    "tiering/record_review": {"fields_required": (1, 10), "fields_filled": (0, 1, 9, 10, 11)},
    "tiering/abc_class": {"channel": ("diy_shop",), "abc_limit_b": ("200", "0"), "abc_limit_a": ("800", "200", "0")},
    "tiering/purchase_cycle": {"first_order_days": (0, 1, 100)},
    "tiering/life_cycle": {"first_order_days": (90, 91, 400, 100_000), "purchase_cycle_days": (1, 30, 31, 100_000)},
    "tiering/sales_share": {
        "amount_12m": ("1200", "200", "0"),
        "company_sales_1m": ("1000", "0.01", "0"),
        "company_sales_12m": ("12000", "1000", "0"),
    },
    "tiering/rfm_value": {
        "industry": ("it",),
        "industry_mean_amount": ("1000", "333.33", "0.01", "0"),
        "industry_mean_orders": ("10", "3.3333", "1.25", "0"),
    },
    "followup/care": {
        "birthday": (None, "1980-02-29", "1980-02-28", "1980-11-21", "1980-10-21", "2026-11-21", "2026-11-22"),
        "festival_on": (None, "2026-11-21", "2026-11-22"),
        "last_event_on": (None, "2025-11-20", "2025-11-21", "2025-11-22"),
    },
    "followup/contact_cadence": {"last_contact_on": ("2000-01-01", "2026-10-31", "2027-01-31", "2099-12-31")},
    "followup/data_checks": {"done_on": ("2000-01-01", "2026-10-20", "2026-10-21", "2026-11-13", "2026-11-14")},
    "followup/survey": {"surveyed_on": (None, "2026-08-20", "2026-08-21", "2026-08-22", "2026-11-21", "2026-11-22")},
    "followup/value_cadence": {"last_contact_on": ("2000-01-01", "2026-10-31", "2027-01-31", "2099-12-31")},
    "followup/visit_success": {"visits_required": (0, 1, 5, 9, 100_000)},
    "followup/win_back": {"orders_previous_12m": (0, 1, 2, 3, 10)},
    "service_levels/delivery": {
        "due_on": ("2026-11-20", "2026-11-21", "2026-11-24", "2026-11-25"),
        "delivered_on": (None, "2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"),
    },
    "service_levels/service_kind": {"warranty_until": (None, "2026-11-20", "2026-11-21", "2026-11-22")},
    "rewards/cash_handling": {
        "collected_on": ("2026-11-20", "2026-11-21", "2026-11-22"),
        "handed_in_on": (None, "2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"),
        "collected": ("0.01", "5000.00"),
    },
    "rewards/grouping_assessment": {
        "self_score": (0, 59, 60, 70, 85, 100),
        "satisfaction_score": (0, 60, 69, 70, 84, 85),
        "performance_score": (0, 70, 85, 100),
    },
    "rewards/incentives": {
        "period": ("month", "quarter", "year"),
        "sales_target": (0, "0.01", "1000.00", "6000000.00"),
    },
    "rewards/kpi_review": {
        "retention_percent": ("84.99", "85.00"),
        "repurchase_percent": ("70.00",),
        "order_value_change_percent": ("10.00",),
        "satisfaction_percent": ("90.00",),
        "online_roi_percent": ("12.00", "12.01"),
        "offline_roi_percent": ("12.00",),
        "market_share_percent": ("15.00",),
    },
    "rewards/negligence_fine": {"negligences": (0, 1, 2, 1000)},
    "rewards/period_targets": {"month": tuple(range(1, 13))},
    "rewards/person_targets": {"salespeople": (1, 3, 10_000)},
    "rewards/trial_period": {"joined_on": ("2026-08-20", "2026-08-21", "2026-08-22", "2026-11-21", "2026-11-22")},
    "rewards/data_quality": {"records_required": (1, 2, 49, 100, 101, 9_999_999, 10_000_000)},
}
"""Values as JSON writes them; None where the fact is not given."""

CONTACTS = (
    *(datetime.date(2026, 11, 30) + datetime.timedelta(days) for days in range(-1, 2)),
    *(datetime.date(2026, 12, 15) + datetime.timedelta(days) for days in range(-1, 2)),
    *(datetime.date(2027, 1, 31) + datetime.timedelta(days) for days in range(-1, 2)),
)
"""One and three months and 45 days after 31 October, and beside."""
DAYS: Mapping[str, tuple[datetime.date, ...]] = {
    "followup/care": (datetime.date(2026, 11, 21), datetime.date(2027, 2, 28), datetime.date(2028, 2, 28)),
    "followup/contact_cadence": CONTACTS,
    "followup/value_cadence": CONTACTS,
}
"""Days of decision for the policies that need several."""
DAY = (datetime.date(2026, 11, 21),)

Point = tuple[Value | None, ...]
"""One value a fact, in the policy's order; None where it is not given."""


@dataclass(frozen=True, slots=True)
class Block:
    """The combinations of some values of each fact, and what the policy decides about each of them."""

    policy: Policy
    as_of: datetime.date
    axes: Mapping[str, tuple[Value | None, ...]]
    results: Mapping[Point, Result]

    def facts(self, point: Point) -> dict[str, Value]:
        """The facts that are given at a point."""
        return present_facts(self.axes, point)


def blocks(policy: Policy) -> Iterator[Block]:
    """The whole grid of a policy, one block for each way to set the fixed facts and the day."""
    fixed = {
        name: tuple(None if raw is None else parse_value(policy.facts[name].type, raw) for raw in values)
        for name, values in FIXED.get(policy.id, {}).items()
    }
    for chosen, as_of in product(product(*fixed.values()), DAYS.get(policy.id, DAY)):
        here = dict(zip(fixed, chosen, strict=True))
        axes = {name: (here[name],) if name in here else axis(policy, name, here) for name in policy.facts}
        points = product(*axes.values())
        results = {point: evaluate(policy, present_facts(axes, point), as_of) for point in points}
        yield Block(policy, as_of, axes, results)


def present_facts(axes: Mapping[str, object], point: Point) -> dict[str, Value]:
    """The facts that are not None."""
    return {name: stored for name, stored in zip(axes, point, strict=True) if stored is not None}


def axis(policy: Policy, name: str, fixed: Mapping[str, Value | None]) -> tuple[Value | None, ...]:
    """The values of one fact that can make a difference, worst to best where the fact has an order."""
    fact = policy.facts[name]
    absent = (None,) if fact.optional else ()
    return (*absent, *sorted_by_rank(fact.type, values(policy, name, fixed)))


def values(policy: Policy, name: str, fixed: Mapping[str, Value | None]) -> set[Value]:
    """Every value of a word or a yes or no; of a number those beside its thresholds."""
    kind = policy.facts[name].type
    match kind:
        case BooleanType():
            return {False, True}
        case ChoiceType():
            return set(kind.of)
        case TagsType():
            subsets = chain.from_iterable(combinations(kind.of, size) for size in range(len(kind.of) + 1))
            return {frozenset(subset) for subset in subsets}
        case NumberType():
            scope = {
                other: to_exact(policy.facts[other].type, stored)
                for other, stored in fixed.items()
                if stored is not None
            }
            limits = (evaluate_expression(bound, scope) for rule in policy.rules for bound in bounds(rule.when, name))
            body = {kind.low, kind.high}
            for limit in limits:
                assert isinstance(limit, Fraction)
                units = limit * 10**kind.scale
                body |= {floor(units) - 1, floor(units), ceil(units), ceil(units) + 1}
            return {number for number in body if kind.low <= number <= kind.high}
        case _:
            raise TypeError(f"say in FIXED which values {name} of {policy.id} takes")


def bounds(condition: Expr, name: str) -> Iterator[Expr]:
    """What a condition compares a fact with."""
    match condition:
        case And(operands=parts) | Or(operands=parts):
            for part in parts:
                yield from bounds(part, name)
        case Not(operand=part):
            yield from bounds(part, name)
        case Comparison(left=Name(name=left), right=right) if left == name:
            yield right
        case In(operand=Name(name=operand), tests=tests) if operand == name:
            for test in tests:
                yield from (test.low, test.high) if isinstance(test, Range) else (test.value,)
        case _:
            return


def rank(kind: Type, stored: Value) -> int:
    """How high a value stands; for an ordered choice the best word stands highest."""
    if isinstance(kind, ChoiceType) and isinstance(stored, str):
        place = kind.of.index(stored)
        return place if kind.ordered == "worst-first" else -place
    assert isinstance(stored, int)
    return stored


def sorted_by_rank(kind: Type, results: set[Value]) -> list[Value]:
    """The values from the lowest to the highest; tags, which have no order, as they come."""
    return list(results) if isinstance(kind, TagsType) else sorted(results, key=lambda stored: rank(kind, stored))

"""One decision table and several hundred sets of facts, the same on every machine and for every competitor.

A row asks two to four of the twenty facts; the thresholds are drawn so that every row matches about one set
of facts in nine, and a fifty-row table fires about 5.4 rows a decision. A long table begins with the rows
of a short one.

A test and what it means for the value `v` of one fact:

    Below(limit)         v < limit
    AtLeast(limit)       v >= limit
    Within(low, high)    low <= v <= high
    OneOf(choices)       v is one of choices
    Is(truth)            v is truth
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, assert_never

Value = int | Decimal | str | bool
"""An exact value: number and money as decimals with two places."""

SEED = 20260121
FACT_SETS = 400
SHARE_MATCHING = 0.108
"""The share of all sets of facts that one row is meant to match: 5.4 of 50 rows."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One typed input; `top` is its largest value: units for integers, hundredths for number and money."""

    name: str
    kind: Literal["integer", "number", "money", "choice", "boolean"]
    top: int = 1
    of: tuple[str, ...] = ()


FACTS = (
    Fact("orders_12m", "integer", 60),
    Fact("recency_days", "integer", 365),
    Fact("visits_90d", "integer", 40),
    Fact("complaints_12m", "integer", 24),
    Fact("employees", "integer", 5_000),
    Fact("tenure_months", "integer", 240),
    Fact("late_payments_12m", "integer", 12),
    Fact("satisfaction", "number", 1_000),
    Fact("discount_percent", "number", 3_000),
    Fact("margin_percent", "number", 6_000),
    Fact("amount_12m", "money", 100_000_000),
    Fact("average_order", "money", 5_000_000),
    Fact("credit_limit", "money", 200_000_000),
    Fact("overdue_amount", "money", 20_000_000),
    Fact("industry", "choice", of=("it", "manufacturing", "retail", "internet", "finance", "services")),
    Fact(
        "region",
        "choice",
        of=("north", "northeast", "east", "central", "south", "southwest", "northwest", "abroad"),
    ),
    Fact("channel", "choice", of=("direct", "partner", "online", "phone", "fair")),
    Fact("card", "choice", of=("none", "silver", "gold", "diamond")),
    Fact("has_contract", "boolean"),
    Fact("is_exporter", "boolean"),
)


@dataclass(frozen=True, slots=True)
class Below:
    """The value is less than `limit`."""

    limit: int | Decimal


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The value is `limit` or more."""

    limit: int | Decimal


@dataclass(frozen=True, slots=True)
class Within:
    """The value lies between `low` and `high`, both included."""

    low: int | Decimal
    high: int | Decimal


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of `choices`."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Is:
    """The value is `truth`."""

    truth: bool


Test = Below | AtLeast | Within | OneOf | Is
FactSet = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: when all of `tests` hold, each for its fact, the table answers `out`."""

    id: str
    tests: Mapping[str, Test]
    out: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A table, the sets of facts to decide with it, and the outputs each of them must give, in row order."""

    rows: tuple[Row, ...]
    fact_sets: tuple[FactSet, ...]
    expected: tuple[list[int], ...]

    @property
    def mean_fired(self) -> float:
        """Return the number of rows that fire per decision, on average over the sets of facts."""
        return sum(map(len, self.expected)) / len(self.expected)


def make_workload(row_count: int) -> Workload:
    """The first `row_count` rows of the endless table, and the sets of facts, the same for all sizes."""
    rows = _draw_rows(row_count)
    source = random.Random(SEED)
    fact_sets = tuple({fact.name: _draw_value(source, fact) for fact in FACTS} for _ in range(FACT_SETS))
    return Workload(rows, fact_sets, tuple(matching_outputs(rows, facts) for facts in fact_sets))


def matching_outputs(rows: Sequence[Row], facts: FactSet) -> list[int]:
    """The outputs of all rows that match, in row order, read plainly: what every competitor must answer."""
    return [row.out for row in rows if all(holds(test, facts[name]) for name, test in row.tests.items())]


def holds(test: Test, value: Value) -> bool:
    """Return True if `value` passes `test`. Raises TypeError when the two are of different types."""
    match test, value:
        case Below(limit), int() | Decimal():
            return value < limit
        case AtLeast(limit), int() | Decimal():
            return value >= limit
        case Within(low, high), int() | Decimal():
            return low <= value <= high
        case OneOf(choices), str():
            return value in choices
        case Is(truth), bool():
            return value is truth
        case _:
            message = f"{test} cannot be asked of {value!r}"
            raise TypeError(message)


def _draw_rows(row_count: int) -> tuple[Row, ...]:
    source = random.Random(SEED + 1)
    rows = []
    for number in range(1, row_count + 1):
        tested_facts = source.sample(FACTS, source.choice((2, 3, 3, 4)))
        share = SHARE_MATCHING ** (1 / len(tested_facts))
        rows.append(Row(f"r{number}", {fact.name: _draw_test(source, fact, share) for fact in tested_facts}, number))
    return tuple(rows)


def _draw_test(source: random.Random, fact: Fact, share: float) -> Test:
    """A test of `fact` that about `share` of evenly spread values pass."""
    match fact.kind:
        case "boolean":
            return Is(source.random() < 0.5)
        case "choice":
            count = max(1, round(share * len(fact.of) + source.uniform(-0.5, 0.5)))
            chosen = source.sample(fact.of, count)
            return OneOf(tuple(choice for choice in fact.of if choice in chosen))
        case "integer" | "number" | "money":
            width = round(fact.top * share * source.uniform(0.8, 1.2))
            low = source.randint(1, fact.top - width)
            return source.choice(
                (
                    Below(_exact(fact, width)),
                    AtLeast(_exact(fact, fact.top - width)),
                    Within(_exact(fact, low), _exact(fact, low + width)),
                )
            )
        case _:
            assert_never(fact.kind)


def _draw_value(source: random.Random, fact: Fact) -> Value:
    match fact.kind:
        case "boolean":
            return source.random() < 0.5
        case "choice":
            return source.choice(fact.of)
        case "integer" | "number" | "money":
            return _exact(fact, source.randint(0, fact.top))
        case _:
            assert_never(fact.kind)


def _exact(fact: Fact, units: int) -> int | Decimal:
    return units if fact.kind == "integer" else Decimal(units).scaleb(-2)

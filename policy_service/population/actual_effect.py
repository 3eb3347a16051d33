"""Compares a change's signed effect with the actual movements since its first day.

    compare_effect(session, effect, until)     # the group lists of the day before it against those of the day `until`

Both sides count subjects by the values of an outcome, before and after. Actual movements include those with other
causes: facts change, too, and other changes take effect. Subjects without a decision since the first day are counted
separately, since the change cannot have affected them yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.approval.change import Change, ChangeState
from policy_service.approval.effect import Effect
from policy_service.approval.errors import OperationRejected
from policy_service.decisions.groups.model import DECIDED, Group, group_value
from policy_service.decisions.groups.movements import Movement, movements
from policy_service.decisions.groups.queries import count_not_decided, groups_of_subjects
from policy_service.decisions.groups.records import outcomes_on
from policy_service.language.previous import countable_outcomes
from policy_service.messages import Message
from policy_service.population.recorded_effect import takes_long
from policy_service.registry import policy_cache
from policy_service.spreadsheet import Cell, csv_bytes

NEW = "(new)"
"""The earlier value of subjects that a policy had not decided about."""
NOT_IN_FORCE = "(not_in_force)"
HEADINGS = ("policy", "outcome", "from", "to", "expected", "actual", "difference")


@dataclass(frozen=True, slots=True)
class CellComparison:
    """The expected and actual numbers of subjects with one value before and one after."""

    outcome: str
    before: str
    after: str
    expected: int
    actual: int

    @property
    def difference(self) -> int:
        """The actual minus the expected number."""
        return self.actual - self.expected


@dataclass(frozen=True, slots=True)
class MoneyComparison:
    """The expected and actual change of a sum of money."""

    outcome: str
    currency: str
    expected: Decimal
    actual: Decimal | None
    """None if there are too many records to add up at once."""

    @property
    def difference(self) -> Decimal | None:
        """The actual minus the expected change."""
        return None if self.actual is None else self.actual - self.expected


@dataclass(frozen=True, slots=True)
class PolicyComparison:
    """The expected and actual effect on one policy."""

    policy: str
    kind: str
    version: str
    digest: str
    """The digest of the version."""
    subjects: int
    """The number of subjects compared."""
    not_decided: int
    """The number of subjects without a decision since the first day."""
    cells: tuple[CellComparison, ...]
    money: tuple[MoneyComparison, ...]

    @property
    def expected_moved(self) -> int:
        """The expected number of changed values."""
        return sum(each.expected for each in self.cells if each.before != each.after)

    @property
    def actual_moved(self) -> int:
        """The actual number of changed values, of subjects decided about before."""
        return sum(each.actual for each in self.cells if each.before not in {each.after, NEW})


@dataclass(frozen=True, slots=True)
class EffectComparison:
    """The actual effect of a change until a day."""

    since: date
    """The first day of the change."""
    until: date
    policies: tuple[PolicyComparison, ...]
    unknown: tuple[str, ...]
    """The kinds of subjects that were not simulated, so without an expected effect."""

    @property
    def decided(self) -> int:
        """The number of answers that the change can have affected."""
        return sum(each.subjects - each.not_decided for each in self.policies)


def comparable_days(change: Change, now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last day until now on which a change was in force. Raises OperationRejected if none."""
    period = change.draft.effective
    if change.state is not ChangeState.SCHEDULED:
        raise OperationRejected(Message("The change is not in force, so nothing came of it."))
    first = period.start.astimezone(zone).date()
    if period.start > now:
        raise OperationRejected(
            Message("The change takes effect on {day}: nothing came of it yet.", day=first.isoformat())
        )
    last = now if period.until is None else min(now, period.until - timedelta.resolution)
    return first, last.astimezone(zone).date()


def compare_effect(session: Session, effect: Effect, until: date) -> EffectComparison:
    """Compare an effect with the actual one until a day, which is not before the first. Raises DamagedRecord."""
    since = date.fromisoformat(effect.document["bundle"]["day"])
    parts = effect.document["parts"]
    return EffectComparison(
        since,
        until,
        tuple(_compare(session, part, figures, since, until) for part in parts for figures in part.get("policies", ())),
        tuple(part["kind"] for part in parts if "problems" in part),
    )


def movement_groups(session: Session, policy: str, since: date, until: date) -> dict[str, str]:
    """Return the group of each subject on a day, with the earlier group if that was another before the first day."""
    before, after = (groups_of_subjects(session, policy, day) for day in (since - timedelta(days=1), until))
    groups = {}
    for subject, group in after.items():
        old = before[subject].name if subject in before else NEW
        groups[subject] = group.name if old == group.name else f"{old} → {group.name}"
    return groups


def to_csv(comparison: EffectComparison) -> bytes:
    """Return a comparison as CSV in UTF-8, one row per cell; rows of sums of money have no values."""
    return csv_bytes([HEADINGS, *_rows(comparison)])


def _rows(comparison: EffectComparison) -> Iterator[tuple[Cell, ...]]:
    for policy in comparison.policies:
        for each in policy.cells:
            words = (policy.policy, each.outcome, each.before, each.after)
            yield *words, each.expected, each.actual, each.difference
        for sum_ in policy.money:
            yield policy.policy, sum_.outcome, "", "", sum_.expected, sum_.actual, sum_.difference


def _compare(
    session: Session, part: Mapping[str, Any], figures: Mapping[str, Any], since: date, until: date
) -> PolicyComparison:
    name, before = figures["policy"], since - timedelta(days=1)
    digest = next(each["digest"] for each in part["bundle"]["after"] if each["id"] == name)
    head = policy_cache.load_head(session, digest)
    countable = countable_outcomes(head.outcomes, is_list=head.returns_list)
    named = dict.fromkeys(row["outcome"] for row in figures["matrix"])
    outcomes = [each for each in named if each not in head.outcomes or each in countable]
    matrix = movements(session, name, before, until)
    return PolicyComparison(
        policy=name,
        kind=part["kind"],
        version=figures["after"],
        digest=digest,
        subjects=sum(each.subjects for each in matrix),
        not_decided=count_not_decided(session, name, since, until),
        cells=tuple(cell for each in outcomes for cell in _cells(each, figures, matrix)),
        money=tuple(_money(session, part["kind"], name, row, before, until) for row in figures["money"]),
    )


def _cells(outcome: str, figures: Mapping[str, Any], matrix: list[Movement]) -> Iterator[CellComparison]:
    """Yield the cells of one outcome: the expected ones in order, then the others."""
    nowhere = NEW if figures["before"] else NOT_IN_FORCE
    expected = {(row["from"], row["to"]): row["subjects"] for row in figures["matrix"] if row["outcome"] == outcome}
    actual = Counter[tuple[str, str]]()
    for each in matrix:
        before = nowhere if each.before is None else _word(each.before, outcome)
        actual[before, _word(each.after, outcome)] += each.subjects
    for words in (*expected, *sorted(actual.keys() - expected.keys())):
        yield CellComparison(outcome, *words, expected.get(words, 0), actual[words])


def _word(group: Group, outcome: str) -> str:
    """Return the value of an outcome as a simulation names it; without a decision, the status in brackets."""
    if group.status != DECIDED:
        return f"({group.status})"
    values = group.values
    return group_value(values[outcome]) if outcome in values else "(none)"


def _money(  # noqa: PLR0913, PLR0917  # of whom, and when
    session: Session, kind: str, policy: str, row: Mapping[str, Any], before: date, until: date
) -> MoneyComparison:
    sums = None
    if not takes_long(session):
        sums = [
            sum((_amount(each, row["outcome"]) for each in outcomes_on(session, kind, policy, day)), Decimal(0))
            for day in (before, until)
        ]
    actual = None if sums is None else sums[1] - sums[0]
    return MoneyComparison(row["outcome"], row["currency"], Decimal(row["difference"]), actual)


def _amount(entry: Mapping[str, Any], outcome: str) -> Decimal:
    """Return the amount of a money outcome in an answer; for a list, the total."""
    decided = entry.get("outcome", ())
    values = [decided] if isinstance(decided, Mapping) else decided
    return sum((Decimal(str(each[outcome])) for each in values if each.get(outcome) is not None), Decimal(0))

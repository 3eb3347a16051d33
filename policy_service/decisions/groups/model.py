"""The outcome of a subject on each day, derived from its decisions.

    periods = ()
    for decision in decisions:                                     # in the order of the records
        periods = place(periods, decision, next_day)

On a day D a subject has the outcome of the record with the greatest `as_of` not after D; of several with that day, of
the one recorded last. So a decision for a past day changes the days from its own to the next day with a record, and no
later day. Adjacent days with the same assignment form one period.

| group         | value                                                                                          |
|---------------|------------------------------------------------------------------------------------------------|
| status        | `decided`, `no_rule_matched`, `missing_facts`, `conflict`, `suspended`                         |
| outcome       | of a decision: its choices and booleans, as canonical JSON; of a policy without them: nothing  |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from policy_service.canonical import to_canonical_json_unchecked
from policy_service.language.policy import Policy
from policy_service.language.previous import countable_outcomes

OPEN = date.max
"""The end of a period without one; later than the day of any decision."""
DECIDED = "decided"
MAX_CACHED = 10_000
"""Capacity of the cache of outcome texts."""


class Group(NamedTuple):
    """A group of a group list: the subjects with the same answer."""

    status: str
    outcome: str

    @property
    def values(self) -> dict[str, Any]:
        """The values of the outcome, by name."""
        values: dict[str, Any] = msgspec.json.decode(self.outcome) if self.outcome else {}
        return values

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its name: `tier:S` for each value; the status if it has no values."""
        return tuple(f"{name}:{group_value(value)}" for name, value in self.values.items()) or (self.status,)

    @property
    def name(self) -> str:
        """The name in the API: `tier:S`, `missing_facts`."""
        return ",".join(self.parts)

    def is_of(self, entry: Mapping[str, Any]) -> bool:
        """Return True if a policy's entry in `outcomes` may belong to this group, judged without its version."""
        outcome = entry.get("outcome", {}) if self.values else {}
        return entry["status"] == self.status and all(outcome[name] == value for name, value in self.values.items())

    def matches(self, name: str) -> bool:
        """Return True if the text is the group's name, or names some of its values."""
        return name == self.name or set(name.split(",")) <= set(self.parts)


def group_value(value: object) -> str:
    """Return a value of a group as it appears in the group's name."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Assignment(NamedTuple):
    """A policy's answer about a subject, reduced to what group lists show."""

    status: str
    outcome: str
    rule: str
    """The rule that gave it: the first of several, the band of a scorecard; empty if none."""
    override: str
    """The override that replaced the rules' answer; empty if none."""

    @property
    def group(self) -> Group:
        """The group to which it assigns the subject."""
        return Group(self.status, self.outcome)

    def is_of(self, entry: Mapping[str, Any]) -> bool:
        """Return True if a policy's entry in `outcomes` may be this assignment, judged without its version."""
        override = entry.get("overridden", _NONE)["override"]
        return self.group.is_of(entry) and self.override == override and self.rule in {"", *entry.get("rules", ())}


class Place(NamedTuple):
    """A subject and a policy."""

    subject: str
    kind: str
    policy: str


class PlacedDecision(NamedTuple):
    """The answer of one policy in one record."""

    place: Place
    day: date
    seq: int
    assignment: Assignment


class PreviousGroup(NamedTuple):
    """The group a subject came from, and the day since which it was in it."""

    entered: date
    group: Group


class Period(NamedTuple):
    """A subject's outcome from one day until before another; `newest`: its last day with a record, if it has no end."""

    since: date
    until: date
    entered: date
    assignment: Assignment
    newest: date | None = None
    previous: PreviousGroup | None = None


class AssignmentReader:
    """Reads assignments from entries of `outcomes`; knows which outcomes of a version are countable."""

    def __init__(self) -> None:
        self._versions: dict[str, tuple[tuple[str, ...], bool]] = {}
        self._outcomes: dict[tuple[object, ...], str] = {}

    def add_version(self, policy: Policy) -> None:
        """Register a version's declarations; its rules are not needed."""
        if policy.digest not in self._versions:
            self._versions[policy.digest] = (
                countable_outcomes(policy.outcomes, is_list=policy.returns_list),
                policy.form == "scorecard",
            )

    def load_missing(self, entries: Iterable[Mapping[str, Any]], load: Callable[[str], Policy]) -> None:
        """Register the versions that entries name and that are not known yet; `load` returns one by its digest."""
        for entry in entries:
            if entry["status"] == DECIDED and entry["digest"] not in self._versions:
                self.add_version(load(entry["digest"]))

    def read(self, entry: Mapping[str, Any]) -> Assignment:
        """Return the assignment of a policy's entry. Its version must be registered."""
        status: str = entry["status"]
        if status != DECIDED:
            return Assignment(status, "", "", "")
        names, is_scorecard = self._versions[entry["digest"]]
        rules = entry["rules"]
        rule = rules[-1 if is_scorecard else 0] if rules else ""
        override = entry.get("overridden", _NONE)["override"]
        return Assignment(status, self._outcome(names, entry["outcome"]), rule, override)

    def _outcome(self, names: tuple[str, ...], outcome: Any) -> str:  # noqa: ANN401  # an object, or a list of them
        if not names:
            return ""
        key = (names, *[outcome[name] for name in names])
        text = self._outcomes.get(key)
        if text is None:
            if len(self._outcomes) >= MAX_CACHED:
                self._outcomes.clear()
            text = to_canonical_json_unchecked({name: outcome[name] for name in names}).decode()
            self._outcomes[key] = text
        return text


_NONE = {"override": ""}


def place(periods: Sequence[Period], decision: PlacedDecision, next_day: Callable[[], date | None]) -> Sequence[Period]:
    """Return the periods after adding a decision, which must be the newest record.

    `periods` may omit those that ended before the day of the decision. `next_day` returns the next day with a record;
    it is called only if the decision changes the answer for a past day.
    """
    day, assignment = decision.day, decision.assignment
    if not periods:
        return [Period(day, OPEN, day, assignment, day)]
    newest = max(day, periods[-1].newest or day)
    position = next((index for index, each in enumerate(periods) if each.since <= day < each.until), None)
    if position is None:  # before the first
        return _joined([Period(day, periods[0].since, day, assignment), *periods], newest)
    current = periods[position]
    if current.assignment == assignment:
        return [*periods[:-1], periods[-1]._replace(newest=newest)]
    pieces = [current._replace(until=day)] if current.since < day else []
    following = next_day() if day < newest else None
    if following is None or following >= current.until:
        pieces.append(Period(day, current.until, day, assignment))
    else:
        pieces.append(Period(day, following, day, assignment))
        pieces.append(Period(following, current.until, following, current.assignment))
    return _joined([*periods[:position], *pieces, *periods[position + 1 :]], newest)


def periods_of(assignments: Mapping[date, Assignment]) -> list[Period]:
    """Return the periods that result from the assignment in force on each day with a record."""
    days = sorted(assignments)
    ends = zip(days, [*days[1:], OPEN], strict=False)
    return _joined([Period(day, end, day, assignments[day]) for day, end in ends], days[-1]) if days else []


def _joined(pieces: Iterable[Period], newest: date) -> list[Period]:
    """Return the pieces with adjacent equal assignments joined.

    Each period says when its group was entered, and from which group.
    """
    periods: list[Period] = []
    for piece in pieces:
        before = periods[-1] if periods else None
        if before is not None and before.assignment == piece.assignment:
            periods[-1] = before._replace(until=piece.until)
        elif before is not None and before.assignment.group == piece.assignment.group:
            periods.append(piece._replace(entered=before.entered, previous=before.previous, newest=None))
        elif before is not None:
            previous = PreviousGroup(before.entered, before.assignment.group)
            periods.append(piece._replace(entered=piece.since, previous=previous, newest=None))
        else:
            periods.append(piece._replace(newest=None))
    periods[-1] = periods[-1]._replace(newest=newest)
    return periods


class CountKey(NamedTuple):
    """The key of a count: the subjects of a kind that enter a group on a day; at OPEN, the current members."""

    policy: str
    day: date
    kind: str
    group: Group


def count_into(changes: Counter[CountKey], place: Place, periods: Sequence[Period], sign: int = 1) -> None:
    """Add to `changes` how the periods of a subject change group sizes; the group of the first period is entered."""
    for day, group, change in _steps(periods):
        changes[CountKey(place.policy, day, place.kind, group)] += sign * change


def _steps(periods: Sequence[Period]) -> Iterator[tuple[date, Group, int]]:
    if not periods:
        return
    yield periods[0].entered, periods[0].assignment.group, 1
    for before, after in pairwise(periods):
        if after.entered == after.since:
            yield after.since, before.assignment.group, -1
            yield after.since, after.assignment.group, 1
    yield OPEN, periods[-1].assignment.group, 1

"""Tier movements (R-GOV-6): the subjects that changed group between two days.

    movements(session, policy, date(2026, 10, 31), date(2026, 11, 30))   # how many from which group to which
    list_moves(session, criteria)                                       # who, and by which decision

The movements to and from each group add up to its sizes on both days. A subject without a decision on the first day
came from no group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from policy_service.decisions.groups.model import DECIDED, Group, Place
from policy_service.decisions.groups.queries import PAGE_SIZE, group_sizes, grouped_policies
from policy_service.decisions.groups.records import counting_records
from policy_service.decisions.groups.tables import OutcomePeriod
from policy_service.decisions.record import DecisionRecord
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType
from policy_service.paging import Order, Page, fetch, page_of
from policy_service.registry import policy_cache
from policy_service.registry.catalogue import Catalogue
from policy_service.subject import Subject

_BEFORE, _AFTER = (aliased(OutcomePeriod, name=name) for name in ("before", "after"))
NONE = "none"
"""The name of the missing group: that of subjects without a decision on the first day."""
MAX_WORDS = 1_000_000
"""The rank of a word that the choice no longer has."""
TIERING = "tiering"
"""The domain of policies that assign tiers."""
Tone = Literal["better", "worse", "same", "other"]
"""Whether a movement is good or bad for the subject."""
_BY_DAY = Order("entered", (col(_AFTER.entered), col(_AFTER.subject), col(_AFTER.kind)))


@dataclass(frozen=True, slots=True)
class Movement:
    """The number of subjects that moved between two groups, or stayed.

    `before` is None for subjects new since the first day.
    """

    before: Group | None
    after: Group
    subjects: int

    @property
    def id(self) -> str:
        """A key unique within the same policy and days."""
        return f"{self.before.name if self.before else NONE}>{self.after.name}"


@dataclass(frozen=True, slots=True)
class MoveFilter:
    """Filters of a list of moves: days, groups left and entered; None matches any."""

    policy: str
    since: date
    until: date
    before: Sequence[Group] | None = None
    after: Sequence[Group] | None = None
    is_new: bool = False
    """True for only those that came from no group."""


@dataclass(frozen=True, slots=True)
class Move:
    """One subject that moved, the day, and the decision that caused the last move."""

    subject: Subject
    before: Group | None
    after: Group
    day: date
    decision: DecisionRecord


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The movements of a group's subjects of the first day: unchanged, up, down, or sideways."""

    group: Group
    before: int
    after: int
    """The size on the second day."""
    stayed: int
    risen: int
    fallen: int

    @property
    def other(self) -> int:
        """The number that moved to a group that is neither better nor worse."""
        return self.before - self.stayed - self.risen - self.fallen

    @property
    def loss_rate(self) -> str | None:
        """The share that left the group, in per cent with one decimal; None if the group was empty."""
        return percentage(self.before - self.stayed, self.before)

    @property
    def upgrade_rate(self) -> str | None:
        """The share that moved up, in per cent with one decimal; None if the group was empty."""
        return percentage(self.risen, self.before)


def percentage(part: int, whole: int) -> str | None:
    """Return a share in per cent, rounded half up to one decimal: `12.5`; None if `whole` is 0."""
    if whole == 0:
        return None
    tenths = (2_000 * part + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10}"


def movements(session: Session, policy: str, since: date, until: date) -> list[Movement]:
    """Count subjects by their groups on a first day and on a second, which is not before it.

    Only moves between groups are counted. Those who stayed, and those new, follow from the sizes on both days.
    """
    sizes: dict[date, Counter[Group]] = {since: Counter(), until: Counter()}
    for day, its in sizes.items():
        for size in group_sizes(session, [policy], day):
            its[size.group] += size.subjects
    counts: Counter[tuple[Group | None, Group]] = Counter()
    if sizes[since]:
        moved = _Moved(MoveFilter(policy, since, until))
        columns: tuple[Any, ...] = (*moved.before, _AFTER.status, _AFTER.outcome)
        query = moved.query(*columns, func.count()).where(moved.before[0].is_not(None)).group_by(*columns)
        for status, outcome, new_status, new_outcome, subjects in session.connection().execute(query):
            counts[Group(status, outcome), Group(new_status, new_outcome)] = subjects
    staying, coming = sizes[since].copy(), sizes[until].copy()
    for (before, after), subjects in counts.items():
        staying[cast("Group", before)] -= subjects
        coming[after] -= subjects
    counts.update({(group, group): subjects for group, subjects in staying.items()})
    counts.update({(None, group): subjects - staying[group] for group, subjects in coming.items()})
    matrix = [Movement(before, after, subjects) for (before, after), subjects in counts.items() if subjects]
    return sorted(matrix, key=lambda each: (each.before or Group("", ""), each.after))


def page_of_movements(matrix: Sequence[Movement], cursor: str | None, limit: int) -> Page[Movement]:
    """Return a page of the cells of a matrix, in the order of their groups. Raises InvalidCursor."""
    nowhere = Group("", "")
    return page_of(
        matrix, "movements", lambda each: (*(each.before or nowhere), *each.after), cursor=cursor, limit=limit
    )


def rates(matrix: Sequence[Movement], head: Policy) -> list[GroupRates]:
    """Return the movements of each group; `head` declares which outcomes are better."""
    ranks = GroupRanks(head)
    groups = {group for each in matrix for group in (each.before, each.after) if group is not None}
    found = []
    for group in sorted(groups, key=ranks.sort_key):
        own = [each for each in matrix if each.before == group]
        found.append(
            GroupRates(
                group,
                before=sum(each.subjects for each in own),
                after=sum(each.subjects for each in matrix if each.after == group),
                stayed=sum(each.subjects for each in own if each.after == group),
                risen=sum(each.subjects for each in own if ranks.is_better(each.after, group)),
                fallen=sum(each.subjects for each in own if ranks.is_better(group, each.after)),
            )
        )
    return found


class GroupRanks:
    """The rank of each group of a policy, by the first ordered choice."""

    def __init__(self, head: Policy) -> None:
        """`head` declares the outcomes."""
        self._words: dict[str, dict[str, int]] = {}
        self._ordered: str | None = None
        for name, outcome in head.outcomes.items():
            if isinstance(outcome.type, ChoiceType):
                words = outcome.type.of if outcome.type.ordered != "worst-first" else tuple(reversed(outcome.type.of))
                self._words[name] = {word: rank for rank, word in enumerate(words)}
                if outcome.type.ordered and self._ordered is None:
                    self._ordered = name

    @property
    def are_ordered(self) -> bool:
        """True if a choice of the policy is ordered."""
        return self._ordered is not None

    def is_better(self, one: Group, other: Group) -> bool:
        """Return True if both have an ordered value, and the value of `one` is better."""
        ranks = [self._rank(each) for each in (one, other)]
        return ranks[0] is not None and ranks[1] is not None and ranks[0] < ranks[1]

    def tone(self, before: Group | None, after: Group) -> Tone:
        """Return whether moving from one group to another is good or bad for the subject."""
        if before == after:
            return "same"
        if before is None or not self.are_ordered:
            return "other"
        if self.is_better(after, before):
            return "better"
        return "worse" if self.is_better(before, after) else "other"

    def _rank(self, group: Group) -> int | None:
        if self._ordered is None or group.status != DECIDED:
            return None
        return self._words[self._ordered].get(str(group.values.get(self._ordered)))

    def sort_key(self, group: Group) -> tuple[Any, ...]:
        """Return the sort key of a group: decided ones first, by the declared order of their choices."""
        places = [self._words.get(name, {}).get(str(value), MAX_WORDS) for name, value in group.values.items()]
        return (group.status != DECIDED, places, group)


def declaring_head(session: Session, catalogue: Catalogue, policy: str, now: datetime) -> Policy:
    """Return the version that declares which outcomes are better: the one in force, else the newest.

    Raises UnknownPolicy.
    """
    snapshot = catalogue.snapshot(session)
    newest, active = snapshot.versions_of(policy)[0], snapshot.active(policy, now)
    return policy_cache.load_head(session, active[1].digest if active else newest.digest)


def grouped_heads(session: Session, catalogue: Catalogue, now: datetime) -> dict[str, Policy]:
    """Return the declaring heads of the policies with decisions.

    Tiering policies come first, among them those with ordered tiers, then those with most subjects.
    """

    def place(head: Policy) -> tuple[bool, bool]:
        return head.domain != TIERING, not GroupRanks(head).are_ordered

    heads = (declaring_head(session, catalogue, name, now) for name in grouped_policies(session))
    return {head.id: head for head in sorted(heads, key=place)}


def list_moves(
    session: Session, criteria: MoveFilter, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Move]:
    """Return the subjects that moved, by the day of the move, then by identifier."""
    if criteria.before is not None and not _had_any(session, criteria.policy, criteria.since, criteria.before):
        return Page(())
    moved = _Moved(criteria)
    columns = (_AFTER.subject, _AFTER.kind, _AFTER.entered, *moved.before, _AFTER.status, _AFTER.outcome)
    page = fetch(session, moved.query(*columns), _BY_DAY, lambda *row: row, after=cursor, limit=limit)
    causes = [(Place(subject, kind, criteria.policy), day) for subject, kind, day, *_ in page.items]
    records = counting_records(session, causes)
    moves = []
    for (subject, kind, day, status, outcome, *after), cause in zip(page.items, causes, strict=True):
        group, record = Group(*after), records[cause]
        with reading_row("outcome_period", subject, criteria.policy):
            if not group.is_of(record.outcomes[criteria.policy]):
                raise DamagedRecord("outcome_period", f"{subject} {criteria.policy}")
        before = None if status is None else Group(status, outcome)
        moves.append(Move(Subject(subject, kind), before, group, day, record))
    return Page(tuple(moves), page.next_cursor)


def _had_any(session: Session, policy: str, day: date, groups: Sequence[Group]) -> bool:
    """Return True if one of the groups had a subject on a day."""
    return any(each.group in groups for each in group_sizes(session, [policy], day))


class _Moved:
    """Selects the subjects that had another group, or none, on the first day.

    Most moved once between the days: the row of the group they entered names the group they left, and an index covers
    it. For the others the period of the first day is looked up.
    """

    def __init__(self, criteria: MoveFilter) -> None:
        self.criteria = criteria
        is_single = col(_AFTER.previous_entered) <= criteria.since
        self.before = tuple(
            case((is_single, getattr(_AFTER, f"previous_{name}")), else_=getattr(_BEFORE, name)).label(f"left_{name}")
            for name in ("status", "outcome")
        )
        """The group on the first day; null if none."""

    def query(self, *columns: Any) -> Select[Any]:  # noqa: ANN401  # SQLAlchemy's
        """Select columns of these subjects."""
        criteria, (status, outcome) = self.criteria, self.before
        is_other = or_(status.is_(None), status != _AFTER.status, outcome != _AFTER.outcome)
        query = (
            select(*columns)
            .select_from(_AFTER)
            .join(_BEFORE, self._is_before(), isouter=True)
            .where(col(_AFTER.policy) == criteria.policy)
            .where(col(_AFTER.entered) > criteria.since, col(_AFTER.entered) <= criteria.until)
            .where(col(_AFTER.since) <= criteria.until, col(_AFTER.until) > criteria.until, is_other)
        )
        if criteria.before is not None:
            query = query.where(_in(self.before, criteria.before))
        if criteria.after is not None:
            query = query.where(_in((col(_AFTER.status), col(_AFTER.outcome)), criteria.after))
        return query.where(status.is_(None)) if criteria.is_new else query

    def _is_before(self) -> ColumnElement[bool]:
        first_day = self.criteria.since
        is_multiple = col(_AFTER.previous_entered) > first_day
        return and_(
            col(_BEFORE.subject) == case((is_multiple, _AFTER.subject)),  # nothing is looked up of the others
            col(_BEFORE.kind) == _AFTER.kind,
            col(_BEFORE.policy) == _AFTER.policy,
            col(_BEFORE.since) <= first_day,
            col(_BEFORE.until) > first_day,
        )


def _in(row: Sequence[Any], groups: Sequence[Group]) -> ColumnElement[bool]:
    return or_(false(), *[and_(row[0] == each.status, row[1] == each.outcome) for each in groups])

"""Tier movements (R-GOV-6): which subjects were in another group on one day than on another.

    movements(session, policy, date(2026, 10, 31), date(2026, 11, 30))   # how many from which group to which
    list_moves(session, criteria)                                       # who, and by which decision

The movements to each group, and those from it, add up with its sizes on both days. A subject without any decision on
the first day came from no group.
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
"""The name of no group, from which those come that were not decided about before."""
MAX_WORDS = 1_000_000
"""The place of a word that the choice has no longer."""
TIERING = "tiering"
"""The domain of the policies that give tiers."""
Tone = Literal["better", "worse", "same", "other"]
"""What a movement means to a subject."""
_BY_DAY = Order("entered", (col(_AFTER.entered), col(_AFTER.subject), col(_AFTER.kind)))


@dataclass(frozen=True, slots=True)
class Movement:
    """The count of subjects that moved between two groups, or stayed; `before` is None for the first decided since."""

    before: Group | None
    after: Group
    subjects: int

    @property
    def id(self) -> str:
        """Its key among the others of the same policy and days."""
        return f"{self.before.name if self.before else NONE}>{self.after.name}"


@dataclass(frozen=True, slots=True)
class MoveFilter:
    """Whose moves to list: between two days, from and to some groups; None does not matter."""

    policy: str
    since: date
    until: date
    before: Sequence[Group] | None = None
    after: Sequence[Group] | None = None
    is_new: bool = False
    """Only those that came from no group."""


@dataclass(frozen=True, slots=True)
class Move:
    """One subject that moved, on which day, and the decision that moved it last."""

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
    """How many it has on the second day."""
    stayed: int
    risen: int
    fallen: int

    @property
    def other(self) -> int:
        """Those that moved to a group that is neither better nor worse."""
        return self.before - self.stayed - self.risen - self.fallen

    @property
    def loss_rate(self) -> str | None:
        """The share that the group lost, in per cent with one decimal; None of nobody."""
        return percentage(self.before - self.stayed, self.before)

    @property
    def upgrade_rate(self) -> str | None:
        """The share that rose, in per cent with one decimal; None of nobody."""
        return percentage(self.risen, self.before)


def percentage(part: int, whole: int) -> str | None:
    """Return a share in per cent, rounded half up to one decimal: `12.5`; None of nothing."""
    if whole == 0:
        return None
    tenths = (2_000 * part + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10}"


def movements(session: Session, policy: str, since: date, until: date) -> list[Movement]:
    """Return the counts of subjects by their group on a first day and on a second, which is not before it.

    Those that moved from a group are counted; who stayed, and who came from none, follows from the sizes of both days.
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
    """Return the movements of each group; `head` declares which outcome is the better one."""
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
        """Return True if both have a word that is ordered, and the one's is better."""
        ranks = [self._rank(each) for each in (one, other)]
        return ranks[0] is not None and ranks[1] is not None and ranks[0] < ranks[1]

    def tone(self, before: Group | None, after: Group) -> Tone:
        """What it means to go from one group to another."""
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
        """The place of a group in lists: decided ones first, by the words of their choices as they are declared."""
        places = [self._words.get(name, {}).get(str(value), MAX_WORDS) for name, value in group.values.items()]
        return (group.status != DECIDED, places, group)


def declaring_head(session: Session, catalogue: Catalogue, policy: str, now: datetime) -> Policy:
    """Return the version that says which outcomes are better: the one in force, else the newest.

    Raises UnknownPolicy.
    """
    snapshot = catalogue.snapshot(session)
    newest, active = snapshot.versions_of(policy)[0], snapshot.active(policy, now)
    return policy_cache.load_head(session, active[1].digest if active else newest.digest)


def grouped_heads(session: Session, catalogue: Catalogue, now: datetime) -> dict[str, Policy]:
    """Return the declaring heads of the policies that decided about anybody.

    Tiering comes first, and there ordered tiers, and among these what decided about most.
    """

    def place(head: Policy) -> tuple[bool, bool]:
        return head.domain != TIERING, not GroupRanks(head).are_ordered

    heads = (declaring_head(session, catalogue, name, now) for name in grouped_policies(session))
    return {head.id: head for head in sorted(heads, key=place)}


def list_moves(
    session: Session, criteria: MoveFilter, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Move]:
    """Return the subjects that moved, by the day they did, then by identifier.

    Raises InvalidCursor, DamagedRecord, KeyUnavailable.
    """
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
    """Return True if one of some groups had a subject on a day."""
    return any(each.group in groups for each in group_sizes(session, [policy], day))


class _Moved:
    """Selects the subjects that had another group, or none, on the first day.

    Most moved once between the days: the group they left is in the row of the one they entered, and an index has all
    of it. Of the others the period of the first day is looked up.
    """

    def __init__(self, criteria: MoveFilter) -> None:
        self.criteria = criteria
        is_single = col(_AFTER.previous_entered) <= criteria.since
        self.before = tuple(
            case((is_single, getattr(_AFTER, f"previous_{name}")), else_=getattr(_BEFORE, name)).label(f"left_{name}")
            for name in ("status", "outcome")
        )
        """The group of the first day, null of none."""

    def query(self, *columns: Any) -> Select[Any]:  # noqa: ANN401  # SQLAlchemy's
        """Select columns of them."""
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

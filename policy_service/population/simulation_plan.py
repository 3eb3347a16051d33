"""The plan of both sides of a simulation: the policies in evaluation order, and the columns of their facts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from policy_service.language.policy import Language, Policy
from policy_service.language.requirements import bind_figures, required_policies, topological_order
from policy_service.language.types import NumberType
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.population.plan import Plan, make_plan
from policy_service.population.source import RowSource, open_source


@dataclass(frozen=True)
class SimulationRequest:
    """The parameters of a simulation."""

    population: Path | None
    """A file; None if `source` opens the rows."""
    policies: Sequence[Policy]
    """The policies in force, one version of each."""
    candidates: Sequence[Policy]
    requested: Sequence[str] | None
    """The policies to compare; None for the candidates and their dependents."""
    as_of: datetime.date
    start: datetime.date | None
    """The day from which the candidates are in force; None for the day `as_of`."""
    mapping: ColumnMapping
    output: Path | None = None
    """A CSV file for all moving subjects."""
    lang: Language = "en"
    source: Callable[[], AbstractContextManager[RowSource]] | None = None
    """Opens rows that are no file."""
    is_strict: bool = False
    """True if a rejected row rejects the whole population."""

    @contextmanager
    def open_rows(self) -> Iterator[RowSource]:
        """Open the rows. Raises PopulationRejected, OSError."""
        if self.source is not None:
            with self.source() as source:
                yield source
        elif self.population is None:
            raise ValueError("a simulation needs a file, or what opens its rows")
        else:
            yield open_source(self.population, self.mapping)


def check_candidates(request: SimulationRequest) -> None:
    """Reject candidates that change nothing. Raises PopulationRejected."""
    in_force = {policy.id: policy for policy in request.policies}
    ids = [policy.id for policy in request.candidates]
    problems = [f"{name}: there are several candidates" for name in dict.fromkeys(ids) if ids.count(name) > 1]
    for each in request.candidates:
        if (old := in_force.get(each.id)) is not None and old.digest == each.digest:
            problems.append(f"{each.id} {each.version} is what is in force: a candidate is another version")
        for name, outcome in each.outcomes.items():
            before = old.outcomes[name].type if old is not None and name in old.outcomes else outcome.type
            if _unit(before) != _unit(outcome.type):
                problems.append(f"{each.id}: `{name}` has another currency, or other decimals, than in force")
    if len({policy.subject for policy in request.candidates}) > 1:
        problems.append("the candidates are about several kinds of subjects: simulate each kind by itself")
    if problems:
        raise PopulationRejected(problems)


def _unit(kind: object) -> object:
    return (kind.scale, kind.currency) if isinstance(kind, NumberType) else None


@dataclass(frozen=True)
class Plans:
    """The plans of both sides, over the same columns."""

    before: Plan
    after: Plan
    """The plan with the candidates in force, whatever the day."""
    compared: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]


def make_plans(request: SimulationRequest, source: RowSource) -> Plans:
    """Match both sides with the columns of a file. Raises PopulationRejected, PolicyError."""
    in_force = {policy.id: policy for policy in bind_figures(request.policies)}
    proposed = {policy.id: policy for policy in (*request.policies, *request.candidates)}
    target = {policy.id: policy for policy in topological_order(bind_figures(proposed.values()))}
    changed = {policy.id for policy in request.candidates}
    kind = request.candidates[0].subject
    affected = _closure(changed, lambda each: {p.id for p in target.values() if each in required_policies(p)})
    headings, mapping = source.headings, request.mapping
    try:
        offered = make_plan(headings, mapping, tuple(target.values()), None, kind)
        available, left_out = {policy.id for policy in offered.policies}, offered.left_out
    except PopulationRejected:
        available, left_out = set(), {}
    wanted = set(request.requested) if request.requested is not None else changed | (affected & available)
    needed = _closure(wanted, lambda each: required_policies(target[each]) & available if each in target else set())
    names = sorted(wanted | needed | changed)
    after = make_plan(headings, mapping, tuple(target.values()), names, kind)
    before = make_plan(headings, mapping, tuple(in_force.values()), [name for name in names if name in in_force], kind)
    both = {(each.name, each.type): each for plan in (before, after) for each in plan.columns}
    _check_currencies(both)
    sensitive = {each.name for plan in (before, after) for each in plan.columns if each.sensitive}
    columns = tuple(
        replace(each, column=f"f{index}", sensitive=each.name in sensitive) for index, each in enumerate(both.values())
    )
    compared = tuple(policy.id for policy in after.policies if policy.id in wanted)
    lacking = {name: facts for name, facts in left_out.items() if name in affected and name not in names}
    return Plans(replace(before, columns=columns), replace(after, columns=columns), compared, lacking)


def _check_currencies(columns: Collection[tuple[str, object]]) -> None:
    """Reject a column that would have two currencies. Raises PopulationRejected."""
    currencies: dict[str, set[str]] = {}
    for name, kind in columns:
        if isinstance(kind, NumberType) and kind.currency:
            currencies.setdefault(name, set()).add(kind.currency)
    problems = [
        f"the column of `{name}` would be in {' and in '.join(sorted(found))}: a column has one currency"
        for name, found in currencies.items()
        if len(found) > 1
    ]
    if problems:
        raise PopulationRejected(problems)


def _closure(names: set[str], neighbours: Callable[[str], Collection[str]]) -> set[str]:
    found = list(names)
    for each in found:
        found += sorted(set(neighbours(each)) - set(found))
    return set(found)

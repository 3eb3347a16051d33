"""The plan of a run: the policies in evaluation order, and the column of each fact.

A fact that policies declare with different types is parsed once per type, as in a single decision.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from dataclasses import dataclass

from policy_service.decisions.masking import sensitive_facts
from policy_service.language.benchmark_set import BenchmarkSet, Figure
from policy_service.language.diagnostics import did_you_mean
from policy_service.language.policy import Fact, Policy
from policy_service.language.requirements import required_policies, topological_order
from policy_service.language.types import Type
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A fact parsed as one type."""

    name: str
    type: Type
    column: str
    """The column in a query."""
    position: int | None
    """The column of the file; None for a constant, and for a fact that the file lacks."""
    sensitive: bool
    figures: FigureColumn | None = None
    """The source of its values if a benchmark set supplies them."""


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """A column filled from a benchmark set, by each subject's group."""

    figure: Figure
    measure: str
    """The measure as the policy writes it."""
    groups: tuple[str, ...]
    """The columns of the facts that determine the group."""
    replaceable: bool


@dataclass(frozen=True)
class Plan:
    """The policies of a run, each after those it needs, and the columns of their facts."""

    policies: tuple[Policy, ...]
    columns: tuple[FactColumn, ...]
    subject: int
    """The column of the file with the subjects' identifiers."""
    left_out: ReadOnly[str, tuple[str, ...]]
    """The policies, not requested by name, that lack columns, with these columns."""
    benchmark_set: BenchmarkSet | None = None
    """The set that fills benchmark facts."""

    def columns_of(self, policy: Policy) -> dict[str, str]:
        """Return the query's column of each fact of a policy."""
        columns = {
            (each.name, each.type, each.figures.measure if each.figures else None): each.column for each in self.columns
        }
        return {name: columns[_identity(policy, fact, self.benchmark_set)] for name, fact in policy.facts.items()}


Identity = tuple[str, Type, str | None]
"""The name and the type of a fact, and the measure by which it is filled, or None."""


def _identity(policy: Policy, fact: Fact, benchmark_set: BenchmarkSet | None) -> Identity:
    is_filled = benchmark_set is not None and benchmark_set.figure_for(policy, fact) is not None
    return fact.name, fact.type, fact.measure if is_filled else None


def make_plan(  # noqa: PLR0913, PLR0917  # what a run is asked
    headings: Sequence[str],
    mapping: Mapping,
    policies: Sequence[Policy],
    requested: Sequence[str] | None,
    kind: str,
    benchmark_set: BenchmarkSet | None = None,
) -> Plan:
    """Match the columns of a file with the facts of policies. Raises PopulationRejected with every problem.

    Without `requested`, the plan has the policies about subjects of the `kind` whose facts the file, or the set,
    supplies.
    """
    ordered = topological_order(policies)
    by_id = {policy.id: policy for policy in ordered}
    positions = {heading: index for index, heading in enumerate(headings)}
    problems = mapping_problems(headings, mapping, ordered)
    problems += subject_problem(headings, mapping)
    if requested is None:
        chosen, left_out = _available(ordered, positions, mapping, kind, benchmark_set)
        if not chosen and not problems:
            reasons = "; ".join(f"{name} lacks {', '.join(facts)}" for name, facts in left_out.items())
            problems.append(f"the columns are enough for no policy about a {kind}: {reasons}")
    else:
        chosen, left_out = [], {}
        for name in dict.fromkeys(requested):
            if name not in by_id:
                hint = did_you_mean(name, by_id)
                problems.append(f"no policy `{name}`" + (f", {hint}" if hint else ""))
                continue
            chosen.append(by_id[name])
        given = {policy.id for policy in chosen}
        for policy in chosen:
            if lacking := _lacking(policy, positions, mapping, given, benchmark_set):
                names = ", ".join(f"`{heading_of(fact, mapping)}`" for fact in lacking)
                problems.append(f"{policy.id} needs the columns {names}")
    if problems:
        raise PopulationRejected(problems)
    running = tuple(policy for policy in ordered if policy in chosen)
    return Plan(
        running,
        _columns(running, positions, mapping, benchmark_set),
        positions[mapping.subject],
        left_out,
        benchmark_set,
    )


def _columns(
    policies: Sequence[Policy], positions: ReadOnly[str, int], mapping: Mapping, benchmark_set: BenchmarkSet | None
) -> tuple[FactColumn, ...]:
    """Return the columns of all facts of policies, each once."""
    facts: dict[Identity, tuple[Policy, Fact]] = {}
    for policy in policies:
        for fact in policy.facts.values():
            facts.setdefault(_identity(policy, fact, benchmark_set), (policy, fact))
    names = {identity: f"f{index}" for index, identity in enumerate(facts)}
    sensitive = sensitive_facts(policies)

    def figures(policy: Policy, fact: Fact) -> FigureColumn | None:
        figure = benchmark_set.figure_for(policy, fact) if benchmark_set is not None else None
        if figure is None or fact.measure is None:
            return None
        groups = tuple(names[_identity(policy, policy.facts[each], benchmark_set)] for each in figure.measure.groups)
        return FigureColumn(figure, fact.measure, groups, fact.replaceable)

    return tuple(
        FactColumn(
            fact.name,
            fact.type,
            names[identity],
            positions.get(heading_of(fact.name, mapping)),
            fact.name in sensitive,
            figures(policy, fact),
        )
        for identity, (policy, fact) in facts.items()
    )


def heading_of(fact: str, mapping: Mapping) -> str:
    """Return the heading of the column that has a fact."""
    return mapping.columns.get(fact, fact)


def _lacking(
    policy: Policy,
    positions: ReadOnly[str, int],
    mapping: Mapping,
    given: set[str],
    benchmark_set: BenchmarkSet | None,
) -> tuple[str, ...]:
    """Return the facts of the policy that no source supplies."""
    return tuple(
        name
        for name, fact in policy.facts.items()
        if not fact.optional
        and not (fact.requirement and fact.requirement.policy in given)
        and _identity(policy, fact, benchmark_set)[-1] is None
        and name not in mapping.constants
        and heading_of(name, mapping) not in positions
    )


def _available(
    ordered: Sequence[Policy],
    positions: ReadOnly[str, int],
    mapping: Mapping,
    kind: str,
    benchmark_set: BenchmarkSet | None,
) -> tuple[list[Policy], dict[str, tuple[str, ...]]]:
    """Return the policies about the kind that lack nothing, and what the others lack."""
    chosen: list[Policy] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for policy in ordered:
        if policy.subject == kind:
            lacking = _lacking(policy, positions, mapping, {each.id for each in chosen}, benchmark_set)
            given = set(positions) | set(mapping.constants)
            touched = any(heading_of(name, mapping) in given for name in policy.facts) or required_policies(policy)
            if lacking or not touched:
                left_out[policy.id] = lacking or tuple(policy.facts)
            else:
                chosen.append(policy)
    return chosen, left_out


def subject_problem(headings: Sequence[str], mapping: Mapping) -> list[str]:
    """Return the problem that no column has the subjects' identifiers, if so."""
    if mapping.subject in headings:
        return []
    hint = did_you_mean(mapping.subject, headings)
    return [f"no column `{mapping.subject}`, which names the subjects" + (f"; {hint}" if hint else "")]


def mapping_problems(headings: Sequence[str], mapping: Mapping, policies: Sequence[Policy]) -> list[str]:
    """Return the unknown names in the mapping."""
    known = {name for policy in policies for name in policy.facts}
    problems = []
    for part, names in (("columns", mapping.columns), ("constants", mapping.constants), ("words", mapping.words)):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                problems.append(f"mapping, {part}: no policy has a fact `{name}`" + (f"; {hint}" if hint else ""))
    return problems + missing_columns(headings, mapping)


def missing_columns(headings: Sequence[str], mapping: Mapping) -> list[str]:
    """Return the columns in the mapping that the file lacks, or that are constants."""
    problems = []
    for name, heading in mapping.columns.items():
        if heading not in headings:
            hint = did_you_mean(heading, headings)
            problems.append(f"mapping, columns, {name}: no column `{heading}`" + (f"; {hint}" if hint else ""))
        if name in mapping.constants:
            problems.append(f"mapping: `{name}` is a column and a constant")
    return problems

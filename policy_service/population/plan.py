"""What a run asks of a population: which policies, in which order, and which column is which fact.

A fact that two policies declare with different types is read once for each type, as a single decision does.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from dataclasses import dataclass

from policy_service.decisions.masking import sensitive_facts
from policy_service.language.diagnostics import did_you_mean
from policy_service.language.policy import Policy
from policy_service.language.requirements import required_policies, topological_order
from policy_service.language.types import Type
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A fact as one type reads it."""

    name: str
    type: Type
    column: str
    """The column in a query."""
    position: int | None
    """The column of the file; None for a constant, and for a fact that the file does not give."""
    sensitive: bool


@dataclass(frozen=True)
class Plan:
    """The policies of a run, those first that others need, and the columns of their facts."""

    policies: tuple[Policy, ...]
    columns: tuple[FactColumn, ...]
    subject: int
    """The column of the file that names the subjects."""
    left_out: ReadOnly[str, tuple[str, ...]]
    """The policies that were not asked for by name and lack columns, with those that they lack."""

    def columns_of(self, policy: Policy) -> dict[str, str]:
        """The query's column of each fact of a policy."""
        by_fact = {(each.name, each.type): each.column for each in self.columns}
        return {name: by_fact[name, fact.type] for name, fact in policy.facts.items()}


def make_plan(
    headings: Sequence[str], mapping: Mapping, policies: Sequence[Policy], requested: Sequence[str] | None, kind: str
) -> Plan:
    """Match the columns of a file with the facts of policies. Raises PopulationRejected with every problem.

    Without `requested` the policies about subjects of the `kind` are run whose facts the file gives.
    """
    ordered = topological_order(policies)
    by_id = {policy.id: policy for policy in ordered}
    positions = {heading: index for index, heading in enumerate(headings)}
    problems = _mapping_problems(headings, mapping, ordered)
    if mapping.subject not in positions:
        hint = did_you_mean(mapping.subject, headings)
        problems.append(f"no column `{mapping.subject}`, which names the subjects" + (f"; {hint}" if hint else ""))
    if requested is None:
        chosen, left_out = _available(ordered, positions, mapping, kind)
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
            if lacking := _lacking(policy, positions, mapping, given):
                names = ", ".join(f"`{_heading(fact, mapping)}`" for fact in lacking)
                problems.append(f"{policy.id} needs the columns {names}")
    if problems:
        raise PopulationRejected(problems)
    running = tuple(policy for policy in ordered if policy in chosen)
    facts = dict.fromkeys((name, fact.type) for policy in running for name, fact in policy.facts.items())
    sensitive = sensitive_facts(running)
    columns = tuple(
        FactColumn(name, kind_, f"f{index}", positions.get(_heading(name, mapping)), name in sensitive)
        for index, (name, kind_) in enumerate(facts)
    )
    return Plan(running, columns, positions[mapping.subject], left_out)


def _heading(fact: str, mapping: Mapping) -> str:
    return mapping.columns.get(fact, fact)


def _lacking(policy: Policy, positions: ReadOnly[str, int], mapping: Mapping, given: set[str]) -> tuple[str, ...]:
    """The facts of the policy that nothing gives."""
    return tuple(
        name
        for name, fact in policy.facts.items()
        if not fact.optional
        and not (fact.requirement and fact.requirement.policy in given)
        and name not in mapping.constants
        and _heading(name, mapping) not in positions
    )


def _available(
    ordered: Sequence[Policy], positions: ReadOnly[str, int], mapping: Mapping, kind: str
) -> tuple[list[Policy], dict[str, tuple[str, ...]]]:
    """The policies about the kind that nothing is lacking for, and what the others lack."""
    chosen: list[Policy] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for policy in ordered:
        if policy.subject == kind:
            lacking = _lacking(policy, positions, mapping, {each.id for each in chosen})
            given = set(positions) | set(mapping.constants)
            touched = any(_heading(name, mapping) in given for name in policy.facts) or required_policies(policy)
            if lacking or not touched:
                left_out[policy.id] = lacking or tuple(policy.facts)
            else:
                chosen.append(policy)
    return chosen, left_out


def _mapping_problems(headings: Sequence[str], mapping: Mapping, policies: Sequence[Policy]) -> list[str]:
    """What the mapping names that is not there."""
    known = {name for policy in policies for name in policy.facts}
    problems = []
    for part, names in (("columns", mapping.columns), ("constants", mapping.constants), ("words", mapping.words)):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                problems.append(f"mapping, {part}: no policy has a fact `{name}`" + (f"; {hint}" if hint else ""))
    for name, heading in mapping.columns.items():
        if heading not in headings:
            hint = did_you_mean(heading, headings)
            problems.append(f"mapping, columns, {name}: no column `{heading}`" + (f"; {hint}" if hint else ""))
        if name in mapping.constants:
            problems.append(f"mapping: `{name}` is a column and a constant")
    return problems

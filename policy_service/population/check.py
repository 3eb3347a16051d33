"""Checks answers with the reference evaluator: on rows of the population, and on rows at the edges of the policies.

An edge is a number in a policy, or one unit less or more, within the population's bounds, for which the query's integer
widths were proved.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa

from policy_service.compilers.columnar.layout import Cell, column_type, from_cell, to_cell
from policy_service.compilers.columnar.widths import Interval
from policy_service.language.core import All, Formula, Threshold
from policy_service.language.core import Any as AnyOf
from policy_service.language.evaluate import evaluate
from policy_service.language.lower import lower
from policy_service.language.policy import Policy
from policy_service.language.types import BooleanType, ChoiceType, TagsType, TextType, Type
from policy_service.population.cells import ARROW
from policy_service.population.errors import RunFailed
from policy_service.population.plan import Plan
from policy_service.population.population import ROW, SUBJECT
from policy_service.population.stages import PolicyStage, Stages

EDGE_ROWS = 500
MAX_EDGES = 200
"""Maximum number of edge values per fact."""


def check_rows(decided: pa.Table, stages: Stages, as_of: datetime.date) -> int:
    """Evaluate the rows of a table again, each stage by the reference evaluator.

    Returns the number of answers compared.
    """
    compared = 0
    for row in decided.to_pylist():
        for stage in stages.stages:
            if stage.refused is not None and row[stage.refused]:
                continue
            _compare(row, stage, as_of)
            compared += 1
    return compared


def _compare(row: Mapping[str, Any], stage: PolicyStage, as_of: datetime.date) -> None:
    policy = stage.policy
    cells = {name: row[column] for name, column in stage.facts.items()}
    facts = {name: from_cell(policy.facts[name].type, cell) for name, cell in cells.items() if cell is not None}
    missing = tuple(name for name, fact in policy.facts.items() if not fact.optional and name not in facts)
    wanted, found = evaluate(policy, facts, as_of), stage.answer.read(row, missing)
    if wanted != found:
        raise RunFailed(f"{policy.id}, subject {row[SUBJECT]}: the answer {found} is not the definition's, {wanted}")


def edge_rows(plan: Plan, measured: Mapping[str, Interval]) -> pa.Table:
    """Return rows at the edges of the policies, with the columns of a part."""
    pools: dict[str, list[Cell]] = {}
    optional: set[str] = set()
    kinds: dict[str, Type] = {each.column: each.type for each in plan.columns}
    marks = _marks(plan)
    for column, kind in kinds.items():
        pools[column] = list(_pool(kind, marks.get(column, set()), measured.get(column)))
    for policy in plan.policies:
        columns = plan.columns_of(policy)
        optional |= {columns[name] for name, fact in policy.facts.items() if fact.optional or fact.requirement}
    arrays = {}
    for index, (column, pool) in enumerate(pools.items()):
        step = index * 2 + 1
        cells = [pool[(row * step + row // len(pool)) % len(pool)] for row in range(EDGE_ROWS)]
        if column in optional:
            cells = [None if (row + index) % 7 == 0 else cell for row, cell in enumerate(cells)]
        arrays[column] = pa.array(cells, ARROW[column_type(kinds[column])])
    arrays[ROW] = pa.array(range(EDGE_ROWS), pa.int64())
    arrays[SUBJECT] = pa.array([f"edge {row}" for row in range(EDGE_ROWS)])
    return pa.table(arrays)


def _marks(plan: Plan) -> dict[str, set[int]]:
    """Return, for each column, the numbers that policies compare it with."""
    marks: dict[str, set[int]] = {}
    for policy in plan.policies:
        columns = plan.columns_of(policy)
        for threshold in _thresholds(policy):
            if threshold.fact in columns:
                marks.setdefault(columns[threshold.fact], set()).add(threshold.value)
    return marks


def _thresholds(policy: Policy) -> Iterator[Threshold]:
    core = lower(policy)
    pending: list[Formula] = [rule.when for rule in (*core.rules, *core.bands)]
    while pending:
        match pending.pop():
            case All(parts=parts) | AnyOf(parts=parts):
                pending.extend(parts)
            case Threshold() as threshold:
                yield threshold
            case _:
                pass


def _pool(kind: Type, marks: set[int], held: Interval | None) -> Iterator[Cell]:
    match kind:
        case ChoiceType(of=of):
            yield from of
        case TextType():
            yield from ("", "a")
        case TagsType(of=of):
            yield from (to_cell(kind, frozenset(of[:count])) for count in (0, 1, len(of)))
        case BooleanType():
            yield from (0, 1)
        case _ if held is None:  # no subject has a value
            yield None
        case _:
            near = {mark + step for mark in marks for step in (-1, 0, 1)} | {held.low, held.high}
            yield from islice(sorted(value for value in near if held.low <= value <= held.high), MAX_EDGES)

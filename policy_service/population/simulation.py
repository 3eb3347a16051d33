"""Simulates a change over a population: compares the versions in force with the candidates, subject by subject.

Both sides are evaluated on the same rows. A subject moves if its status or an outcome differs; one decided on neither
side counts as undecided, never as unchanged. Before the start the candidates are not in force, so the effect is exactly
zero.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from typing import Any

import duckdb

from policy_service.approval.capacity import CAPACITY, REQUESTS
from policy_service.canonical import digest, digest_of
from policy_service.language.policy import Policy
from policy_service.language.types import BooleanType, ChoiceType, DurationType, NumberType, write_decimal
from policy_service.population.attribution import ORDERS, Attribution, Change, Charge, charge_column
from policy_service.population.check import check_rows, edge_rows
from policy_service.population.differences import differences
from policy_service.population.engines import DuckDB
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.movers import Movers
from policy_service.population.parts import ROWS, PartTable
from policy_service.population.plan import FactColumn
from policy_service.population.population import (
    ROW,
    SUBJECT,
    Population,
    check_duplicates,
    judge_rows,
    with_type_problems,
)
from policy_service.population.run import Progress
from policy_service.population.sides import (
    ANSWERS,
    MOVERS,
    STATUS,
    SUBJECTS,
    Side,
    has_words,
    moved_column,
)
from policy_service.population.simulation_plan import Plans, SimulationRequest, check_candidates, make_plans
from policy_service.population.stages import AS_OF_COLUMN, compile_stages
from policy_service.population.workload import Workload

NAMED = 20
"""Maximum number of subjects named in a report; a file names all."""
FEW = 5
"""Maximum number of rejected rows named in an error."""
SAMPLE_ROWS = 500
"""Rows checked by the reference evaluator on both sides, evenly spread: as many answers as in a run."""


def simulate(request: SimulationRequest, progress: Progress) -> dict[str, Any]:
    """Return the effect of the candidates, as JSON.

    Raises PopulationRejected with every problem of the request, PolicyError if the candidates are incompatible with the
    policies in force, RunFailed if an answer differs from the reference evaluator's, OSError.
    """
    check_candidates(request)
    if request.output is not None and request.output.suffix.lower() != ".csv":
        raise PopulationRejected([f"{request.output}: expected a file .csv"])
    with (
        request.open_rows() as source,
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect() as connection,
    ):
        request = replace(request, mapping=source.mapping)
        facts = ((fact.name, fact.type) for policy in request.candidates for fact in policy.facts.values())
        with with_type_problems(source, facts):
            plans = make_plans(request, source)
        try:
            connection.execute("SET temp_directory = ?", ["" if source.is_encrypted else folder])
            kept = PartTable(connection)
            population = judge_rows(source, plans.after, kept, lambda rows: progress("read", rows, None))
            if request.is_strict and population.refused:
                raise PopulationRejected(_refusals(population))
            with ThreadPoolExecutor(1) as other:  # DuckDB computes there what Python need not wait for
                engine = DuckDB(connection)
                checking = other.submit(check_duplicates, population, source)
                simulation = _Simulation(request, plans, population, engine, other)
                checking.result()
                checked = simulation.decide()
            kept.remove()
            progress("decided", population.count, population.count)
            return simulation.report(checked)
        except duckdb.Error as error:
            raise RunFailed(f"DuckDB: {error}") from None


def _refusals(population: Population) -> list[str]:
    """Return the first rejected rows, with the reasons, and their number."""
    rows = [f"row {each.row}: {each.reason}" for each in islice(population.rejected_rows(), FEW)]
    return [*rows, *([f"{population.refused} rows are refused in all"] if population.refused > FEW else [])]


class _Simulation:
    """One comparison, with both sides' answers in one table."""

    def __init__(
        self,
        request: SimulationRequest,
        plans: Plans,
        population: Population,
        engine: DuckDB,
        other: Executor,
    ) -> None:
        self.request = request
        self.plans = plans
        self.population = population
        self.engine = engine
        self.connection = engine.connection
        self.other = other
        self.starts = request.start is None or request.start <= request.as_of
        self.compared = plans.compared
        both = {"b_": plans.before, "a_": plans.after if self.starts else plans.before}
        day = request.as_of.toordinal()
        self.stages = compile_stages(both, population.bounds, day, self.engine, names_subjects=True)
        self.before, self.after = (Side(prefix, self.stages) for prefix in both)
        self.moved = {name: moved_column(index) for index, name in enumerate(self.compared)}
        self.facts = self._own_facts()
        self.measure = next((each for each in self.facts if _is_money(each.type)), None)
        self.frequency = next((each for each in self.facts if each.name == REQUESTS and _is_count(each.type)), None)

    def decide(self) -> int:
        """Evaluate both sides; return the number of answers checked by the reference evaluator."""
        as_of, count = self.request.as_of, self.population.count
        policies = (*self.plans.before.policies, *self.plans.after.policies)
        edges = edge_rows(replace(self.plans.after, policies=policies), self.population.bounds)
        at_edges = self.stages.decide(edges)
        moves = "".join(f", {self.before.differs(self.after, name)} AS {moved}" for name, moved in self.moved.items())
        answered = self.stages.within(self.connection, f"FROM {ROWS}")
        counted = [each.column for each in self.facts if isinstance(each.type, ChoiceType) or each is self.frequency]
        left = [SUBJECT, *(each.column for each in self.plans.after.columns if each.column not in counted)]
        words, numbers = self._figure_columns()
        keys = [*counted, *words, *self.moved.values()]
        every, moving = max(1, count // SAMPLE_ROWS), " OR ".join(self.moved.values())
        named = f"CASE WHEN {moving} OR hash({ROW}) % {every} = 0 THEN {ROW} END"
        sums = "".join(f", sum({each}) AS {each}" for each in numbers)
        told = ", ".join([*keys, *numbers, ROW, AS_OF_COLUMN, *left])
        # with OFFSET, DuckDB evaluates the answers once instead of at every use
        deciding = self.other.submit(
            self._create,
            ANSWERS,
            f"SELECT {', '.join(keys)}, {named} AS {ROW}, count(*) AS {SUBJECTS}{sums}, "  # noqa: S608  # names of our own
            f"any_value(COLUMNS(* EXCLUDE ({told}))) AS '\\0' FROM (SELECT *{moves} FROM ({answered}) OFFSET 0) "
            f"GROUP BY {', '.join(keys)}, {named}",
        )
        checked = check_rows(at_edges, self.stages, as_of)
        deciding.result()
        if self._count(ANSWERS, "true") != count:
            raise RunFailed("the engine did not answer about each row once")
        charges = "".join(
            f", NULL::INTEGER AS {charge_column(order, index)}"
            for index, _ in enumerate(self.compared)
            for order in ORDERS
        )
        single = f" REPLACE ({', '.join(f'{each}::BIGINT AS {each}' for each in numbers)})" if numbers else ""
        whole = f"SELECT {', '.join(left)}, {ANSWERS}.*{single}{charges} FROM {ANSWERS} JOIN {ROWS} USING ({ROW})"  # noqa: S608
        self._create(MOVERS, whole)
        sample = f"FROM {MOVERS} WHERE hash({ROW}) % {every} = 0"
        checked += check_rows(self.connection.sql(sample).to_arrow_table(), self.stages, as_of)
        self.connection.execute(f"DELETE FROM {MOVERS} WHERE NOT ({moving})")  # noqa: S608
        return checked

    def report(self, checked: int) -> dict[str, Any]:
        """Return the effect; `checked` is the number of answers checked by the reference evaluator."""
        candidates = {policy.digest for policy in self.request.candidates}
        found = [
            differences(self.before.policy(name), policy, self.request.lang)
            for name in (each.id for each in self.plans.after.policies)
            if (policy := self.after.policy(name)) is not None and policy.digest in candidates
        ]
        listed = [each for of_policy in found for each in of_policy]
        change = Change(
            {policy.id: policy for policy in self.plans.before.policies},
            {policy.id: policy for policy in self.plans.after.policies},
            listed,
        )
        charges = self._charges(change) if listed else [[] for _ in self.compared]
        movers = Movers(self.connection, self.before, self.after, self.compared, self.measure, listed)
        if self.request.output is not None:
            movers.write(self.request.output)
        stated = next((each for each in self.request.policies if each.id == CAPACITY), None)
        workload = Workload(self.connection, (self.before, self.after), self.compared, stated, self.request.as_of)
        return {
            "bundle": self._bundle(),
            "in_effect": self.starts,
            "subjects": self.population.count,
            "refused": self.population.refused,
            "moved": self._count(MOVERS, "true"),
            "checked": checked,
            "policies": [self._report(name, of_policy) for name, of_policy in zip(self.compared, charges, strict=True)],
            "workload": workload.contacts(),
            "service_load": workload.requests(self.frequency),
            "movers": list(movers.read(NAMED)),
            "measure": self.measure.name if self.measure else None,
            "left_out": {name: list(facts) for name, facts in self.plans.left_out.items()},
            "output": str(self.request.output) if self.request.output else None,
        }

    def _figure_columns(self) -> tuple[list[str], list[str]]:
        """Return the columns of answers by which subjects are counted, and the number columns that are summed."""
        words, numbers = [], []
        for side in (self.before, self.after):
            for name in self.compared:
                for outcome, column in side.columns(name).items():
                    version = side.policy(name)
                    kind = version.outcomes[outcome].type if version and outcome != STATUS else None
                    if kind is None or (version and version.returns_list):
                        words.append(column)
                    elif isinstance(kind, NumberType):
                        numbers.append(column)
                    elif isinstance(kind, ChoiceType | BooleanType | DurationType):
                        words.append(column)
        return words, numbers

    def _create(self, table: str, sql: str) -> None:
        self.connection.execute(f"CREATE TABLE {table} AS {sql}")

    def _charges(self, change: Change) -> list[list[Charge]]:
        attribution = Attribution(
            self.connection,
            self.engine,
            self.plans.after,
            self.population.bounds,
            self.request.as_of,
            change,
            self.after,
            self.compared,
        )
        return attribution.charge()

    def _bundle(self) -> dict[str, Any]:
        """Return all inputs of the figures, with one digest."""
        content = {
            "as_of": self.request.as_of.isoformat(),
            "start": (self.request.start or self.request.as_of).isoformat(),
            "compared": list(self.compared),
            "before": [_version_of(policy) for policy in self.plans.before.policies],
            "after": [_version_of(policy) for policy in self.plans.after.policies],
            "capacity": [_version_of(each) for each in self.request.policies if each.id == CAPACITY],
            "population": self.population.digest,
            "mapping": digest(self.request.mapping.model_dump_json().encode()),
            "code": {"policy_service": version("policy-service"), "duckdb": duckdb.__version__},
        }
        return {**content, "digest": digest_of(content)}

    # figures

    def _count(self, table: str, condition: str) -> int:
        [(count,)] = self._rows(f"SELECT coalesce(sum({SUBJECTS}), 0) FROM {table} WHERE {condition}")  # noqa: S608
        return int(count)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _own_facts(self) -> list[FactColumn]:
        """Return the facts that the compared policies take from the file, in declared order, without sensitive ones."""
        asked = {
            (name, fact.type)
            for side in (self.before, self.after)
            for policy in self.compared
            if (version_ := side.policy(policy)) is not None
            for name, fact in version_.facts.items()
            if fact.requirement is None and fact.measure is None
        }
        return [
            each
            for each in self.plans.after.columns
            if (each.name, each.type) in asked and each.position is not None and not each.sensitive
        ]

    def _report(self, name: str, charges: Sequence[Charge]) -> dict[str, Any]:
        """Return the figures of one policy."""
        before, after = self.before.policy(name), self.after.policy(name)
        moved, undecided = self._count(MOVERS, self.moved[name]), self._count(ANSWERS, self._is_undecided(name))
        outcomes = dict.fromkeys(outcome for side in (before, after) if side for outcome in side.outcomes)
        return {
            "policy": name,
            "before": before.version if before else None,
            "after": after.version if after else None,
            "moved": moved,
            "undecided": undecided,
            "unchanged": self.population.count - moved - undecided,
            "matrix": [
                row for each in outcomes if has_words(after or before, each) for row in self._matrix(name, each)
            ],
            "money": [self._money(name, each) for each in outcomes if self._is_money(name, each)],
            "by": [row for fact in self.facts if isinstance(fact.type, ChoiceType) for row in self._by(name, fact)],
            "attribution": [
                {
                    "difference": str(each.first),
                    "with": None if each.first is each.second else str(each.second),
                    "subjects": each.subjects,
                }
                for each in charges
            ],
        }

    def _is_undecided(self, name: str) -> str:
        status = self.after.columns(name).get(STATUS)
        return f"NOT {self.moved[name]} AND {status} <> 'decided'" if status else "true"

    def _matrix(self, name: str, outcome: str) -> Iterator[dict[str, Any]]:
        before, after = (side.label(name, outcome) for side in (self.before, self.after))
        rows = self._rows(
            f"SELECT {before}, {after}, sum({SUBJECTS})::BIGINT FROM {ANSWERS} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
        )
        for one, other, subjects in rows:
            yield {"outcome": outcome, "from": one, "to": other, "subjects": subjects}

    def _by(self, name: str, fact: FactColumn) -> Iterator[dict[str, Any]]:
        rows = self._rows(
            f"SELECT coalesce({fact.column}, '(missing)'), sum({SUBJECTS})::BIGINT, "  # noqa: S608
            f"coalesce(sum({SUBJECTS}) FILTER (WHERE {self.moved[name]}), 0)::BIGINT "
            f"FROM {ANSWERS} GROUP BY 1 ORDER BY 1"
        )
        for word, subjects, moved in rows:
            yield {"fact": fact.name, "word": word, "subjects": subjects, "moved": moved}

    def _is_money(self, name: str, outcome: str) -> bool:
        versions = (self.before.policy(name), self.after.policy(name))
        return any(each and outcome in each.outcomes and _is_money(each.outcomes[outcome].type) for each in versions)

    def _money(self, name: str, outcome: str) -> dict[str, Any]:
        """Return the sum of an outcome before and after, exact."""
        sums, kind = [], None
        for side in (self.before, self.after):
            policy, column = side.policy(name), side.columns(name).get(outcome)
            if policy is None or column is None:
                sums.append(0)
                continue
            kind = policy.outcomes[outcome].type
            values = f"SELECT {column} AS value FROM {ANSWERS}"  # noqa: S608
            if policy.returns_list:
                split = f"SELECT unnest(string_split({column}, chr(30))) AS value, {SUBJECTS} FROM {ANSWERS}"  # noqa: S608
                values = f"SELECT value::HUGEINT * {SUBJECTS} AS value FROM ({split}) WHERE value <> ''"  # noqa: S608
            rows = self._rows(f"SELECT coalesce(sum(value), 0) FROM ({values})")  # noqa: S608
            sums.append(int(rows[0][0]))
        if not isinstance(kind, NumberType):
            raise TypeError(f"no money: {kind!r}")
        before, after = sums
        texts = [write_decimal(value, kind.scale) for value in (before, after, after - before)]
        return {
            "outcome": outcome,
            "currency": kind.currency,
            **dict(zip(("before", "after", "difference"), texts, strict=True)),
        }


def _is_money(kind: object) -> bool:
    return isinstance(kind, NumberType) and kind.kind == "money"


def _is_count(kind: object) -> bool:
    return isinstance(kind, NumberType) and kind.kind != "money" and kind.low >= 0


def _version_of(policy: Policy) -> dict[str, str]:
    return {"id": policy.id, "version": policy.version, "digest": policy.digest}

"""Runs policies over a population: in parts, checked by the reference evaluator, and joined at the end.

    OUTPUT                 the result
    OUTPUT.rejects.csv     rejected rows and missing facts, each with its reason
    OUTPUT.manifest.json   inputs: digests, counts, days, engine
    OUTPUT.parts/          temporary parts, from which an interrupted run resumes

Parts are only reused for the same inputs: the digests of file, mapping and policies, the day and the engine. Otherwise,
or if the parts are encrypted, the run starts over.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from policy_service.canonical import digest
from policy_service.language.benchmark_set import BenchmarkSet
from policy_service.language.policy import Language, Policy
from policy_service.language.requirements import bind_figures
from policy_service.language.types import Type
from policy_service.population.check import check_rows, edge_rows
from policy_service.population.database import open_table
from policy_service.population.engines import EngineName, QueryEngine, open_engine
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping
from policy_service.population.output import (
    MAX_SHEET_ROWS,
    AnswerWriter,
    answer_headings,
    format_of,
    result_table,
    write_rejected_rows,
    write_result,
)
from policy_service.population.parts import PartFolder, write_whole
from policy_service.population.plan import Plan, make_plan
from policy_service.population.population import ROW, SUBJECT, Population, register, with_type_problems
from policy_service.population.source import PART_ROWS, RowSource, open_source
from policy_service.population.stages import Stages, compile_stages

SAMPLE_ROWS = 1_000
"""Rows of a population checked by the reference evaluator, evenly spread."""
VERSION = 2
"""The format of parts; a run with parts of another format starts over."""
Progress = Callable[[str, int, int | None], None]
"""Called with the step, and the rows done and in total."""

OpenSource = Callable[[], AbstractContextManager[RowSource]]


@dataclass(frozen=True)
class RunRequest:
    """The parameters of a run."""

    population: Path | str
    """A file, or the address of a database."""
    output: Path
    policies: Sequence[Policy]
    requested: Sequence[str] | None
    """The policies requested by name; None for all whose facts the population has."""
    kind: str
    as_of: datetime.date
    mapping: Mapping
    engine: EngineName = "duckdb"
    lang: Language = "en"
    table: str | None = None
    """The table of a database."""
    source: OpenSource | None = None
    """Opens rows that are neither a file nor a table."""
    benchmark_set: BenchmarkSet | None = None
    """The set that fills benchmark facts."""


@dataclass(frozen=True)
class RunReport:
    """The result of a run."""

    manifest: dict[str, Any]
    left_out: dict[str, tuple[str, ...]]
    refused_lines: int
    paths: tuple[Path, Path, Path]
    """The result, the rejected rows, the manifest."""


def run_policies(request: RunRequest, progress: Progress) -> RunReport:
    """Decide about every subject of a population.

    Raises PopulationRejected with every problem of the request, RunFailed if an answer differs from the reference
    evaluator's, OSError.
    """
    format_of(request.output)
    if request.source is None and request.table is None:
        _check_output(Path(request.population), request.output)
    with (
        open_engine(request.engine) as engine,
        open_population(request.population, request.table, request.mapping, request.source) as source,
    ):
        return _run(request, source, engine, progress)


@contextmanager
def open_population(
    population: Path | str, table: str | None, mapping: Mapping, opened: OpenSource | None
) -> Iterator[RowSource]:
    """Open the rows of a file or table, or those of `opened`. Raises PopulationRejected, OSError."""
    if opened is not None:
        with opened() as source:
            yield source
    elif table is None:
        yield open_source(Path(population), mapping)
    else:
        with open_table(str(population), table, mapping) as source:
            yield source


def _check_output(population: Path, output: Path) -> None:
    """Reject a result path that would overwrite the input. Raises PopulationRejected, OSError."""
    if any(path.exists() and path.samefile(population) for path in (output, *_companions(output))):
        raise PopulationRejected([f"{output}: the result would take the place of the population: name another file"])


def _companions(output: Path) -> tuple[Path, Path]:
    """Return the paths of the rejected rows and the manifest of a result."""
    return _beside(output, "rejects.csv"), _beside(output, "manifest.json")


def _run(request: RunRequest, source: RowSource, engine: QueryEngine, progress: Progress) -> RunReport:
    output, request = request.output, replace(request, mapping=source.mapping)
    with with_type_problems(source, _requested_facts(request)):
        plan = plan_run(request, source.headings, source.headings[: source.written], source.label)
    question = question_of(request, source.label, source.digest, plan, engine.version)
    with _work_folder(output, question, is_encrypted=source.is_encrypted) as folder:
        population = register(source, plan, folder, lambda rows: progress("read", rows, None), written=source.written)
        check_sheet(output, population.count)
        stages = compile_stages(
            {"": plan}, population.bounds, request.as_of.toordinal(), engine, by_python=request.engine == "python"
        )
        checked = check_rows(stages.decide(edge_rows(plan, population.bounds)), stages, request.as_of)
        counts = _decide_parts(request, population, folder, stages, progress)
        return write_outputs(
            request,
            question,
            plan,
            _answers(population, folder),
            lambda: _all_rejected_rows(population),
            lambda: {
                "encoding": source.encoding,
                "subjects": population.count,
                "refused": population.refused,
                "checked_edges": checked,
                "checked_rows": counts.pop("checked"),
                "statuses": {name: dict(each) for name, each in counts.items()},
                "by_python": dict(stages.by_python),
            },
        )


def _requested_facts(request: RunRequest) -> list[tuple[str, Type]]:
    chosen = [policy for policy in request.policies if policy.id in (request.requested or ())]
    return [(fact.name, fact.type) for policy in chosen for fact in policy.facts.values()]


def check_sheet(output: Path, count: int) -> None:
    """Reject more rows than a workbook holds. Raises PopulationRejected."""
    if format_of(output) == "xlsx" and count > MAX_SHEET_ROWS:
        raise PopulationRejected([f"{output}: a workbook holds {MAX_SHEET_ROWS:,} rows: write CSV or Parquet"])


def plan_run(request: RunRequest, headings: Sequence[str], written: Sequence[str], label: str) -> Plan:
    """Plan a run over columns, some of which are `written` with the answers. Raises PopulationRejected."""
    plan = make_plan(
        headings,
        request.mapping,
        bind_figures(request.policies),
        request.requested,
        request.kind,
        request.benchmark_set,
    )
    if taken := set(answer_headings(plan.policies)).intersection(written):
        names = ", ".join(f"`{name}`" for name in sorted(taken))
        raise PopulationRejected([f"{label}: the run adds columns that are there already, leave them out: {names}"])
    return plan


def write_outputs(  # noqa: PLR0913, PLR0917  # what a result is made of
    request: RunRequest,
    question: dict[str, Any],
    plan: Plan,
    answers: Iterable[pa.Table],
    rejected_rows: Callable[[], Iterable[RejectedRow]],
    counts: Callable[[], dict[str, Any]],
) -> RunReport:
    """Write the result, the rejected rows and the manifest, in this order. Raises PopulationRejected, OSError."""
    output = request.output
    rejects, manifest_path = _companions(output)
    write_whole(output, lambda temporary: write_result(temporary, format_of(output), answers))
    lines = 0

    def write_rejects(temporary: Path) -> None:
        nonlocal lines
        lines = write_rejected_rows(temporary, rejected_rows())

    write_whole(rejects, write_rejects)
    manifest = {
        **question,
        **counts(),
        "output": {"path": output.name, "digest": _file_digest(output)},
        "rejects": {"path": rejects.name, "digest": _file_digest(rejects)},
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2)
    write_whole(manifest_path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return RunReport(manifest, dict(plan.left_out), lines, (output, rejects, manifest_path))


def question_of(
    request: RunRequest, label: str, population_digest: str, plan: Plan, engine_version: str
) -> dict[str, Any]:
    """Return all inputs that determine the answers."""
    figures = request.benchmark_set
    return {
        "version": VERSION,
        "population": {"name": label, "digest": population_digest},
        "mapping": digest(request.mapping.model_dump_json().encode()),
        "policies": [{"id": each.id, "version": each.version, "digest": each.digest} for each in plan.policies],
        "benchmark_set": {"id": figures.id, "version": figures.version, "digest": figures.digest} if figures else None,
        "as_of": request.as_of.isoformat(),
        "engine": {"name": request.engine, "version": engine_version},
        "lang": request.lang,
        "part_rows": PART_ROWS,
    }


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(f"{output.name}.{ending}")


@contextmanager
def _work_folder(output: Path, question: dict[str, Any], *, is_encrypted: bool) -> Iterator[PartFolder]:
    """Open the folder of parts; empty it first if the inputs differ or the parts are unreadable.

    It is removed when the run is done or rejected, and encrypted parts also after an interruption.

    Raises PopulationRejected, OSError.
    """
    path = _beside(output, "parts")
    key = path / "question.json"
    text = json.dumps(question, sort_keys=True)
    if is_encrypted or not key.exists() or key.read_text(encoding="utf-8") != text:
        half = f"{key.name}.partial"  # left by a killed run
        if path.exists() and not key.exists() and any(each.name != half for each in path.iterdir()):
            raise PopulationRejected([f"{path}: the folder is not one of a run: move it away"])
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        write_whole(key, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    folder = PartFolder(path, is_encrypted=is_encrypted)
    try:
        yield folder
    except BaseException as error:
        if is_encrypted or isinstance(error, PopulationRejected):  # the same inputs would be rejected again
            folder.remove()
        raise
    folder.remove()


def _answers_name(part: str) -> str:
    return part.replace("input", "answers")


def _answers(population: Population, folder: PartFolder) -> Iterator[pa.Table]:
    """Yield the answers of each part."""
    return (folder.table(_answers_name(part)) for part in population.parts)


def _decide_parts(
    request: RunRequest, population: Population, folder: PartFolder, stages: Stages, progress: Progress
) -> dict[str, Any]:
    """Decide the remaining parts; return the counts of statuses, and the number of rows checked."""
    writers = [AnswerWriter(stage, request.lang) for stage in stages.stages]
    every = max(1, population.count // SAMPLE_ROWS)
    done = 0
    counts: dict[str, Any] = {"checked": 0, **{stage.policy.id: Counter[str]() for stage in stages.stages}}
    for part in population.parts:
        name = _answers_name(part)
        if not folder.is_whole(name):
            decided = stages.decide(folder.table(part))
            sample = decided.take(pa.array(range(0, decided.num_rows, every), pa.int64()))
            statuses = {
                stage.policy.id: dict(Counter(decided[stage.answer.status].to_pylist())) for stage in stages.stages
            }
            checked = check_rows(sample, stages, request.as_of)
            table = result_table(decided, population.headings, stages.stages, writers)
            folder.write(
                name, table, {"checked": checked, "statuses": statuses, "missing": rows_not_evaluated(decided, stages)}
            )
        about = folder.about(name)
        counts["checked"] += about["checked"]
        for policy, statuses in about["statuses"].items():
            counts[policy].update(statuses)
        done += sum(about["statuses"][stages.stages[0].policy.id].values())
        progress("decided", done, population.count)
    return counts


def rows_not_evaluated(decided: pa.Table, stages: Stages) -> list[list[Any]]:
    """Return the rows not evaluated, with their missing or contradicting facts."""
    found: list[list[Any]] = []
    for stage in stages.stages:
        columns = [decided[name].to_pylist() for name in (ROW, SUBJECT, stage.answer.status)]
        for row, subject, status, missing in zip(*columns, stage.missing(decided), strict=True):
            if status == "missing_facts":
                found.append([row, subject, f"{stage.policy.id}: missing {', '.join(missing)}"])
            elif status == "contradiction":
                found.append([row, subject, f"{stage.policy.id}: a fact is not what another policy decided"])
    return found


def _all_rejected_rows(population: Population) -> Iterator[RejectedRow]:
    """Yield the rejected rows, and those that a policy did not evaluate."""
    yield from population.rejected_rows()
    for part in population.parts:
        for row, subject, reason in population.kept.about(_answers_name(part))["missing"]:
            yield RejectedRow(row, None, subject, reason)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

"""Runs a policy, in force or in a draft, over the service's own decision records or a registered population.

Its dependencies are evaluated first. Nothing is recorded; the result is one ZIP file:

    answers.csv                   or .xlsx or .parquet: a row a subject, without its facts
    answers.csv.rejects.csv       subjects that were rejected or not evaluated, and why
    answers.csv.manifest.json     inputs: digests, counts, days
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlmodel import Session

from policy_service.approval.policies import policy_loader
from policy_service.approval.store import read_change
from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.window import stops_among
from policy_service.decisions.words.answers import STATUS_NAMES
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.requirements import bind_figures, with_required_policies
from policy_service.messages import Message
from policy_service.population.errors import PopulationRejected, RunFailed, RunRefused
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.registry.policy_cache import load
from policy_service.registry.service import activations_in_force

if TYPE_CHECKING:
    from policy_service.population.output import Format
    from policy_service.population.run import Progress

MAX_ROWS = 200
"""Maximum number of rejected or unevaluated rows in the result; the file has all."""


OWN_STATUSES: Mapping[str, Message] = {
    **STATUS_NAMES,
    "contradiction": Message("not decided: a fact is not what another policy decided"),
}
"""The names of a run's additional statuses."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The parameters of a run: policy, version, day, and maximum age of facts."""

    policy: str
    change: str | None
    """The change whose versions replace those in force; None for those in force."""
    as_of: date
    max_age: int
    """Days; only for records."""
    file_format: Format
    lang: Language
    """The language of the reasons."""
    population: str | None = None
    """The registered population; None for the records."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The result of a run."""

    manifest: Mapping[str, Any]
    titles: Mapping[str, Bilingual]
    """The title of each policy."""
    rejects: tuple[Mapping[str, str], ...]
    """The first rows of the file of rejected rows."""
    reject_count: int

    @property
    def counts(self) -> tuple[tuple[Bilingual, str, str, tuple[tuple[Message, int], ...]], ...]:
        """Each policy with its name, its version, and the number of subjects by status."""
        versions = {each["id"]: each["version"] for each in self.manifest["policies"]}
        return tuple(
            (self.titles[name], name, versions[name], tuple((OWN_STATUSES[status], count) for status, count in found))
            for name, statuses in self.manifest["statuses"].items()
            for found in [sorted(statuses.items())]
        )


def run_over_records(  # noqa: PLR0913  # of which service, and where the answers go
    database: Database,
    cipher: FactCipher,
    question: RecordedRun,
    now: datetime,
    *,
    folder: Path,
    file: Path,
    progress: Progress,
) -> RunSummary:
    """Decide about every subject, and write the answers as a ZIP file; `folder` holds temporary parts.

    Raises RunRefused with every problem of the request, UnknownChange, UnknownPopulation, DamagedRecord, OSError.
    """
    from policy_service.population.kept_rows import KeptRows  # noqa: PLC0415  # DuckDB takes long to load
    from policy_service.population.records import NAME  # noqa: PLC0415
    from policy_service.population.run import RunRequest, run_policies  # noqa: PLC0415

    with database.read() as session:
        policies = versions_to_run(session, question.policy, question.change, now)
    kind = policies[0].subject
    rows = KeptRows(database, cipher, kind, question.population, question.max_age)
    request = RunRequest(
        population=NAME,
        output=folder / f"answers.{question.file_format}",
        policies=policies,
        requested=[policy.id for policy in policies],
        kind=kind,
        as_of=question.as_of,
        mapping=ColumnMapping(),
        lang=question.lang,
        source=rows.source(question.as_of, policies=policies),
    )
    try:
        report = run_policies(request, progress)
    except (PopulationRejected, PolicyError, RunFailed) as error:
        why = "; ".join(str(error).splitlines()).replace(f"{folder}/", "")  # which is nobody else's to know
        raise RunRefused(Message("Nothing was decided: {why}.", why=why)) from error
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path in report.paths:
            archive.write(path, path.name)
    with report.paths[1].open(encoding="utf-8-sig", newline="") as lines:
        rejects = tuple(islice(csv.DictReader(lines), MAX_ROWS))
    return RunSummary(report.manifest, {each.id: each.title for each in policies}, rejects, report.refused_lines)


def versions_to_run(session: Session, policy: str, change: str | None, now: datetime) -> list[Policy]:
    """Return the version of a policy, then its dependencies. Raises RunRefused, UnknownChange."""
    versions = versions_in_force(session, now)
    try:
        if change is not None:
            draft = read_change(session, change).draft
            digests = (*draft.texts, *(version.digest for version in draft.versions))
            versions |= {each.id: each for each in map(policy_loader(session), digests)}
    except PolicyError as error:
        raise RunRefused(Message("The change has a policy file with faults: {why}.", why=str(error))) from error
    bound = {each.id: each for each in bind_figures(versions.values())}
    if policy not in bound:
        raise RunRefused(Message("No version of {policy} is in force, nor in the change.", policy=policy))
    return with_required_policies(bound[policy], bound)


def versions_in_force(session: Session, now: datetime) -> dict[str, Policy]:
    """Return the versions in force at an instant, by policy, without stopped policies."""
    active = activations_in_force(session, now)
    stopped = stops_among(active)
    return {name: load(session, each.digest) for name, each in active.items() if name not in stopped}

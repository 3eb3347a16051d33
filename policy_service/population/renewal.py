"""Renews benchmark figures, and the policies that hold them, from decision records or a registered population.

The next version of a set computed in June 2026 is 2026.6.0, or 2026.6.1 if that exists. The figures in force are found
by their measures, whichever policies hold them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.language.benchmark_set import BenchmarkSet, Figure, Method
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import BENCHMARKS, Language, Policy
from policy_service.language.types import NumberType, format_value, write_decimal
from policy_service.messages import Message
from policy_service.population.errors import PopulationRejected, RunRefused
from policy_service.population.figure_policies import write_figure_policies
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.population.recorded_run import versions_in_force
from policy_service.registry.service import versions

if TYPE_CHECKING:
    from policy_service.population.population import OnProgress


TITLES = {"zh": "{day} 基准数据（{name} {version}）", "en": "Benchmark figures of {day} ({name} {version})"}
REASONS = {
    "zh": "由 {subjects} 个有记录的对象算出，输入项最多 {max_age} 天前；不足 {least} 个对象的组没有数字。",
    "en": "Made from {subjects} subjects on record, by facts at most {max_age} days old; a group of fewer than {least} has no figure.",  # noqa: E501
}
POPULATION_REASONS = {
    "zh": "由客户群体 {population} 的 {subjects} 个对象算出；不足 {least} 个对象的组没有数字。",
    "en": "Made from {subjects} subjects of the population {population}; a group of fewer than {least} has no figure.",
}
"""The reason of the change, by the user's language."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The parameters of a renewal: set, kind, day, and maximum age of facts."""

    name: str
    """The name of the set: `customers`."""
    kind: str
    """The kind of subjects."""
    as_of: date
    max_age: int
    """Days; only for records."""
    method: Method
    population: str | None = None
    """The registered population; None for the records."""

    def title(self, version: str, lang: Language) -> str:
        """Return the title of the change of a set."""
        return TITLES[lang].format(day=self.as_of.isoformat(), name=self.name, version=version)

    def reason(self, subjects: int, lang: Language) -> str:
        """Return the reason of the change of a set."""
        texts = REASONS if self.population is None else POPULATION_REASONS
        least, population = self.method.smallest_group, self.population
        return texts[lang].format(subjects=subjects, max_age=self.max_age, least=least, population=population)


@dataclass(frozen=True, slots=True)
class RenewedFigure:
    """A new figure of a group, and the one in force; None if there is none."""

    measure: str
    group: tuple[str, ...]
    subjects: int
    value: str | None
    before: str | None
    difference: str | None

    @property
    def is_too_small(self) -> bool:
        """True if the group has too few subjects for a figure, but some."""
        return self.value is None and self.subjects > 0


@dataclass(frozen=True, slots=True)
class RenewalReport:
    """The figures, and the texts of the policies that put them in force."""

    version: str
    digest: str
    subjects: int
    refused: int
    left_out: tuple[str, ...]
    """Measures whose facts are not on record."""
    figures: tuple[RenewedFigure, ...]
    texts: tuple[str, ...]
    as_of: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON, without the texts."""
        members = asdict(self)
        figures = [{**each, "group": list(each["group"])} for each in members["figures"]]
        names = ("as_of", "version", "digest", "subjects", "refused")
        named = {name: members[name] for name in names}
        return {**named, "left_out": list(self.left_out), "figures": figures}


def renew_figures(
    database: Database, cipher: FactCipher, renewal: Renewal, now: datetime, on_progress: OnProgress
) -> RenewalReport:
    """Compute the figures over all subjects. Raises RunRefused, UnknownPopulation, DamagedRecord, OSError."""
    from policy_service.population.benchmarks import (  # noqa: PLC0415  # DuckDB takes long to load
        BenchmarkRequest,
        make_benchmark_set,
    )
    from policy_service.population.kept_rows import KeptRows  # noqa: PLC0415

    with database.read() as session:
        policies = list(versions_in_force(session, now).values())
        version = next_version(session, renewal.name, renewal.as_of)
    if not any(fact.measure for each in policies if each.subject == renewal.kind for fact in each.facts.values()):
        raise RunRefused(Message("No figures were made: no policy about such subjects has a benchmark fact."))
    request = BenchmarkRequest(
        id=f"{BENCHMARKS}/{renewal.name}",
        version=version,
        policies=policies,
        requested=None,
        kind=renewal.kind,
        as_of=renewal.as_of,
        mapping=ColumnMapping(),
        method=renewal.method,
    )
    kept = KeptRows(database, cipher, renewal.kind, renewal.population, renewal.max_age)
    try:
        with kept.source(renewal.as_of)() as rows:
            report = make_benchmark_set(request, rows, on_progress)
        made = report.benchmark_set
        written = write_figure_policies(made, policies)
    except PopulationRejected as error:
        raise RunRefused(Message("No figures were made: {why}.", why="; ".join(error.problems))) from error
    if not written:
        least = renewal.method.smallest_group
        raise RunRefused(Message("No figures were made: no group has {count} subjects.", count=least))
    return RenewalReport(
        version,
        made.digest,
        made.population.subjects,
        len(report.refused),
        report.left_out,
        tuple(_compare(made, policies)),
        tuple(each.text for each in written),
        renewal.as_of.isoformat(),
    )


def next_version(session: Session, name: str, as_of: date) -> str:
    """Return the first unused version number for the month of a day, over all policies with figures of the set."""
    policies = (each for each in versions(session) if _states(each.policy, name))
    month = f"{as_of.year}.{as_of.month}."
    last = max(
        (int(each.version.removeprefix(month)) for each in policies if each.version.startswith(month)), default=-1
    )
    return f"{month}{last + 1}"


def _states(policy: str, name: str) -> bool:
    own = policy.partition("/")[2]
    return own == name or own.startswith(f"{name}_")


def _compare(made: BenchmarkSet, policies: Sequence[Policy]) -> Iterator[RenewedFigure]:
    """Yield each new figure, and each one in force that was not computed again."""
    for figure in made.figures.values():
        before = _figures_in_force(figure, made, policies)
        for words in sorted({*figure.groups, *before}):
            group = figure.groups.get(words)
            value = None if group is None else group.value
            old, difference = before.get(words), None
            if old is not None and value is not None and old[0].scale == figure.type.scale:
                difference = write_decimal(value - old[1], figure.type.scale)
            yield RenewedFigure(
                str(figure.measure),
                words,
                0 if group is None else group.subjects,
                None if value is None else str(format_value(figure.type, value)),
                None if old is None else str(format_value(*old)),
                difference,
            )


def _figures_in_force(
    figure: Figure, made: BenchmarkSet, policies: Sequence[Policy]
) -> Mapping[tuple[str, ...], tuple[NumberType, int]]:
    """Return the figures in force of a measure, by group, each with its type; of several policies, the first one's."""
    found: dict[tuple[str, ...], tuple[NumberType, int]] = {}
    names = figure.measure.groups
    for policy in sorted(policies, key=lambda each: each.id):
        outcomes = [each.measure for each in policy.outcomes.values()]
        if policy.subject != made.subject or policy.facts.keys() != set(names) or str(figure.measure) not in outcomes:
            continue
        index = outcomes.index(str(figure.measure))
        kind = list(policy.outcomes.values())[index].type
        known = [tuple(str(each.facts.get(name)) for name in names) for each in policy.examples]
        for words in {*figure.groups, *known}:
            answer = evaluate(policy, dict(zip(names, words, strict=True)), made.as_of)
            if isinstance(answer, Decided) and isinstance(kind, NumberType):
                found.setdefault(words, (kind, int(str(answer.outcome[0][index]))))
    return found

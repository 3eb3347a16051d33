"""A benchmark set: dated figures of a whole population, to which policies refer, signed like a version.

`inputs/benchmarks/<name>/<version>.yaml`:

    benchmark_set: benchmarks/customers
    version: 2026.7.0
    title: {zh: …, en: …}
    source: [R-RFM-1]
    subject: customer
    as_of: 2026-06-30
    population: {name: customers.csv, digest: "sha256:…", subjects: 23570}
    method: {rounding: half_even, quantiles: linear, smallest_group: 5}
    figures:
      - measure: mean(amount_12m) by industry
        type: money
        currency: CNY
        groups:
          - {of: [it], subjects: 120, value: "45.37"}
          - {of: [retail], subjects: 4}

A group has a word for each fact of `by`, and the number of subjects behind its figure. A group smaller than
`smallest_group` has no value, nor does one for which the statistic is undefined.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from policy_service.language.declare import declare_type, to_bilingual
from policy_service.language.diagnostics import START, Code, Diagnostic, PolicyError, shorten
from policy_service.language.document import MAX_FACTS, BilingualDoc, Doc, FactDoc, Words
from policy_service.language.findings import Findings, TooManyErrors
from policy_service.language.load import CITATION, VERSION
from policy_service.language.measure import Measure, MeasureError, parse_measure, type_problem
from policy_service.language.policy import BENCHMARKS, Bilingual, Fact, Policy
from policy_service.language.source import MAX_BYTES, Path, read_source, to_plain
from policy_service.language.source import Mapping as SourceMapping
from policy_service.language.types import (
    LIMIT,
    NumberType,
    Type,
    Value,
    ValueRejected,
    parse_date,
    parse_value,
)
from policy_service.subject import KIND

HEAD = "benchmark_set"
"""The key that distinguishes a benchmark set from a policy."""
SET_ID = re.compile(rf"{BENCHMARKS}/[a-z][a-z0-9_]{{0,63}}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MAX_GROUPS = 10_000
"""Maximum number of groups of one figure."""
Quantiles = Literal["linear", "weibull", "hazen", "inverted"]
"""How a quantile between two values is computed; `inverted` takes a subject's value."""
_WHOLE = NumberType("integer", 0, 0, LIMIT)
_HEAD_LINE = re.compile(rf"^{HEAD}[ ]*:".encode(), re.MULTILINE)


class PopulationDoc(Doc):
    """The population of the figures."""

    name: Words
    digest: str
    subjects: str


class MethodDoc(Doc):
    """The method of computing the figures."""

    rounding: Literal["half_even"]
    quantiles: Quantiles
    smallest_group: str


class GroupDoc(Doc):
    """A figure of one group."""

    of: list[str] = Field(default_factory=list)
    subjects: str
    value: str | None = None


class FigureDoc(Doc):
    """A measure, with its figures by group."""

    measure: Words
    type: str
    scale: str | None = None
    currency: str | None = None
    groups: Annotated[list[GroupDoc], Field(max_length=MAX_GROUPS)]


class BenchmarkSetDoc(Doc):
    """A whole file."""

    benchmark_set: str
    version: str
    title: BilingualDoc
    source: list[str] = Field(default_factory=list)
    subject: str
    as_of: str
    population: PopulationDoc
    method: MethodDoc
    figures: Annotated[list[FigureDoc], Field(min_length=1, max_length=MAX_FACTS)]


@dataclass(frozen=True, slots=True)
class PopulationNote:
    """The population of the figures."""

    name: str
    digest: str
    subjects: int


@dataclass(frozen=True, slots=True)
class Method:
    """The method of computing the figures."""

    quantiles: Quantiles = "linear"
    smallest_group: int = 5
    """Minimum number of subjects in a group with a figure."""


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """The figure of one group, in the units of its type, and the number of subjects behind it."""

    subjects: int
    value: int | None


FigureKey = tuple[str, str, int, str]
"""A measure's text, and its figures' kind, scale and currency."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, with its figures by group."""

    measure: Measure
    type: NumberType
    groups: Mapping[tuple[str, ...], GroupFigure]

    @property
    def key(self) -> FigureKey:
        """The key among the figures of a set."""
        return _key(self.measure, self.type)

    def value_for(self, words: Sequence[Value | None], kind: Type) -> int | None:
        """Return the figure of a group as a fact of type `kind`; None if there is none, or it is out of range.

        `words` are the values of the facts that determine the group, None for a missing one.
        """
        group = self.groups.get(tuple(map(str, words)))
        value = None if group is None or None in words else group.value
        is_taken = isinstance(kind, NumberType) and value is not None and kind.low <= value <= kind.high
        return value if is_taken else None


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """A checked benchmark set."""

    id: str
    version: str
    digest: str
    """`sha256:` and the digest of the file's bytes."""
    title: Bilingual
    source: tuple[str, ...]
    subject: str
    """The kind of the subjects."""
    as_of: date
    population: PopulationNote
    method: Method
    figures: Mapping[FigureKey, Figure]
    text: str

    def figure_for(self, policy: Policy, fact: Fact) -> Figure | None:
        """Return the figure that a fact of a policy takes, or None."""
        if fact.measure is None or not isinstance(fact.type, NumberType) or policy.subject != self.subject:
            return None
        return self.figures.get(_key(parse_measure(fact.measure), fact.type))

    def equal_quantiles(self) -> Iterator[str]:
        """Yield each pair of equal quantiles in a group, between which no subject lies."""
        quantiles = [each for each in self.figures.values() if each.measure.statistic == "quantile"]
        for one, other in combinations(quantiles, 2):
            if (one.measure.fact, one.measure.groups) != (other.measure.fact, other.measure.groups):
                continue
            for words, group in one.groups.items():
                same = other.groups.get(words)
                if same is not None and group.value is not None and one.type == other.type and group == same:
                    of = f" of {', '.join(words)}" if words else ""
                    yield f"{one.measure} and {other.measure}{of}: no subject lies between them"


def _key(measure: Measure, kind: NumberType) -> FigureKey:
    return str(measure), kind.kind, kind.scale, kind.currency


def is_benchmark_set(path: FilePath) -> bool:
    """Return True if a file is a benchmark set rather than a policy. Raises OSError."""
    with path.open("rb") as file:
        return _HEAD_LINE.search(file.read(MAX_BYTES)) is not None


def load_benchmark_set(path: str | FilePath) -> BenchmarkSet:
    """Load the benchmark set in the file at `path`. Raises PolicyError with every error, OSError."""
    with FilePath(path).open("rb") as file:
        return load_benchmark_set_bytes(file.read(MAX_BYTES + 1), str(path))


def load_benchmark_set_bytes(content: bytes, path: str = "benchmark_set.yaml") -> BenchmarkSet:
    """Load a benchmark set from the bytes of its file: YAML in UTF-8, at most 2 MiB.

    Raises PolicyError with every error.
    """
    root, text = read_source(path, content)
    findings = Findings(root)
    found = None
    with suppress(TooManyErrors):
        found = _read(root, findings, f"sha256:{hashlib.sha256(content).hexdigest()}", text)
    if found is None or findings.diagnostics:
        raise PolicyError(path, findings.diagnostics, text)
    return found


def misplaced(found: BenchmarkSet, path: FilePath) -> PolicyError | None:
    """Return the error of a set that is not at `…/<benchmarks/name>/<version>.yaml`, or None."""
    expected = f"{found.id}/{found.version}.yaml"
    if path.resolve().as_posix().endswith(f"/{expected}"):
        return None
    message = f"this is `{expected}`, by its `{HEAD}` and `version`"
    diagnostic = Diagnostic(Code.MISPLACED_FILE, message, START, "rename the file")
    return PolicyError(str(path), [diagnostic], found.text)


def _read(root: SourceMapping, findings: Findings, digest: str, text: str) -> BenchmarkSet | None:
    try:
        doc = BenchmarkSetDoc.model_validate(to_plain(root))
    except ValidationError as error:
        findings.add_shape_errors(error)
        return None
    _check_identity(doc, findings)
    as_of = parse_date(doc.as_of)
    if as_of is None:
        findings.add_error(Code.INVALID_VALUE, f"`{shorten(doc.as_of)}` is no day", ("as_of",), "write `2026-06-30`")
    population = PopulationNote(
        doc.population.name,
        doc.population.digest,
        _count(doc.population.subjects, ("population", "subjects"), findings),
    )
    smallest = _count(doc.method.smallest_group, ("method", "smallest_group"), findings)
    method = Method(doc.method.quantiles, smallest)
    figures: dict[FigureKey, Figure] = {}
    for index, each in enumerate(doc.figures):
        figure = _figure(each, index, method, findings)
        if figure is not None and figures.setdefault(figure.key, figure) is not figure:
            findings.add_error(Code.DUPLICATE_ID, "this measure stands twice", ("figures", index, "measure"))
    if findings.diagnostics or as_of is None:
        return None
    return BenchmarkSet(
        doc.benchmark_set,
        doc.version,
        digest,
        to_bilingual(doc.title),
        tuple(doc.source),
        doc.subject,
        as_of,
        population,
        method,
        figures,
        text,
    )


def _check_identity(doc: BenchmarkSetDoc, findings: Findings) -> None:
    checks: list[tuple[re.Pattern[str], str, Path, str, str]] = [
        (SET_ID, doc.benchmark_set, (HEAD,), "names no benchmark set", f"write `{BENCHMARKS}/customers`"),
        (VERSION, doc.version, ("version",), "is no version", "write `1.0.0`"),
        (KIND, doc.subject, ("subject",), "names no subject", "write `customer`"),
        (DIGEST, doc.population.digest, ("population", "digest"), "is no digest", "`sha256:` and 64 digits"),
        *((CITATION, each, ("source", i), "is no citation", "write `R-RFM-1`") for i, each in enumerate(doc.source)),
    ]
    for pattern, text, path, message, hint in checks:
        if not pattern.fullmatch(text):
            findings.add_error(Code.INVALID_VALUE, f"`{shorten(text)}` {message}", path, hint)


def _count(text: str, path: Path, findings: Findings) -> int:
    found = _value(_WHOLE, text, path, findings)
    return found if found is not None else 0


def _value(kind: NumberType, text: str, path: Path, findings: Findings) -> int | None:
    try:
        return int(parse_value(kind, text))  # type: ignore[arg-type]  # numbers are kept as int
    except ValueRejected as error:
        findings.add_error(Code.INVALID_VALUE, f"`{shorten(text)}` is not {error.expected}", path)
        return None


def _figure(doc: FigureDoc, index: int, method: Method, findings: Findings) -> Figure | None:
    path: Path = ("figures", index)
    kind = declare_type(FactDoc(type=doc.type, scale=doc.scale, currency=doc.currency), path, findings)
    try:
        measure = parse_measure(doc.measure)
    except MeasureError as error:
        findings.add_error(Code.SYNTAX, str(error), (*path, "measure"), error.hint)
        return None
    if kind is None:
        return None
    problem = type_problem(measure, kind, None)
    if problem is not None or not isinstance(kind, NumberType):
        findings.add_error(Code.TYPE_MISMATCH, str(problem), (*path, "type"))
        return None
    groups: dict[tuple[str, ...], GroupFigure] = {}
    for number, each in enumerate(doc.groups):
        at: Path = (*path, "groups", number)
        words = tuple(each.of)
        if len(words) != len(measure.groups):
            message = f"expected a word for each of {', '.join(measure.groups) or 'no facts'}; found {len(words)}"
            findings.add_error(Code.WRONG_CELL_COUNT, message, at)
            continue
        if words in groups:
            findings.add_error(Code.DUPLICATE_ID, f"the group `{shorten(', '.join(words))}` stands twice", at)
        subjects = _count(each.subjects, (*at, "subjects"), findings)
        value = None if each.value is None else _value(kind, each.value, (*at, "value"), findings)
        if value is not None and subjects < method.smallest_group:
            message = f"a group of {subjects:,} is too small for a figure: the smallest has {method.smallest_group:,}"
            findings.add_error(Code.KEY_NOT_ALLOWED, message, (*at, "value"), "leave the value out")
        groups[words] = GroupFigure(subjects, value)
    return Figure(measure, kind, groups)

"""Clusters subjects by their tags, and proposes rows that describe the clusters (R-CLUST-1).

Subjects with equal tags form one point, weighted by their number. Each word that a subject has or lacks is a
coordinate. k-means clusters the points; a decision tree over the same words describes the clusters, and each of its
leaves is a row. Both are seeded and single-threaded, so the same population gives the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product

import duckdb

from policy_service.compilers.columnar.layout import from_cell
from policy_service.cross_groups.dimensions import find_fact
from policy_service.language.policy import Fact, Policy
from policy_service.language.types import BooleanType, ChoiceType, TagsType, Value, describe_type
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.population.parts import ROWS, PartTable
from policy_service.population.plan import FactColumn, Plan, heading_of, subject_problem
from policy_service.population.population import OnProgress, register
from policy_service.population.source import RowSource

MAX_POINTS = 20_000
"""Maximum number of distinct combinations of tags."""
MAX_FACTS = 50
MAX_ROWS = 200
"""Maximum number of rows in a draft."""
STARTS = 10
"""Number of runs of k-means; the best is used."""


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """The parameters of the clustering."""

    policies: Sequence[Policy]
    """The policies that declare facts and outcomes."""
    facts: Sequence[str] | None
    """The facts to group by; None for all that the population has."""
    kind: str
    mapping: ColumnMapping
    groups: int
    rows: int
    """Maximum number of rows, before splitting by missing facts."""
    smallest: int
    """Minimum number of subjects in a row; a smaller group is marked as small."""
    seed: int


@dataclass(frozen=True, slots=True)
class Trait:
    """A word that a subject has or lacks for a fact; None if the fact is missing."""

    fact: str
    word: str | None


@dataclass(frozen=True, slots=True)
class Point:
    """A combination of tags, shared by some subjects."""

    values: Mapping[str, Value | None]
    subjects: int

    def has(self, trait: Trait) -> bool:
        """Return True if these subjects have the word."""
        value = self.values[trait.fact]
        match value:
            case None:
                return trait.word is None
            case frozenset():
                return trait.word in value
            case bool():
                return trait.word == str(value).lower()
            case _:
                return trait.word == value


@dataclass(frozen=True, slots=True)
class Row:
    """A leaf: the words its subjects have and lack, the majority's cluster, and the number of subjects."""

    path: tuple[tuple[Trait, bool], ...]
    group: int
    subjects: int
    agreeing: int
    """The number of its subjects that are in that cluster."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of similar subjects, numbered by size; 1 is the largest."""

    number: int
    subjects: int
    profile: tuple[Trait, ...]
    """The words that distinguish it most."""


@dataclass(frozen=True)
class Clustering:
    """The clusters, and the rows that describe them."""

    request: ClusterRequest
    facts: Mapping[str, Fact]
    groups: tuple[Cluster, ...]
    rows: tuple[Row, ...]
    population: str
    digest: str
    subjects: int
    refused: int
    left_out: tuple[str, ...]
    """Columns not used, with the reason."""
    library: str

    @property
    def agreeing(self) -> int:
        """The number of subjects that the rows assign to their own cluster."""
        return sum(row.agreeing for row in self.rows)


def propose_groups(request: ClusterRequest, source: RowSource, on_progress: OnProgress) -> Clustering:
    """Cluster a population. Raises PopulationRejected with every problem, OSError."""
    if find_spec("sklearn") is None:
        raise PopulationRejected(["scikit-learn is not installed: `pip install 'policy-service[cluster]'`"])
    request = replace(request, mapping=source.mapping)
    facts, left_out = _facts(request, source)
    columns = tuple(
        FactColumn(fact.name, fact.type, f"f{index}", source.headings.index(heading), fact.sensitive)
        for index, (heading, fact) in enumerate(facts.items())
    )
    plan = Plan((), columns, source.headings.index(request.mapping.subject), {})
    with duckdb.connect() as connection:
        connection.execute("SET temp_directory = ''")  # facts stay in memory
        population = register(source, plan, PartTable(connection), on_progress)
        points = _points(connection, columns)
    by_name = {fact.name: fact for fact in facts.values()}
    missing = {name for point in points for name, value in point.values.items() if value is None}
    by_name = {name: replace(fact, optional=name in missing) for name, fact in by_name.items()}
    traits = [trait for trait in _traits(by_name) if len({point.has(trait) for point in points}) > 1]
    if len(points) < request.groups:
        raise PopulationRejected(
            [f"{source.label}: {len(points):,} combinations of tags make no {request.groups} groups: ask for fewer"]
        )
    labels, leaves, library = _learn(points, traits, request)
    order = Counter[int]()
    for point, label in zip(points, labels, strict=True):
        order[label] += point.subjects
    numbers = {label: number for number, (label, _) in enumerate(order.most_common(), 1)}
    grouped = [(point, numbers[label]) for point, label in zip(points, labels, strict=True)]
    rows = tuple(_row(path, leaf, grouped) for leaf in leaves for path in _parted(leaf, by_name))
    if len(rows) > MAX_ROWS:
        raise PopulationRejected(
            [f"{source.label}: {len(rows):,} rows, as facts are missing: name fewer facts by --fact, or fill them in"]
        )
    return Clustering(
        request=request,
        facts=by_name,
        groups=tuple(_group(number, grouped, traits) for number in numbers.values()),
        rows=rows,
        population=source.label,
        digest=source.digest,
        subjects=population.count,
        refused=population.refused,
        left_out=left_out,
        library=library,
    )


def _facts(request: ClusterRequest, source: RowSource) -> tuple[dict[str, Fact], tuple[str, ...]]:
    """Return the facts to cluster by, by column, and why others are left out."""
    mapping = request.mapping
    problems, left_out = subject_problem(source.headings, mapping), []
    names = {heading: name for name, heading in mapping.columns.items()}
    wanted = request.facts or [names.get(each, each) for each in source.headings if each != mapping.subject]
    found: dict[str, Fact] = {}
    for name in dict.fromkeys(wanted):
        errors: list[str] = []
        fact_and_subject = find_fact(name, request.policies, errors, as_tags=True)
        heading = heading_of(name, mapping)
        if fact_and_subject is not None:
            fact, subject = fact_and_subject
            if subject != request.kind:
                errors.append(f"`{name}` is about a {subject}")
            elif not isinstance(fact.type, ChoiceType | BooleanType | TagsType):
                errors.append(f"`{name}` is {describe_type(fact.type)}: groups are made of choices, tags and booleans")
            elif heading not in source.headings:
                errors.append(f"no column `{heading}`")
            elif fact.name in {each.name for each in found.values()}:
                errors.append(f"two columns have the fact `{fact.name}`")
            else:
                found[heading] = fact
        if request.facts is not None:
            problems += errors
        else:
            left_out += errors
    if len(found) > MAX_FACTS:
        problems.append(f"{len(found)} facts, at most {MAX_FACTS} are grouped by: name those that count by --fact")
    if not found and not problems:
        problems.append(f"no column holds tags: {'; '.join(left_out)}")
    if problems:
        raise PopulationRejected([f"{source.label}: {problem}" for problem in problems])
    return found, tuple(left_out)


def _points(connection: duckdb.DuckDBPyConnection, columns: Sequence[FactColumn]) -> list[Point]:
    """Return the combinations of tags, in a fixed order. Raises PopulationRejected."""
    listed = ", ".join(column.column for column in columns)
    sql = f"SELECT {listed}, count(*) FROM {ROWS} GROUP BY ALL ORDER BY {listed} LIMIT {MAX_POINTS + 1}"  # noqa: S608  # our names
    found = connection.execute(sql).fetchall()
    if len(found) > MAX_POINTS:
        raise PopulationRejected([f"more than {MAX_POINTS:,} combinations of tags: name fewer facts by --fact"])
    return [
        Point(
            {
                column.name: None if cell is None else from_cell(column.type, cell)
                for column, cell in zip(columns, cells, strict=True)
            },
            subjects,
        )
        for *cells, subjects in found
    ]


def words_of(fact: Fact) -> tuple[str, ...]:
    """Return the words that a fact can have."""
    return fact.type.of if isinstance(fact.type, ChoiceType | TagsType) else ("true", "false")


def _traits(facts: Mapping[str, Fact]) -> Iterator[Trait]:
    for name, fact in facts.items():
        yield from (Trait(name, word) for word in words_of(fact))
        if fact.optional:
            yield Trait(name, None)


Leaf = tuple[tuple[Trait, bool], ...]


def _learn(
    points: Sequence[Point], traits: Sequence[Trait], request: ClusterRequest
) -> tuple[list[int], list[Leaf], str]:
    """Return the cluster of each point, the leaves that describe the clusters, and the library used."""
    import numpy as np  # noqa: PLC0415  # an extra
    import sklearn  # noqa: PLC0415
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    matrix = np.array([[point.has(trait) for trait in traits] for point in points], dtype=float)
    weights = np.array([point.subjects for point in points], dtype=float)
    with threadpool_limits(1):
        means = KMeans(request.groups, n_init=STARTS, random_state=request.seed)
        labels = means.fit(matrix, sample_weight=weights).labels_.tolist()
        share = min(0.5, request.smallest / sum(point.subjects for point in points))
        tree = DecisionTreeClassifier(
            max_leaf_nodes=request.rows, min_weight_fraction_leaf=share, random_state=request.seed
        )
        nodes = tree.fit(matrix, labels, sample_weight=weights).tree_
    left, right, feature = nodes.children_left.tolist(), nodes.children_right.tolist(), nodes.feature.tolist()

    def leaves(node: int, path: Leaf) -> Iterator[Leaf]:
        if left[node] == right[node]:
            yield path
        else:
            trait = traits[feature[node]]
            yield from leaves(right[node], (*path, (trait, True)))
            yield from leaves(left[node], (*path, (trait, False)))

    return labels, list(leaves(0, ())), f"scikit-learn {sklearn.__version__}"


def _parted(leaf: Leaf, facts: Mapping[str, Fact]) -> Iterator[Leaf]:
    """Yield a leaf split by whether optional facts are missing, since a table needs an explicit cell for that."""
    asked = dict.fromkeys(trait.fact for trait, there in leaf)
    said = {trait.fact for trait, there in leaf if there or trait.word is None}
    ways = [(True, False) if facts[name].optional and name not in said else (False,) for name in asked]
    for missing in product(*ways):
        gone = {name for name, is_missing in zip(asked, missing, strict=True) if is_missing}
        parted = {name for name, way in zip(asked, ways, strict=True) if len(way) > 1}
        kept = [condition for condition in leaf if condition[0].fact not in gone]
        yield (*kept, *((Trait(name, None), name in gone) for name in asked if name in parted))


def _row(path: Leaf, leaf: Leaf, grouped: Sequence[tuple[Point, int]]) -> Row:
    """Return a part of a leaf, with the cluster of most subjects of the leaf."""
    counts = _counts(path, grouped)
    group, _ = min(_counts(leaf, grouped).items(), key=lambda each: (-each[1], each[0]))
    return Row(path, group, counts.total(), counts[group])


def _counts(path: Leaf, grouped: Sequence[tuple[Point, int]]) -> Counter[int]:
    """Return the number of fitting subjects by cluster."""
    counts = Counter[int]()
    for point, group in grouped:
        if all(point.has(trait) is there for trait, there in path):
            counts[group] += point.subjects
    return counts


def _group(number: int, grouped: Sequence[tuple[Point, int]], traits: Sequence[Trait]) -> Cluster:
    """Return a cluster, with the three words whose frequency most exceeds that of other clusters."""
    total = sum(point.subjects for point, _ in grouped)
    subjects = sum(point.subjects for point, group in grouped if group == number)

    def lead(trait: Trait) -> int:
        everywhere = sum(point.subjects for point, _ in grouped if point.has(trait))
        here = sum(point.subjects for point, group in grouped if group == number and point.has(trait))
        return here * total - everywhere * subjects

    leads = {trait: lead(trait) for trait in traits}
    chosen = sorted((trait for trait in traits if leads[trait] > 0), key=lambda trait: -leads[trait])
    return Cluster(number, subjects, tuple(chosen[:3]))

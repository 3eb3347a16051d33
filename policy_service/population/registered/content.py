"""The content of a registered population: the original rows of its file, in parts, not parsed by any policy yet.

A part is Parquet: the number, subject, line and cells of each row; its metadata have the rejected rows. The cells are
parsed when the population is used, as for a file.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlmodel import Session

from policy_service.audit.row_verification import require_logged
from policy_service.database import Database
from policy_service.decisions.encryption import SubjectKey
from policy_service.decisions.subjects import FactCipher
from policy_service.integrity import reading_row
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping, parse_mapping
from policy_service.population.parts import PartTable
from policy_service.population.plan import Plan, missing_columns, subject_problem
from policy_service.population.population import ROW, SUBJECT, raw_column, register
from policy_service.population.registered.errors import RegistrationRejected
from policy_service.population.registered.model import FileFormat, PopulationFile, RegisteredPopulation
from policy_service.population.registered.queries import read_population, unapplied_erasures
from policy_service.population.registered.service import read_key, read_part
from policy_service.population.source import RawPart, Source, open_source

_REFUSED = b"rejected_rows"


def read_file(content: bytes, file_format: FileFormat, mapping: str) -> PopulationFile:
    """Read the bytes of a file.

    Raises RegistrationRejected with every problem, MemoryError, OSError.
    """
    with tempfile.TemporaryDirectory() as folder:  # which nobody else reads
        path = Path(folder) / f"population.{file_format}"
        path.write_bytes(content)
        try:
            return _read(path, len(content), file_format, parse_mapping(mapping, "mapping"))
        except PopulationRejected as error:
            problems = [each.replace(str(path), path.name) for each in error.problems]
            raise RegistrationRejected(problems) from None
        except duckdb.OutOfMemoryException:
            raise MemoryError from None  # reported like any work that exceeds its limits


def _read(path: Path, size: int, file_format: FileFormat, mapping: Mapping) -> PopulationFile:
    source = _NumberedSource(**vars(open_source(path, mapping)))
    if problems := [*missing_columns(source.headings, mapping), *subject_problem(source.headings, mapping)]:
        raise PopulationRejected(problems)
    plan = Plan((), (), source.headings.index(mapping.subject), {})
    with duckdb.connect(config={"threads": 1, "temp_directory": ""}) as connection:  # memory is limited here
        kept = _WrittenParts(connection)
        found = register(source, plan, kept, lambda _: None, written=len(source.headings) + 1)
    if not found.count:
        raise PopulationRejected([f"{path}: no row names a subject: {next(found.rejected_rows()).reason}"])
    return PopulationFile(
        file_format,
        size,
        source.digest,
        source.encoding,
        source.headings,
        source.types,
        found.count,
        found.refused,
        tuple(kept.contents),
    )


class _NumberedSource(Source):
    """A file with an added last column: the line on which each row ends."""

    def parts(self) -> Iterator[RawPart]:
        """Yield all rows, in parts. Raises PopulationRejected."""
        for raw in super().parts():
            yield replace(raw, columns=[*raw.columns, pa.array(raw.lines, pa.int64())])


class _WrittenParts(PartTable):
    """Stores parts as Parquet bytes, and their subjects in a table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self.contents: list[bytes] = []

    def write(self, name: str, table: pa.Table, about: dict[str, Any]) -> None:
        """Add a part."""
        self.contents.append(_to_bytes(table, about["rejected_rows"]))
        super().write(name, table.select([ROW, SUBJECT]), about)


def _to_bytes(table: pa.Table, rejected_rows: Sequence[dict[str, Any]]) -> bytes:
    metadata = {_REFUSED: json.dumps(rejected_rows, ensure_ascii=False)}
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _from_bytes(content: bytes) -> tuple[pa.Table, list[RejectedRow]]:
    table = pq.read_table(pa.BufferReader(content))
    return table, [RejectedRow(**each) for each in json.loads(table.schema.metadata[_REFUSED])]


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part without the rows of some subjects."""

    content: bytes
    rows: int
    refused: int


def remove_subjects(part: bytes, names: frozenset[str]) -> KeptPart:
    """Return a part without the rows of some subjects."""
    table, rejected_rows = _from_bytes(part)
    table = table.filter(pc.invert(pc.is_in(table[SUBJECT], pa.array(sorted(names), pa.string()))))
    left = [asdict(each) for each in rejected_rows if each.subject not in names]
    return KeptPart(_to_bytes(table, left), table.num_rows, len(left))


@dataclass(frozen=True)
class RegisteredSource:
    """The rows of a registered population; the first column has the subjects' identifiers."""

    population: RegisteredPopulation
    mapping: Mapping
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    _order: tuple[int, ...]
    _session: Session
    _key: SubjectKey
    is_encrypted: bool = True
    written: int = 1

    @property
    def label(self) -> str:
        """Its name."""
        return self.population.name

    @property
    def digest(self) -> str:
        """The digest of its content."""
        return self.population.content

    @property
    def encoding(self) -> str | None:
        """The encoding of its file."""
        return self.population.encoding

    def parts(self) -> Iterator[RawPart]:
        """Yield all rows, in parts. Raises DamagedRecord."""
        for number in range(self.population.parts):
            content = read_part(self._session, self._key, self.population, number)
            with reading_row("population_part", self.population.id, number):
                table, rejected_rows = _from_bytes(content)
                columns = [table[raw_column(position)].combine_chunks() for position in self._order]
                lines = table[raw_column(len(self._order))].to_pylist()
                part = RawPart(table[ROW].to_pylist(), lines, columns, rejected_rows=tuple(rejected_rows))
            yield part


@contextmanager
def open_registered(database: Database, cipher: FactCipher, name: str, kind: str) -> Iterator[RegisteredSource]:
    """Open the rows of a registered population, given its identifier or name, about subjects of a kind.

    Raises UnknownPopulation, PopulationRejected for another kind or pending erasures, DamagedRecord.
    """
    with database.read() as session:
        population = read_population(session, name)
        require_logged(session, "population", population.id)
        if population.kind != kind:
            raise PopulationRejected([f"{population.name}: it is about a {population.kind}, and not about a {kind}"])
        if any(each.id == population.id for each, _ in unapplied_erasures(session)):
            raise PopulationRejected([f"{population.name}: a subject was erased, and is being removed: try again"])
        mapping = parse_mapping(population.mapping, population.name)
        subject = population.headings.index(mapping.subject)
        order = (subject, *(each for each in range(len(population.headings)) if each != subject))
        types = population.types
        yield RegisteredSource(
            population,
            mapping,
            tuple(population.headings[each] for each in order),
            None if types is None else tuple(types[each] for each in order),
            order,
            session,
            read_key(session, cipher, population),
        )

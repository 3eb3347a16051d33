"""A registered population: what it is called and about, for which day, how long it is kept, and what its file had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

FileFormat = Literal["csv", "xlsx", "parquet"]
MAX_BYTES = 64 * 2**20
"""Of a file that is registered; a larger one is read by the command, and not kept."""
MAX_POPULATIONS = 100
"""Registered at a time."""
MAX_NAME = 64
NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_NAME - 1}}}")
KEEP_DAYS, MAX_KEEP_DAYS = 90, 3_650


@dataclass(frozen=True, slots=True)
class PopulationDetails:
    """What the one who registers a population says of it."""

    name: str
    kind: str
    """Of its subjects."""
    as_of: date
    """The day that its facts are of."""
    keep_days: int = KEEP_DAYS
    mapping: str = ""
    """Which column is which fact, as YAML."""


@dataclass(frozen=True, slots=True)
class PopulationFile:
    """The file of a population, read: what there is to know about it, and its rows in parts."""

    file_format: FileFormat
    size: int
    """Bytes, as they came."""
    digest: str
    """Of the bytes, as they came."""
    encoding: str | None
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    subjects: int
    """Rows that name a subject."""
    refused: int
    """Rows that do not, or have another number of cells than the heading."""
    parts: tuple[bytes, ...]
    """The rows, as Parquet."""


@dataclass(frozen=True, slots=True)
class RegisteredPopulation:
    """A population that the service keeps."""

    id: str
    name: str
    kind: str
    as_of: date
    mapping: str
    file_format: FileFormat
    size: int
    digest: str
    content: str
    """The digest of what is left: that of the file, until rows were removed."""
    encoding: str | None
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    subjects: int
    refused: int
    removed: int
    """Rows about subjects that were erased since."""
    parts: int
    generation: int
    """Counts the keys that its content had."""
    registered_by: str
    """The identifier of who registered it."""
    printed_name: str
    registered_at: datetime
    searched_until: int
    """The number of the entry up to which erasures have reached it."""
    expires_at: datetime


def format_of(content: bytes) -> FileFormat:
    """Return the format of a file, by what each begins with; whatever is no workbook and no Parquet is CSV."""
    formats: dict[bytes, FileFormat] = {b"PK\x03\x04": "xlsx", b"PAR1": "parquet"}
    return formats.get(content[:4], "csv")

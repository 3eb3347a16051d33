"""A registered population: its name, kind, day and retention, and a description of its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

FileFormat = Literal["csv", "xlsx", "parquet"]
MAX_BYTES = 64 * 2**20
"""Maximum size of a registered file, bytes; larger ones can only be read by the command."""
MAX_POPULATIONS = 100
"""Maximum number of registered populations."""
MAX_NAME = 64
NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_NAME - 1}}}")
KEEP_DAYS, MAX_KEEP_DAYS = 90, 3_650


@dataclass(frozen=True, slots=True)
class PopulationDetails:
    """The description given when registering a population."""

    name: str
    kind: str
    """The kind of its subjects."""
    as_of: date
    """The day of its facts."""
    keep_days: int = KEEP_DAYS
    mapping: str = ""
    """The mapping from columns to facts, as YAML."""


@dataclass(frozen=True, slots=True)
class PopulationFile:
    """A parsed population file: its description, and its rows in parts."""

    file_format: FileFormat
    size: int
    """The size of the original file, bytes."""
    digest: str
    """The digest of the original file."""
    encoding: str | None
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    subjects: int
    """The number of rows with a valid subject."""
    refused: int
    """The number of rows without one, or with a wrong number of cells."""
    parts: tuple[bytes, ...]
    """The rows, as Parquet."""


@dataclass(frozen=True, slots=True)
class RegisteredPopulation:
    """A stored population."""

    id: str
    name: str
    kind: str
    as_of: date
    mapping: str
    file_format: FileFormat
    size: int
    digest: str
    content: str
    """The digest of the current content: that of the file, until rows are removed."""
    encoding: str | None
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    subjects: int
    refused: int
    removed: int
    """The number of rows removed after erasures."""
    parts: int
    generation: int
    """The number of keys that its content has had."""
    registered_by: str
    """The identifier of the actor who registered it."""
    printed_name: str
    registered_at: datetime
    searched_until: int
    """The number of the log entry up to which erasures were applied."""
    expires_at: datetime


def format_of(content: bytes) -> FileFormat:
    """Return the format of a file by its magic bytes; anything but a workbook or Parquet is CSV."""
    formats: dict[bytes, FileFormat] = {b"PK\x03\x04": "xlsx", b"PAR1": "parquet"}
    return formats.get(content[:4], "csv")

"""Rows of registered populations: each is covered by the log, and its parts can only be decrypted with its key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlmodel import Field, SQLModel

from policy_service.database import Instant
from policy_service.population.registered.model import MAX_NAME
from policy_service.subject import MAX_KIND


class PopulationRow(SQLModel, table=True):
    """A registered population; `headings` and `types` are JSON."""

    __tablename__ = "population"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=MAX_NAME, unique=True)
    kind: str = Field(max_length=MAX_KIND)
    as_of: str = Field(max_length=10)
    mapping: str = Field(sa_column=Column(Text, nullable=False))
    file_format: str = Field(max_length=8)
    size: int = Field(sa_type=BigInteger)
    digest: str = Field(max_length=71)
    content: str = Field(max_length=71)
    encoding: str | None = Field(default=None, max_length=16)
    headings: str = Field(sa_column=Column(Text, nullable=False))
    types: str | None = Field(default=None, sa_column=Column(Text))
    subjects: int
    refused: int
    removed: int
    parts: int
    generation: int
    registered_by: str = Field(max_length=64)
    printed_name: str = Field(max_length=200)
    registered_at: datetime = Field(sa_type=Instant)
    searched_until: int
    expires_at: datetime = Field(sa_type=Instant)


class PopulationPartRow(SQLModel, table=True):
    """Some rows of a population, encrypted with its key and bound to their position."""

    __tablename__ = "population_part"

    population: str = Field(primary_key=True, max_length=36, foreign_key="population.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))

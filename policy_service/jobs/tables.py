"""Rows of jobs: the current state of each; removed some time after the job ended."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, SQLModel

from policy_service.database import Instant


class JobRow(SQLModel, table=True):
    """One job; `parameters`, `result` and `problem` are JSON, `process` names the process that runs it."""

    __tablename__ = "job"

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=40, index=True)
    account: str = Field(max_length=64, index=True)
    requested_by: str = Field(max_length=200)
    parameters: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(max_length=16, index=True)
    completed: int = Field(default=0, sa_type=BigInteger)
    total: int | None = Field(default=None, sa_type=BigInteger)
    started_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    result: str | None = Field(default=None, sa_column=Column(Text))
    file_name: str | None = Field(default=None, max_length=200)
    file_size: int | None = Field(default=None, sa_type=BigInteger)
    problem: str | None = Field(default=None, sa_column=Column(Text))
    process: str = Field(max_length=36)
    seen_at: datetime | None = Field(default=None, sa_type=Instant)
    """When the process last wrote the progress."""
    mac: str | None = Field(default=None, max_length=81)
    """The MAC of a finished job's outcome, with the log's key."""

"""Tables of models, which SQLModel creates but leaves out of its types, and the number of their rows."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Table
from sqlmodel import Session, func, select


def table_of(model: type[Any]) -> Table:
    """Return the table of a model."""
    return cast("Table", model.__table__)


def row_count(session: Session, table: type[Any] | Table) -> int:
    """Return the number of rows of a table."""
    return session.exec(select(func.count()).select_from(table)).one()

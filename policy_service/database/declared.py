"""The table that a model declares, which SQLModel makes and leaves out of its types."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Table


def table_of(model: type[Any]) -> Table:
    """Return the table that a model declares."""
    return cast("Table", model.__table__)

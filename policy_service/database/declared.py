"""Returns the table of a model, which SQLModel creates but leaves out of its types."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Table


def table_of(model: type[Any]) -> Table:
    """Return the table of a model."""
    return cast("Table", model.__table__)

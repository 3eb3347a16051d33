"""The database at the start: it has to be there, with every table, or the service does not begin."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.database import Database


class NotInitialisedError(ValueError):
    """The database is not there, or not set up; the message says what to do."""


def open_database(url: str) -> Database:
    """The database at an address. Raises NotInitialisedError, ValueError when the address is no database's."""
    database = Database(url)
    shown = make_url(url).render_as_string(hide_password=True)
    file = make_url(url).database
    if database.engine.dialect.name == "sqlite" and not (file and Path(file).is_file()):
        raise NotInitialisedError(f"there is no database at {shown}: run `policy-service init`")
    try:
        there = set(inspect(database.engine).get_table_names())
    except SQLAlchemyError:
        database.close()
        raise NotInitialisedError(f"the database at {shown} does not answer") from None
    if not set(SQLModel.metadata.tables) <= there:
        database.close()
        raise NotInitialisedError(f"the database at {shown} is not set up: run `policy-service init`")
    return database

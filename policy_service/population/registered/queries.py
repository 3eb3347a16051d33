"""All reads of registered populations, except of their rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec
from sqlmodel import Session, col, select

from policy_service.audit.events import SubjectErased
from policy_service.audit.log import END_SEQ
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import check_digest
from policy_service.database import Database
from policy_service.integrity import reading_row
from policy_service.messages import Message
from policy_service.paging import Page, both_ways, fetch
from policy_service.population.registered.errors import UnknownPopulation
from policy_service.population.registered.model import RegisteredPopulation
from policy_service.population.registered.tables import PopulationRow

PopulationSort = Literal["registered", "-registered"]
"""By the time of registration; with `-` newest first."""
_ORDERS = both_ways("registered", col(PopulationRow.registered_at), col(PopulationRow.id))


def list_populations(
    session: Session,
    kind: str | None = None,
    *,
    sort: PopulationSort = "-registered",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[RegisteredPopulation]:
    """Return a page of the populations, of all kinds of subjects or of one. Raises InvalidCursor, DamagedRecord."""
    query = select(PopulationRow)
    if kind is not None:
        query = query.where(PopulationRow.kind == kind)
    return fetch(session, query, _ORDERS[sort], population_of, after=cursor, limit=limit)


def read_population(session: Session, name: str) -> RegisteredPopulation:
    """Return the population with an identifier or a name. Raises UnknownPopulation, DamagedRecord."""
    row = session.get(PopulationRow, name)
    row = row or session.exec(select(PopulationRow).where(PopulationRow.name == name)).first()
    if row is None:
        raise UnknownPopulation(Message("There is no population {name}.", name=repr(name[:40])))
    return population_of(row)


def population_day(database: Database, name: str | None) -> date | None:
    """Return the day of a population's facts; None without a name. Raises UnknownPopulation, DamagedRecord."""
    if name is None:
        return None
    with database.read() as session:
        return read_population(session, name).as_of


def expired_populations(session: Session, now: datetime) -> list[RegisteredPopulation]:
    """Return the populations whose retention time is over. Raises DamagedRecord."""
    return list(map(population_of, session.exec(select(PopulationRow).where(col(PopulationRow.expires_at) <= now))))


def unapplied_erasures(session: Session) -> list[tuple[RegisteredPopulation, frozenset[str]]]:
    """Return the populations with pending erasures, each with the erased subjects. Raises DamagedRecord."""
    populations = [population_of(row) for row in session.exec(select(PopulationRow))]
    first = min((each.searched_until for each in populations), default=END_SEQ)
    query = select(AuditEntry.seq, AuditEntry.line).where(AuditEntry.event == SubjectErased.name)
    erasures = [
        (seq, msgspec.json.decode(line)["body"]) for seq, line in session.exec(query.where(col(AuditEntry.seq) > first))
    ]
    found = []
    for each in populations:
        new = (body for seq, body in erasures if seq > each.searched_until)
        if names := frozenset(body["subject"] for body in new if body["kind"] == each.kind):
            found.append((each, names))
    return found


def population_of(row: PopulationRow) -> RegisteredPopulation:
    """Return the population in a row. Raises DamagedRecord."""
    with reading_row("population", row.id):
        values = {name: getattr(row, name) for name in RegisteredPopulation.__slots__}
        values |= {"digest": check_digest(row.digest), "content": check_digest(row.content)}
        values["headings"] = msgspec.json.decode(row.headings)
        values["types"] = None if row.types is None else msgspec.json.decode(row.types)
        return msgspec.convert(values, RegisteredPopulation)

"""A company with a row in every table, copies of its database, and what somebody does to them who has the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random  # with a seed
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, Integer, LargeBinary, Table, event, text
from sqlmodel import Session, SQLModel, create_engine

from policy_service.actor import SERVICE, Role
from policy_service.append_only import APPEND_ONLY_TABLES, unique_keys
from policy_service.approval.evidence import describe_evidence, store_evidence
from policy_service.audit.keys import public_keys
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.verdict import LogVerdict
from policy_service.database import Database
from policy_service.decisions.verification import verify_everything
from policy_service.identity.account import ExternalIdentity
from policy_service.identity.api_keys import issue_key, revoke_key
from policy_service.identity.service import link
from policy_service.identity.sessions import PASSWORD, confirm, start_session
from policy_service.population.registered.model import PopulationDetails
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import TIER, bonus
from tests.identity.people import enrol
from tests.packs.packing import HOSTILE, decided, secret, signed_instead
from tests.packs.packing import fill as fill_pack
from tests.population.registering import register

SUSPENDING = {"policy": TIER, "role": "sales_director", "reason": "wrong", "password": SECRET}


def fill(here: Company) -> None:
    """Rows in every table, more than one where rows can be swapped; the last decisions are in no block yet."""
    fill_pack(here)
    change = here.create(bonus(here.next_version(), 20))
    here.did("POST", f"/v1/changes/{change['id']}/comments", "ann", {"text": "why?"})
    here.did("POST", f"/v1/changes/{change['id']}/comments", "ben", {"text": "because"})
    here.moved("submit", here.read(change))
    [suspension] = here.did("GET", "/v1/suspensions", "sales")["items"]
    where, ratifying = f"/v1/suspensions/{suspension['id']}", {**SUSPENDING, "role": "compliance"}
    body = {name: value for name, value in ratifying.items() if name != "policy"}
    here.did("POST", f"{where}/ratify", "compliance", body)
    here.did("POST", f"{where}/end", "sales", body | {"role": "sales_director"})
    [override] = here.did("GET", "/v1/overrides", "sales")["items"]
    signing = {"role": "compliance", "digest": override["digest"], "reason": "as agreed", "password": SECRET}
    here.did("POST", f"/v1/overrides/{override['override']}/sign-offs", "compliance", signing)
    ending = {"role": "sales_director", "reason": "over", "password": SECRET}
    here.did("POST", f"/v1/overrides/{override['override']}/end", "sales", ending)
    with here.database.write(here.clock) as transaction:
        until = transaction.now + timedelta(days=30)
        for number in range(3):
            key = issue_key(transaction, SERVICE, name=f"k{number}", scopes=[Role.INTEGRATION], expires_at=until).key.id
            if number:
                revoke_key(transaction, SERVICE, key)
        for name in ("finance", "general"):
            enrol(transaction, here.people[name])
        for content in (b"%PDF-1 minutes", b"%PDF-1 a scan"):
            store_evidence(transaction, SERVICE, change["id"], describe_evidence("minutes.pdf", content), content)
        link(transaction, SERVICE, here.people["ben"].id, ExternalIdentity("https://id.example", "ben"))
        confirm(transaction, start_session(transaction, here.people["ben"], PASSWORD).user_session.id)
    for name in ("spring", "autumn"):
        details = PopulationDetails(name, "customer", here.clock.now().date())
        register(here.database, here.clock, here.app.service.fact_cipher, details, b"subject,orders\nC1,3\n")
    signed_instead(here, "C3")
    here.in_force(secret(here.next_version(), 70))
    decided(here, "C2", orders=770_078)
    here.app.service.sealer.seal_all()
    for number in range(3):
        decided(here, f"C{number}", orders=300 + number)
    decided(here, HOSTILE, orders=31)
    here.clock.move(minutes=5)
    here.token("ann")  # an entry behind the newest checkpoint


@dataclass(frozen=True)
class Place:
    """A database and the folder of its keys."""

    url: str
    keys: Path

    def verify(self, *, with_key: bool = True) -> LogVerdict:
        with closing(Database(self.url)) as database, database.read() as session:
            return self.verify_in(session, with_key=with_key)

    def verify_in(self, session: Session, *, with_key: bool = True) -> LogVerdict:
        keys = read_log_keys(self.keys) if with_key else None
        return verify_everything(session, list(public_keys(self.keys).values()), (), keys)


@contextmanager
def filled(backend: str = "sqlite") -> Iterator[tuple[Company, Place]]:
    with company(backend, fill) as here:
        yield here, Place(here.database.url, here.app.service.settings.keys)


class Mutation(NamedTuple):
    """What somebody does to a table."""

    kind: str
    table: str
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.table}{f'.{self.column}' if self.column else ''}"


def mutations() -> Iterator[Mutation]:
    """An edit of every column of every table; a row deleted, added and swapped with another in each."""
    for table in SQLModel.metadata.sorted_tables:
        yield from (Mutation("edit", table.name, column.name) for column in table.columns)
        yield from (Mutation(kind, table.name) for kind in ("delete", "insert", "swap"))


class NotPossible(Exception):
    """The table has no row, or not two, to do that with."""


class Tampering:
    """What somebody does who knows SQL, on a connection to either database; the triggers are away."""

    def __init__(self, connection: Connection, seed: int = 1) -> None:
        self._connection = connection
        self._random = Random(seed)  # no secret
        self._on_sqlite = connection.dialect.name == "sqlite"

    def do(self, mutation: Mutation) -> None:
        """Raises NotPossible, DBAPIError."""
        table = SQLModel.metadata.tables[mutation.table]
        query = f'SELECT {self._row(table)}, {_names(table)} FROM "{table.name}" ORDER BY {_names(table)}'
        rows = [tuple(row) for row in self._connection.exec_driver_sql(query)]
        if not rows:
            raise NotPossible
        row = self._random.choice(rows)
        match mutation.kind:
            case "edit":
                self._edit(table, row, str(mutation.column))
            case "delete":
                self._run(f'DELETE FROM "{table.name}" WHERE {self._where(table)}', {"r": row[0]})
            case "insert":
                self._insert(table, row[1:])
            case _:
                self._swap(table, row, rows)

    def _row(self, table: Table) -> str:
        """What tells a row from the others: its number, or its key where it has none."""
        if not self._on_sqlite:
            return "ctid::text"
        has_number = table.dialect_options["sqlite"]["with_rowid"]
        return "rowid" if has_number else " || '|' || ".join(column.name for column in table.primary_key)

    def _where(self, table: Table) -> str:
        return f"{self._row(table)} = :r" if self._on_sqlite else "ctid = CAST(:r AS tid)"

    def _edit(self, table: Table, row: tuple[Any, ...], name: str) -> None:
        value = row[1 + list(table.columns.keys()).index(name)]
        self._set(table, row[0], {name: another(table, name, value)})

    def _set(self, table: Table, row: object, values: dict[str, Any]) -> None:
        names = ", ".join(f'"{name}" = :v_{name}' for name in values)
        fields = {f"v_{name}": value for name, value in values.items()}
        self._run(f'UPDATE "{table.name}" SET {names} WHERE {self._where(table)}', {"r": row, **fields})

    def _run(self, statement: str, values: dict[str, Any]) -> None:
        self._connection.execute(text(statement), values)

    def _insert(self, table: Table, row: tuple[Any, ...]) -> None:
        """A row like another, under a key of its own."""
        unique = {column.name for key in keys_of(table) for column in key}
        values = {
            f"v_{name}": another(table, name, value) if name in unique else value
            for name, value in zip(table.columns.keys(), row, strict=True)
        }
        places = ", ".join(f":{name}" for name in values)
        self._run(f'INSERT INTO "{table.name}" ({_names(table)}) VALUES ({places})', values)

    def _swap(self, table: Table, row: tuple[Any, ...], rows: list[tuple[Any, ...]]) -> None:
        """Two rows exchange all but their keys."""
        names = list(table.columns.keys())
        unique = {column.name for key in keys_of(table) for column in key}
        free = [name for name in names if name not in unique]
        of = {each[0]: {name: each[1 + names.index(name)] for name in free} for each in rows}
        others = [each for each in of if of[each] != of[row[0]]]
        if not others or not free:
            raise NotPossible
        other = self._random.choice(others)
        self._set(table, row[0], of[other])
        self._set(table, other, of[row[0]])


def _names(table: Table) -> str:
    """Its columns, in the order in which they are declared; the database may have them in another."""
    return ", ".join(f'"{name}"' for name in table.columns.keys())  # noqa: SIM118  # the names, not the columns


def keys_of(table: Table) -> list[list[Any]]:
    """The columns of every key that only one row can have."""
    return [[table.columns[name] for name in key] for key in unique_keys(table)]


def another(table: Table, name: str, value: object) -> object:
    """Another value of the same type."""
    kind = table.columns[name].type
    match value:
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1]) if value else b"x"
        case bool():
            return not value
        case int():
            return 1 - value if isinstance(kind, Boolean) else value + 100_003
        case date():
            return value - timedelta(days=366)
        case str() if value[-1:] == "Z" and value[:2] == "20":
            return f"{int(value[:4]) - 1}{value[4:]}"
        case str():
            return f"{value[:-2]}é{value[-1:]}"
        case _:
            kinds = {Boolean: False, Integer: 1, LargeBinary: b"x"}
            return next((new for each, new in kinds.items() if isinstance(kind, each)), "2026-11-20")


@contextmanager
def undone(connection: Connection, mutation: Mutation, seed: int = 1) -> Iterator[Session]:
    """A session that sees what was done through a connection without defences, and is undone in the end.

    Raises NotPossible, DBAPIError.
    """
    attempt = connection.begin_nested()
    try:
        Tampering(connection, seed).do(mutation)
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
    finally:
        attempt.rollback()


def tampered(place: Place, folder: Path, *mutation: Mutation, seed: int = 1) -> Place:
    """A copy of a SQLite database in which that was done. Raises NotPossible, DBAPIError."""
    file = folder / "tampered.db"
    shutil.copy(str(Database(place.url).file), file)
    there = Place(f"sqlite:///{file}", place.keys)
    with defenceless(there) as connection:
        tampering = Tampering(connection, seed)
        for each in mutation:
            tampering.do(each)
    return there


def executed(place: Place, *statements: str) -> None:
    """Does as told to a database, whichever it is."""
    with defenceless(place) as connection:
        for each in statements:
            connection.execute(text(each))


@contextmanager
def defenceless(place: Place) -> Iterator[Connection]:
    """A connection to a database whose triggers and foreign keys are taken away; the triggers are put back."""
    engine = create_engine(place.url)
    if engine.dialect.name == "sqlite":  # whose driver begins too late for savepoints
        event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            result = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
            away, back = [f'DROP TRIGGER "{name}"' for name, _ in result], [sql for _, sql in result]
        else:
            named = [(f'"{name}"', name) for name in SQLModel.metadata.tables]
            away = [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table, _ in named]
            back = [f"ALTER TABLE {table} ENABLE TRIGGER ALL" for table, _ in named]
            back += [
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}_{kind}"
                for table, name in named
                if name in APPEND_ONLY_TABLES
                for kind in ("append_only", "no_truncate")
            ]
        for each in away:
            connection.exec_driver_sql(each)
        yield connection
        for each in back:
            connection.exec_driver_sql(each)
    engine.dispose()

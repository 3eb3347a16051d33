"""Pages of any size give every row once and in order, while rows are added; no cursor of another list is taken."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Select
from sqlmodel import Field, Session, SQLModel, col, delete, select

from api.web.parameters import MAX_CURSOR_LENGTH
from policy_service.clock import SystemClock
from policy_service.database import Database, Instant, LaneName
from policy_service.database.declared import table_of
from policy_service.paging import InvalidCursor, Order, Page, fetch, fetch_all
from tests.databases import BACKENDS, START, fresh_database
from tests.effort import effort


class Row(SQLModel, table=True):
    """A table of this test alone."""

    __tablename__ = "paging_test"
    metadata = SQLModel.metadata.__class__()

    id: int = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    name: str


TABLE = table_of(Row)
ORDERS = [
    Order(name, columns, descending)
    for descending, sign in ((False, ""), (True, "-"))
    for name, columns in ((f"{sign}at", (col(Row.at), col(Row.id))), (f"{sign}name", (col(Row.name), col(Row.id))))
]
Rows = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "B", "é", "甲", "=1"])), max_size=12)


@pytest.fixture(scope="module", params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        with database.write(SystemClock(), LaneName.GOVERNANCE) as transaction:
            TABLE.create(transaction.session.connection())
        yield database


def query() -> Select[Any]:
    return select(Row)


def add(session: Session, rows: list[tuple[int, str]], first: int = 0) -> None:
    for number, (minutes, name) in enumerate(rows, first):
        session.add(Row(id=number, at=START + timedelta(minutes=minutes), name=name))
    session.flush()


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: str(order.name))
@settings(max_examples=effort(5, 500), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=Rows, later=Rows, limit=st.integers(1, 5), drop=st.sampled_from([None, "a"]))
def test_pages_give_every_row_once_and_in_order(
    database: Database, order: Order, rows: list[tuple[int, str]], later: list[tuple[int, str]], limit: int, drop: str
) -> None:
    with database.write(SystemClock(), LaneName.GOVERNANCE) as transaction:
        session = transaction.session
        session.exec(delete(Row))
        add(session, rows)
        expected = [row.id for row in session.exec(select(Row).order_by(*order.clauses())) if row.name != drop]
        seen: list[int] = []
        cursor = None
        for number in range(100):
            page = fetch(
                session,
                query(),
                order,
                lambda row: None if row.name == drop else row,
                after=cursor,
                limit=limit,
                scan=3,
            )
            assert len(page.items) <= limit
            seen += [row.id for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
            if number == 0:  # rows that are added meanwhile are seen or not, but push nothing out
                add(session, later, first=100)
        assert cursor is None
        assert [number for number in seen if number < 100] == expected
        assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("most", [0, 1, 4, 5, 100])
def test_all_pages_are_one_list_up_to_a_limit(most: int) -> None:
    pages = {None: Page((1, 2), "b"), "b": Page((), "c"), "c": Page((3, 4), "d"), "d": Page((5,))}
    assert list(fetch_all(pages.__getitem__, most)) == [1, 2, 3, 4, 5][:most]


AT = {"at": "2026-11-20T01:00:00.000000Z"}


def cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "é",
        cursor(),
        cursor("at"),
        cursor("name", "a", 1),
        cursor("-at", AT, 1),
        cursor("at", AT),
        cursor("at", {"at": "yesterday"}, 1),
        cursor("at", {"by": AT["at"]}, 1),
        cursor("at", {}, 1),
        cursor("at", AT | {"by": 1}, 1),
        cursor("at", {"at": "2026-11-20T01:00:00"}, 1),
        cursor("at", {"at": "2026-W01-1"}, 1),
        cursor("at", {"at": "0001-01-01T00:00:00.000000+23:59"}, 1),
        cursor("at", AT["at"], 1),
        cursor("at", AT, "1"),
        cursor("at", AT, bool(1)),
        cursor("at", AT, 2**63),
        cursor("at", AT, 1.5),
        cursor("at", AT, None),
        cursor("at", AT, 1, 2),
        base64.urlsafe_b64encode(b"[" * 200).decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
    ],
)
def test_a_cursor_that_this_list_did_not_issue_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidCursor):
        ORDERS[0].after(wrong)


@pytest.mark.parametrize("wrong", ["a\0", "\ud800", 1, None])
def test_a_text_that_no_column_holds_is_refused(wrong: object) -> None:
    ORDERS[1].after(cursor("name", "甲", 1))
    with pytest.raises(InvalidCursor):
        ORDERS[1].after(cursor("name", wrong, 1))


def test_a_cursor_is_short_enough_to_be_given_back() -> None:
    assert len(ORDERS[1].cursor(("𠀀" * 200, 1))) <= MAX_CURSOR_LENGTH


def test_a_cursor_stands_after_its_row() -> None:
    at = datetime(2026, 11, 20, 1, 0, 0, 5, tzinfo=UTC)
    assert json.loads(base64.b64decode(ORDERS[0].cursor((at, 7)))) == ["at", {"at": "2026-11-20T01:00:00.000005Z"}, 7]
    ORDERS[0].after(ORDERS[0].cursor((at, 7)))

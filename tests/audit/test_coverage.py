"""The digest of a row is over its values, told apart by type, and the same on both databases."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Column, Date, Integer, MetaData, Table, Text

from policy_service.audit.coverage import row_digest

TABLE = Table("holiday", MetaData(), Column("id", Integer, primary_key=True), Column("day", Date), Column("note", Text))


def digest_of(day: object) -> str:
    return row_digest(TABLE, {"id": 1, "day": day, "note": None})


def test_a_day_has_one_digest_whether_the_database_gives_it_as_a_date_or_as_text() -> None:
    assert digest_of(date(2026, 11, 21)) == digest_of("2026-11-21")
    assert digest_of(date(2026, 11, 21)) != digest_of(date(2026, 11, 22))
    assert digest_of(date(2026, 11, 21)) != digest_of(None)

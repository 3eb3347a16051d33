"""Roles that sign are people's, and a re-authentication is fresh for five minutes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policy_service.actor import DIRECTORS, REAUTHENTICATION_VALIDITY, SERVICE, SIGNING_ROLES, Actor, Role

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
ACTOR = Actor("a1", "wang", "Wang Example", frozenset({Role.AUTHOR}))
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("ago", "is_fresh"),
    [
        (timedelta(), True),
        (REAUTHENTICATION_VALIDITY, True),
        (REAUTHENTICATION_VALIDITY + MOMENT, False),
        (-MOMENT, False),  # the clock went back: what lies ahead proves nothing
    ],
)
def test_a_re_authentication_is_fresh_for_five_minutes(ago: timedelta, *, is_fresh: bool) -> None:
    assert replace(ACTOR, confirmed_at=NOW - ago).is_fresh(NOW) is is_fresh


def test_who_has_not_re_authenticated_is_not_fresh() -> None:
    assert not ACTOR.is_fresh(NOW)
    assert not SERVICE.is_fresh(NOW)


def test_the_service_has_no_role_and_so_can_neither_write_nor_sign() -> None:
    assert SERVICE.roles == frozenset()
    assert SERVICE.kind == "service"


def test_neither_authors_nor_administrators_nor_machines_sign() -> None:
    assert not {Role.AUTHOR, Role.ADMINISTRATOR, Role.INTEGRATION} & set(SIGNING_ROLES)


def test_directors_sign_and_so_does_compliance() -> None:
    assert set(SIGNING_ROLES) == {*DIRECTORS, Role.COMPLIANCE}

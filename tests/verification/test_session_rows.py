"""A session counts as the newest entry records it: none that nobody began, that was ended, or was confirmed before."""

from __future__ import annotations

import pytest

from policy_service.clock import timestamp
from policy_service.identity.sessions import PASSWORD, confirm, end_all, start_session, use_confirmation
from policy_service.identity.tokens import digest_of
from tests.api.company import Company
from tests.verification.test_guard import concerns, here, tamper

__all__ = ["here"]


def test_a_session_that_nobody_began_is_none(here: Company) -> None:
    general = here.people["general"].id
    at = timestamp(here.clock.at)
    tamper(
        here,
        "INSERT INTO signed_in (id, digest, account, method, started_at, seen_at) "
        f"VALUES ('s1', '{digest_of('stolen')}', '{general}', 'password', '{at}', '{at}')",
    )
    here._tokens["general", here.clock.at] = "stolen"
    assert here.ask("GET", "/v1/session", "general").status_code == 401
    assert "the row s1 of `signed_in` does not match the log" in concerns(here)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_session_that_was_ended_is_not_opened_again(here: Company, is_known: bool) -> None:
    """Its row is what it was when it began, and an entry told of that: a later one records the end."""
    ann = here.people["ann"].id
    if is_known:
        assert here.ask("GET", "/v1/session").status_code == 200
    token = here.token("ann")
    with here.database.write(here.clock) as transaction:
        end_all(transaction, ann, "password changed")
    assert here.ask("GET", "/v1/session").status_code == 401
    tamper(here, f"UPDATE signed_in SET ended_at = NULL, ended_why = NULL WHERE account = '{ann}'")
    assert here.token("ann") == token
    assert here.ask("GET", "/v1/session").status_code == 401
    assert "of `signed_in` does not match the log" in concerns(here)


def test_a_confirmation_that_was_used_does_not_come_back(here: Company) -> None:
    sales = here.people["sales"]
    with here.database.write(here.clock) as transaction:
        started = start_session(transaction, sales, PASSWORD)
    with here.database.write(here.clock) as transaction:
        confirmed = confirm(transaction, started.user_session.id)
    here._tokens["sales", here.clock.at] = started.token
    assert here.ask("GET", "/v1/session", "sales").status_code == 200
    with here.database.write(here.clock) as transaction:
        assert use_confirmation(transaction, started.user_session.id) == confirmed
    assert here.ask("GET", "/v1/session", "sales").status_code == 200
    where = f"WHERE id = '{started.user_session.id}'"
    tamper(here, f"UPDATE signed_in SET confirmed_at = '{timestamp(confirmed)}' {where}")
    assert here.ask("GET", "/v1/session", "sales").status_code == 401

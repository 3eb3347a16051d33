"""A service that begins acts on no row that the log does not tell of, or does not begin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from policy_service.actor import SERVICE, Role
from policy_service.clock import timestamp
from policy_service.identity.api_keys import issue_key
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.tables import ApiKeyRow
from policy_service.identity.tokens import digest_of, format_key
from policy_service.start_check import NotSoundError
from tests.api.company import Company
from tests.approval.world import TIER, tier
from tests.verification.everything import Place
from tests.verification.test_guard import (
    FORGED,
    FORGED_ACTIVATION,
    FORGED_OVERRIDE,
    FORGED_ROLE,
    begun_again,
    concerns,
    govern,
    here,
    size_of,
)

__all__ = ["here"]


def test_a_service_begins_without_an_activation_that_nobody_signed(here: Company) -> None:
    here.in_force(tier(here.next_version(), 50))
    here.clock.move(minutes=1)
    forged = FORGED_ACTIVATION.replace(FORGED, timestamp(here.clock.at))
    with begun_again(here, forged) as again:
        assert size_of(again, 60) == "big"
        assert "the row 9001 of `activation` was added: no entry records it" in concerns(again)
        govern(again)
        assert size_of(again, 60) == "big"
    verdict = Place(here.database.url, here.app.service.settings.keys).verify()
    assert "the row 9001 of `activation` was added" in str(verdict.fault)


def test_a_service_begins_without_a_cancellation_that_nobody_made(here: Company) -> None:
    here.in_force(tier(here.next_version(), 50))
    with begun_again(
        here,
        f"INSERT INTO cancellation (activation, recorded_at) SELECT id, '{timestamp(here.clock.at)}' "
        f"FROM activation WHERE policy = '{TIER}' ORDER BY seq DESC LIMIT 1",
    ) as again:
        assert size_of(again, 60) == "big"
        assert "of `cancellation` was added" in concerns(again)


def test_a_service_begins_without_an_override_that_nobody_made(here: Company) -> None:
    with begun_again(here, FORGED_OVERRIDE) as again:
        assert size_of(again, 60) == "small"
        assert "the row 1 of `override` was added: no entry records it" in concerns(again)


def test_a_service_begins_without_an_api_key_that_nobody_issued_or_revoked(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        until = here.clock.at + timedelta(days=30)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=until)
    with here.database.read() as session:
        id_ = session.exec(select(ApiKeyRow)).one().id
    other = f"{id_[:-1]}x"
    with begun_again(
        here,
        "INSERT INTO api_key (id, name, digest, scopes, issued_at, issued_by, expires_at) VALUES "
        f"('{other}', 'x', '{digest_of('mine')}', 'compliance', '{FORGED}', 'x', '2027-01-01T00:00:00.000000Z')",
        f"INSERT INTO api_key_revocation (api_key, at, by) VALUES ('{id_}', '{FORGED}', 'x')",
    ) as again:
        ring = again.app.service.key_ring
        ring.refresh()
        assert ring.authenticate(issued.text, here.clock.at).name == "crm"
        with pytest.raises(AuthenticationFailed):
            ring.authenticate(format_key(other, "mine"), here.clock.at)
        result = concerns(again)
        assert f"the row {other} of `api_key` was added" in result
        assert f"the row {id_} of `api_key_revocation` was added" in result


def test_a_service_begins_without_a_role_that_nobody_gave(here: Company) -> None:
    ann = here.people["ann"].id
    with begun_again(here, FORGED_ROLE.format(ann)) as again:
        assert again.ask("GET", "/v1/session").status_code == 401
        assert again.ask("GET", "/v1/session", "ben").status_code == 200
        assert "the row 9001 of `account_change` was added: no entry records it" in concerns(again)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE activation SET effective_from = '2026-01-01T00:00:00.000000Z' WHERE seq = 1", "was altered"),
        ("DELETE FROM activation WHERE seq = 1", "was removed"),
    ],
)
def test_a_service_does_not_begin_when_what_was_in_force_cannot_be_read(
    here: Company, statement: str, text: str
) -> None:
    with (
        pytest.raises(NotSoundError, match=f"the row 1 of `activation` {text}"),
        begun_again(here, statement, FORGED_ACTIVATION),
    ):
        pass

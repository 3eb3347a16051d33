"""A running service acts on no row that the log does not tell of: nobody is let in by one, nothing put in force."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlmodel import Session, select

from api.app import Application, create_app
from api.features.health.endpoints import readiness
from policy_service.actor import SERVICE, Actor, Role
from policy_service.audit.events import VersionImported
from policy_service.audit.guard import tables_written_since
from policy_service.audit.log import append
from policy_service.audit.verdict import LogVerdict
from policy_service.clock import timestamp
from policy_service.database import NEVER, Database, LaneName, borne_out, log_size, transaction_count
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.verification import verify_rest
from policy_service.identity import key_ring, second_factor
from policy_service.identity.api_keys import issue_key, revoke_key
from policy_service.identity.authentication import sign_in
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.passwords import hash_password
from policy_service.identity.tables import ApiKeyRow, SecondFactorRow
from policy_service.identity.tokens import digest_of, format_key
from policy_service.registry.model import Activation
from policy_service.start_check import NotSoundError
from tests.api.client import HERE, SECRET
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.databases import BACKENDS, fresh_database
from tests.identity.people import enrol
from tests.verification.everything import Place, executed

CRM = Actor("id-crm", "crm", "crm", frozenset({Role.INTEGRATION}), "machine")
FUTURE = (
    "the lane `{}` was altered, or the clock of the machine was set back: it states 2027-06-01T00:00:00.000000Z, and "
    "nothing was written that late"
)
FORGED = "2026-11-20T01:00:00.000000Z"
FORGED_ROLE = (
    "INSERT INTO account_change (seq, account, at, by, roles, password, vouched) "
    f"VALUES (9001, '{{}}', '{FORGED}', 'service', 'general_manager', FALSE, TRUE)"
)
FORGED_OVERRIDE = (
    "INSERT INTO override (seq, id, subject, policy, version, outcome, role, actor, printed_name, reason, "
    f"recorded_at, until) SELECT 1, 'o', 'C1', '{TIER}', '1.0.0', change_text.content, 'sales_director', 'x', 'x', "
    f"'x', '{FORGED}', '2027-01-01T00:00:00.000000Z' FROM (SELECT content FROM version LIMIT 1) AS change_text"
)
FORGED_ACTIVATION = (
    "INSERT INTO activation (seq, id, policy, version, digest, kind, effective_from, recorded_at) "
    f"SELECT 9001, 'forged', policy, version, digest, 'change', '{FORGED}', '{FORGED}' FROM version "
    f"WHERE policy = '{TIER}' AND version = '1.0.0'"
)


@pytest.fixture(params=BACKENDS)
def here(request: pytest.FixtureRequest) -> Iterator[Company]:
    with company(request.param) as made:
        yield made


def tamper(here: Company, *statements: str) -> None:
    executed(Place(here.database.url, here.app.service.settings.keys), *statements)


def govern(here: Company) -> None:
    """Has governance write something, whatever it is, and the service look at it."""
    with here.database.write(here.clock) as transaction:
        append(transaction, SERVICE, VersionImported("tiering/other", "1.0.0", "sha256:0"))
    here.app.service.key_ring.invalidate()
    here.app.service.decisions.in_force.refresh()


def size_of(here: Company, orders: int) -> str:
    answer = here.app.service.decisions.decide_in_thread(DecisionRequest("C1", {"orders": orders}, (TIER,)), CRM)
    body: str = json.loads(answer.body)["outcomes"][TIER]["outcome"]["size"]
    return body


def concerns(here: Company) -> str:
    ready = readiness(here.app.service)
    assert ready.status == "degraded"
    return "\n".join(ready.concerns)


@contextmanager
def begun_again(here: Company, *statements: str) -> Iterator[Company]:
    """The company with a service that was begun after somebody had the database to themselves."""
    tamper(here, *statements)
    app = create_app(here.app.service.settings, here.clock, HERE)
    try:
        yield replace(here, app=cast("Application", app))
    finally:
        cast("Application", app).service.close()


def test_a_role_that_nobody_gave_is_not_used(here: Company) -> None:
    ann = here.people["ann"].id
    assert here.ask("GET", "/v1/session").status_code == 200
    tamper(here, FORGED_ROLE.format(ann))
    assert here.ask("GET", "/v1/session").status_code == 401
    assert here.ask("GET", "/v1/session", "ben").status_code == 200
    assert f"the rows of {ann} in `account_change` do not match the log" in concerns(here)


def test_a_role_that_was_taken_away_does_not_come_back(here: Company) -> None:
    ann = here.people["ann"].id
    tamper(here, f"DELETE FROM account_change WHERE account = '{ann}'")
    assert here.ask("GET", "/v1/session").status_code == 401


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_second_factor_that_was_removed_or_put_into_the_database_lets_nobody_in(
    here: Company, is_removed: bool
) -> None:
    sales = here.people["sales"]
    if is_removed:
        with here.database.write(here.clock) as transaction:
            enrol(transaction, sales)
    assert here.ask("GET", "/v1/session", "sales").status_code == 200
    added = f"INSERT INTO second_factor VALUES ('{sales.id}', '{'A' * 32}', '{timestamp(here.clock.at)}', 0)"
    tamper(here, f"DELETE FROM second_factor WHERE account = '{sales.id}'" if is_removed else added)
    assert here.ask("GET", "/v1/session", "sales").status_code == 401
    assert f"the rows of {sales.id} in `second_factor` do not match the log" in concerns(here)


def test_who_reads_a_second_factor_in_the_database_makes_no_codes_of_it(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        secret = enrol(transaction, here.people["sales"])
        row = transaction.session.get(SecondFactorRow, here.people["sales"].id)
        assert row is not None
        seed = row.seed
    assert secret not in seed
    with closing(Database(here.database.url)) as alone, alone.read() as session:
        assert second_factor.secret_of(session, here.people["sales"].id, seed) is None
        assert second_factor.secret_of(session, "", seed.rpartition(":")[2]) != secret
    here.clock.move(minutes=5)
    with here.database.write(here.clock) as transaction:
        guess = second_factor.code_at(seed.rpartition(":")[2], second_factor.step_of(transaction.now))
        assert not second_factor.use_code(transaction, here.people["sales"].id, guess)
    with closing(Database(here.database.url)) as alone, alone.write(here.clock) as transaction:
        assert not second_factor.use_code(transaction, here.people["sales"].id, guess)


def test_a_password_put_into_the_database_opens_nothing(here: Company) -> None:
    database, clock = here.app.service.database, here.clock
    assert sign_in(database, clock, "ann", SECRET).actor.name == "ann"
    tamper(here, f"UPDATE credential SET password_hash = '{hash_password('another secret')}'")
    with pytest.raises(AuthenticationFailed, match="the account differs from the log"):
        sign_in(database, clock, "ann", "another secret")


def test_an_api_key_that_nobody_issued_opens_nothing_and_the_others_do(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        until = here.clock.at + timedelta(days=30)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=until)
    ring = here.app.service.key_ring
    ring.refresh()
    with here.database.read() as session:
        row = session.exec(select(ApiKeyRow)).one()
    tamper(
        here,
        "INSERT INTO api_key (id, name, digest, scopes, issued_at, issued_by, expires_at) VALUES "
        f"('{row.id[:-1]}x', 'x', '{digest_of('mine')}', 'compliance', '{FORGED}', 'x', '2027-01-01T00:00:00.000000Z')",
    )
    govern(here)
    ring.refresh()
    assert ring.authenticate(issued.text, here.clock.at).name == "crm"
    with pytest.raises(AuthenticationFailed):
        ring.authenticate(format_key(f"{row.id[:-1]}x", "mine"), here.clock.at)
    assert f"the row {row.id[:-1]}x of `api_key` was added: no entry records it" in concerns(here)


def test_an_activation_that_nobody_signed_does_not_come_into_force(here: Company) -> None:
    here.in_force(tier(here.next_version(), 50))
    assert size_of(here, 60) == "big"
    tamper(
        here,
        "INSERT INTO activation (seq, id, policy, version, digest, kind, effective_from, recorded_at) "
        f"SELECT 9001, 'forged', policy, version, digest, 'change', '{timestamp(here.clock.at)}', "
        f"'{timestamp(here.clock.at)}' FROM version WHERE policy = '{TIER}' AND version = '1.0.0'",
    )
    govern(here)
    here.clock.move(minutes=1)
    assert size_of(here, 60) == "big"
    assert "the row 9001 of `activation` was added: no entry records it" in concerns(here)


def test_an_override_that_nobody_made_does_not_apply(here: Company) -> None:
    assert size_of(here, 60) == "small"
    tamper(here, FORGED_OVERRIDE)
    govern(here)
    assert size_of(here, 60) == "small"
    assert "the row 1 of `override` was added: no entry records it" in concerns(here)


@pytest.mark.parametrize("lane", ["governance", "decisions"])
def test_a_lane_put_into_the_future_moves_no_time_and_is_told(here: Company, lane: str) -> None:
    here.moved("schedule", here.signed(tier(here.next_version(), 50)))
    assert size_of(here, 60) == "small"
    tamper(here, f"UPDATE lane SET at = '2027-06-01T00:00:00.000000Z' WHERE name = '{lane}'")
    here.app.service.decisions.in_force.refresh()
    assert size_of(here, 60) == "small"
    assert lane_faults(here) == ([] if lane == "decisions" else [FUTURE.format(lane)])
    tamper(here, f"UPDATE lane SET at = '2027-06-01T00:00:00.000000Z' WHERE name = '{lane}'")
    assert lane_faults(here) == [FUTURE.format(lane)]
    for name in LaneName:
        with here.database.write(here.clock, name) as transaction:
            assert transaction.now == here.clock.at
    assert lane_faults(here) == []
    here.clock.move(days=2)
    govern(here)
    assert size_of(here, 60) == "big"


def lane_faults(here: Company) -> list[str]:
    """What verification says of lanes, at this instant."""
    with here.database.read() as session:
        nothing = LogVerdict(0, 0, "", "", None, 0)
        return [str(each.message) for each in verify_rest(session, nothing, now=here.clock.at).faults]


def test_a_trigger_that_keeps_back_what_is_written_is_named(here: Company) -> None:
    statements = ["CREATE TRIGGER helpful BEFORE INSERT ON override_end BEGIN SELECT RAISE(IGNORE); END"]
    if here.database.engine.dialect.name == "postgresql":
        statements = [
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER helpful BEFORE INSERT ON override_end FOR EACH ROW EXECUTE FUNCTION nothing()",
        ]
    tamper(here, *statements)
    govern(here)
    message = "`helpful` is a trigger that `override_end` was not given"
    assert message in concerns(here)
    assert message in str(Place(here.database.url, here.app.service.settings.keys).verify().faults)
    with pytest.raises(NotSoundError, match=message), begun_again(here):
        pass


def test_a_lane_whose_count_is_held_still_hides_nothing(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        until = here.clock.at + timedelta(days=30)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=until)
    ring, in_force = here.app.service.key_ring, here.app.service.decisions.in_force
    ring.refresh()
    in_force.refresh()
    with here.database.read() as session:
        before = transaction_count(session)
    here.in_force(tier(here.next_version(), 50))
    with here.database.write(here.clock) as transaction:
        revoke_key(transaction, SERVICE, issued.key.id)
    tamper(here, f"UPDATE lane SET count = {before} WHERE name = 'governance'")
    ring.refresh()
    in_force.refresh()
    assert size_of(here, 60) == "big"
    with pytest.raises(AuthenticationFailed, match="revoked"):
        ring.authenticate(issued.text, here.clock.at)


def test_a_machine_whose_clock_went_back_goes_on_behind_what_was_written(here: Company) -> None:
    govern(here)
    at = here.clock.at
    here.clock.move(days=-1)
    for name in LaneName:
        with here.database.write(here.clock, name) as transaction:
            assert at < transaction.now < at + timedelta(seconds=1)
    tamper(here, "UPDATE audit_entry SET mac = NULL", "UPDATE lane SET at = '2027-06-01T00:00:00.000000Z'")
    with here.database.write(here.clock) as transaction:
        assert transaction.now <= at + timedelta(seconds=1)


def test_only_what_is_under_a_key_says_when_something_was_written(here: Company) -> None:
    far = here.clock.at + timedelta(days=365)
    govern(here)
    here.clock.move(minutes=1)
    size_of(here, 60)
    with here.database.read() as session:
        assert borne_out(session, far) == here.clock.at
    here.clock.move(minutes=1)
    here.app.service.sealer.seal_all()
    here.clock.move(minutes=1)
    with here.database.write(here.clock) as transaction:
        append(transaction, SERVICE, VersionImported("tiering/other", "1.0.1", "sha256:0"))
    with here.database.read() as session:
        assert borne_out(session, far) == here.clock.at
    tamper(here, "UPDATE audit_entry SET mac = NULL", "UPDATE decision SET mac = NULL")
    with here.database.read() as session:
        assert borne_out(session, far) == here.clock.at - timedelta(minutes=1)
    with closing(Database(here.database.url)) as elsewhere, elsewhere.read() as session:  # without the keys
        assert borne_out(session, far) == here.clock.at
    tamper(here, "UPDATE checkpoint SET line = peaks")
    with here.database.read() as session:
        assert borne_out(session, far) == NEVER
    with fresh_database("sqlite") as database, database.read() as session:
        assert borne_out(session, far) == far


def test_what_is_taken_up_is_what_was_compared(here: Company) -> None:
    here.in_force(tier(here.next_version(), 50))
    assert size_of(here, 60) == "big"
    with here.database.write(here.clock) as transaction:
        append(transaction, SERVICE, VersionImported("tiering/other", "1.0.0", "sha256:0"))
    here.app.service.key_ring.invalidate()
    here.app.service.key_ring.refresh()  # all was well then
    tamper(here, FORGED_ACTIVATION.replace(FORGED, timestamp(here.clock.at)))
    here.app.service.decisions.in_force.refresh()
    here.clock.move(minutes=1)
    assert size_of(here, 60) == "big"


def test_an_entry_without_the_key_vouches_for_nothing(here: Company) -> None:
    """Who has the database alone makes an entry with the rows, the state and all, by the service's own code."""
    database = Database(here.database.url)  # without the key
    tamper(here, "UPDATE audit_entry SET mac = NULL")
    with database.write(here.clock) as transaction:
        issue_key(
            transaction, SERVICE, name="x", scopes=[Role.COMPLIANCE], expires_at=here.clock.at + timedelta(days=1)
        )
    database.close()
    ring = here.app.service.key_ring
    ring.invalidate()
    ring.refresh()
    assert "its MAC is not that of the log's key" in concerns(here)
    assert not any(key.name == "x" for key in ring._snapshot.keys.values())


def test_entries_that_name_no_row_of_what_is_in_force_cost_no_decision_a_look(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when records are sealed; the thread that watches compares the rows all the same, a little later."""
    in_force = here.app.service.decisions.in_force
    assert size_of(here, 60) == "small"
    reads: list[int] = []
    read = in_force._read_activations

    def counted(session: Session, epoch: int) -> Sequence[Activation]:
        reads.append(epoch)
        return read(session, epoch)

    monkeypatch.setattr(in_force, "_read_activations", counted)
    monkeypatch.setattr(in_force, "_compared", (-1, float("inf")))  # the thread has just looked
    here.app.service.sealer.seal_all()
    with here.database.read() as session:
        sealed = log_size(session)
        assert tables_written_since(session, sealed - 1) == frozenset()
    assert size_of(here, 60) == "small"
    assert in_force.window.epoch == sealed
    assert not reads
    monkeypatch.setattr(in_force, "_compared", (-1, float("-inf")))
    in_force.refresh()
    assert reads == [sealed]
    here.in_force(tier(here.next_version(), 50))
    assert size_of(here, 60) == "big"
    with here.database.read() as session:
        assert reads[-1] == log_size(session)
        assert "activation" in (tables_written_since(session, sealed) or ())
    tamper(here, f"UPDATE audit_entry SET mac = NULL WHERE seq = {sealed}")
    with here.database.read() as session:
        assert tables_written_since(session, sealed - 1) is None
        assert tables_written_since(session, sealed) is not None


def test_keys_are_read_again_when_an_entry_names_one_and_not_when_records_are_sealed(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = here.app.service.key_ring
    with here.database.write(here.clock) as transaction:
        until = here.clock.at + timedelta(days=30)
        issued = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=until)
    ring.refresh()
    with monkeypatch.context() as patched:
        patched.setattr(key_ring, "api_keys", None)  # whoever read them would fail
        assert size_of(here, 60) == "small"
        here.app.service.sealer.seal_all()
        ring.invalidate()
        ring.refresh()
        with here.database.read() as session:
            assert ring._snapshot.epoch == log_size(session)
    assert ring.authenticate(issued.text, here.clock.at).name == "crm"
    with here.database.write(here.clock) as transaction:
        revoke_key(transaction, SERVICE, issued.key.id)
    ring.invalidate()
    ring.refresh()
    with pytest.raises(AuthenticationFailed, match="revoked"):
        ring.authenticate(issued.text, here.clock.at)

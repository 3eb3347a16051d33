"""What no entry of the log records is read by nobody: pages, REST, packs and the command line say what decides."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import aliased
from sqlmodel import func, select
from typer.testing import CliRunner

from policy_service.actor import SERVICE, Role
from policy_service.approval.tables import SuspensionRow
from policy_service.audit.guard import API_KEYS, OVERRIDES, SUSPENSIONS, start_guard
from policy_service.cli.app import app
from policy_service.clock import timestamp
from policy_service.database import Database
from policy_service.idempotency import fingerprint_of
from policy_service.identity.api_keys import issue_key
from policy_service.packs.scope import Scope
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow
from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.databases import BACKENDS
from tests.effort import sample
from tests.packs.packing import decided, packed
from tests.pages.visitor import Visitor
from tests.verification.everything import Place, executed

FORGED = "f0rged"
LATER = "2027-11-21T01:00:00.000000Z"
REST = (
    *(("ann", f"/v1/policies{rest}") for rest in ("", f"/{TIER}", f"/{TIER}/versions", f"/{TIER}/active")),
    *(("sales", f"/v1/{name}") for name in ("overrides", "suspensions", "changes")),
    *(("root", f"/v1/{name}") for name in ("accounts", "api-keys")),
)
GROUPS = (
    f"/v1/groups/{BONUS}",
    "/v1/subjects/C1",
    f"/v1/movements/subjects?policy={BONUS}&from=2025-01-01&to=2027-01-01",
)
PAGES = (
    *(("sales", path) for path in ("/in-force", "/policies", f"/policies/{TIER}", "/overrides", "/suspensions", "/")),
    *(("root", path) for path in ("/accounts", "/api-keys")),
)


@pytest.fixture(params=BACKENDS)
def here(request: pytest.FixtureRequest) -> Iterator[Company]:
    with company(request.param, furnished) as made:
        yield made


def furnished(here: Company) -> None:
    """Another version in force and one to come, a suspension, an override and a key."""
    here.in_force(tier("1.1.0", 90))
    here.moved("schedule", here.signed(tier("1.2.0", 80)))
    signed = {"role": "sales_director", "reason": "wrong", "password": SECRET}
    here.did("POST", "/v1/suspensions", "sales", {"policy": TIER, "version": "1.1.0", **signed})
    excepted = {
        "subject": "C1",
        "policy": BONUS,
        "outcome": {"bonus": 5},
        "until": timestamp(here.clock.at + timedelta(days=9)),
    }
    here.did("POST", "/v1/overrides", "sales", {**excepted, **signed})
    with here.database.write(here.clock) as transaction:
        until = transaction.now + timedelta(days=30)
        issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=until)


def forgeries(here: Company) -> Sequence[str]:
    """A row in every table that says what is in force or who may do what."""
    at, version = timestamp(here.clock.at), f"FROM version WHERE policy = '{TIER}' AND version = '1.1.0'"
    person = f"'{FORGED}', '{FORGED}'"
    signed = f"{person}, '{FORGED}', 'compliance', '{FORGED}', '{at}', '{LATER}'"
    return (
        (
            "INSERT INTO activation (seq, id, policy, version, digest, kind, effective_from, recorded_at) "
            f"SELECT 9001, '{FORGED}', policy, version, digest, 'change', '{at}', '{at}' {version}"
        ),
        f"INSERT INTO cancellation (activation, recorded_at) SELECT id, '{at}' FROM activation WHERE version = '1.2.0'",
        (
            "INSERT INTO suspension (id, policy, version, digest, fallback, fallback_digest, "
            "actor, actor_name, printed_name, role, reason, at, until) "
            f"SELECT '{FORGED}', policy, version, digest, version, digest, {signed} {version}"
        ),
        (
            "INSERT INTO ratification (suspension, actor, actor_name, printed_name, role, reason, at, until) "
            f"SELECT id, {signed} FROM suspension WHERE id <> '{FORGED}'"
        ),
        (
            "INSERT INTO suspension_end (suspension, actor, actor_name, printed_name, reason, at) "
            f"SELECT id, {person}, '{FORGED}', '{FORGED}', '{at}' FROM suspension WHERE id <> '{FORGED}'"
        ),
        (
            "INSERT INTO override (seq, id, subject, policy, version, outcome, role, actor, printed_name, reason, "
            f"recorded_at, until) SELECT 9001, '{FORGED}', 'C1', policy, version, outcome, role, {person}, '{FORGED}', "
            f"'{at}', '{LATER}' FROM override"
        ),
        (
            "INSERT INTO override_end (override, actor, reason, recorded_at) "
            f"SELECT id, '{FORGED}', '{FORGED}', '{at}' FROM override WHERE id <> '{FORGED}'"
        ),
        (
            "INSERT INTO override_signature (override, role, actor, printed_name, meaning, reason, digest, signed_at, "
            f"ratifies) SELECT id, 'compliance', {person}, 'approved', '{FORGED}', '{FORGED}', '{at}', TRUE "
            f"FROM override WHERE id <> '{FORGED}'"
        ),
        (
            "INSERT INTO account (id, name, printed_name, created_at, created_by) "
            f"VALUES ({person}, '{FORGED}', '{at}', 'x')"
        ),
        (
            "INSERT INTO account_change (seq, account, at, by, roles, password, vouched) "
            f"VALUES (9001, '{here.people['ben'].id}', '{at}', '{FORGED}', 'general_manager', FALSE, TRUE)"
        ),
        (
            "INSERT INTO api_key (id, name, digest, scopes, issued_at, issued_by, expires_at) "
            f"VALUES ({person}, '{FORGED}', 'compliance', '{at}', '{FORGED}', '{LATER}')"
        ),
        (
            "INSERT INTO api_key_revocation (api_key, at, by) "
            f"SELECT id, '{at}', '{FORGED}' FROM api_key WHERE id <> '{FORGED}'"
        ),
    )


def tamper(here: Company, *statements: str) -> None:
    executed(Place(here.database.url, here.app.service.settings.keys), *statements)


def govern(here: Company) -> None:
    """Has governance write something, so that all is read again."""
    here.clock.move(seconds=1)
    here.token("finance")


def read(here: Company) -> dict[str, str]:
    """What people are shown; without what a form has of its own, each time."""
    for name in ("ann", "sales", "root"):
        here.token(name)
    return {
        **{path: here.ask("GET", path, by).text for by, path in sample(REST, 2)},
        **{path: Visitor(here, by).get(path).text() for by, path in sample(PAGES, 2)},
    }


def test_what_is_read_is_what_it_was_before_rows_were_added(here: Company) -> None:
    before = read(here)
    assert all(text for text in before.values())
    tamper(here, *forgeries(here))
    assert {path for path, text in read(here).items() if text != before[path]} <= {"/"}  # which says so
    govern(here)
    for path, text in read(here).items():
        assert FORGED not in text, path
    row = "the row 9001 of `activation` was added: no entry records it"
    assert row in Visitor(here, "root").get("/").text(".warning")
    named = Visitor(here, "compliance").get("/audit").text("#unused-rows")
    assert row in named
    assert all(f"`{table}`" in named for table in (*SUSPENSIONS, *OVERRIDES, *API_KEYS))


def test_no_pack_and_no_command_tells_of_rows_that_were_added(here: Company, tmp_path: Path) -> None:
    tamper(here, *forgeries(here))
    folder = here.app.service.settings.keys
    with closing(Database(here.database.url, keys=folder)) as database:
        start_guard(database)
        pack = packed(replace(here, database=database), tmp_path / "pack.zip", Scope(policy=TIER))
        with zipfile.ZipFile(pack.file) as files:
            named = [each for each in files.namelist() if FORGED.encode() in files.read(each)]
    assert named == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", here.database.url)
        patch.setenv("POLICY_SERVICE_KEYS", str(folder))
        for command in (["account", "list"], ["api-key", "list"]):
            result = CliRunner().invoke(app, [*command, "--json"])
            assert result.exit_code == 0, result.output
            assert FORGED not in result.output


def test_a_decision_that_was_altered_is_shown_to_nobody(here: Company) -> None:
    decision = decided(here, "C1", orders=100)
    addresses = (f"/v1/decisions/{decision}", "/v1/subjects/C1/decisions", *GROUPS)
    assert {here.ask("GET", each, "compliance").status_code for each in addresses} == {200}
    line = "CAST(replace(CAST(line AS text), 'bonus', 'malus') AS blob)"
    if here.database.engine.dialect.name == "postgresql":
        line = "convert_to(replace(convert_from(line, 'UTF8'), 'bonus', 'malus'), 'UTF8')"
    tamper(here, f"UPDATE decision SET line = {line}")
    for each in addresses:
        assert_problem(here.ask("GET", each, "compliance"), 503, "damaged-record")


@pytest.mark.parametrize(
    "altered",
    [
        """outcome = '{"bonus":"S"}'""",
        "outcome = 'none'",
        "status = 'no_rule_matched'",
        "rule = 'another'",
        "override = 'another'",
        "newest = '2026-01-01', since = '2026-01-01', entered = '2026-01-01'",
    ],
)
def test_a_group_that_was_altered_is_shown_to_nobody(here: Company, altered: str) -> None:
    decided(here, "C1", orders=100)
    tamper(here, f"UPDATE outcome_period SET {altered}")
    for each in GROUPS[:2] if altered.startswith(("rule", "override")) else GROUPS:  # movements tell neither
        assert_problem(here.ask("GET", each, "compliance"), 503, "damaged-record")


@pytest.mark.parametrize("mark", ["fingerprint", "''", f"'{fingerprint_of('POST', '/v1/decisions', b'{}')}'"])
def test_an_answer_that_was_altered_is_given_to_nobody(here: Company, mark: str) -> None:
    with here.database.write(here.clock) as transaction:
        until = transaction.now + timedelta(days=1)
        key = issue_key(transaction, SERVICE, name="again", scopes=[Role.INTEGRATION], expires_at=until)
    here._tokens["again", here.clock.at] = key.text
    body = {"subject": "C7", "facts": {"orders": 1}, "policies": [BONUS]}
    first = here.did("POST", "/v1/decisions", "again", body, idempotency_key="k1")
    assert here.did("POST", "/v1/decisions", "again", body, idempotency_key="k1") == first
    tamper(
        here, f"UPDATE idempotency SET status = 200, body = (SELECT content FROM version LIMIT 1), fingerprint = {mark}"
    )
    again = here.ask("POST", "/v1/decisions", "again", body, idempotency_key="k1")
    assert_problem(again, 422, "idempotency-key-reused")


def test_queries_of_every_kind_do_without_rows_that_were_added(here: Company) -> None:
    """Counts, subqueries and aliases, and a row that is asked for by its key."""
    tamper(here, *forgeries(here))
    other = aliased(ActivationRow)
    with here.app.service.database.read() as session:
        assert session.get(SuspensionRow, FORGED) is None
        assert session.exec(select(func.count()).select_from(CancellationRow)).one() == 0
        assert session.exec(select(func.max(ActivationRow.seq))).one() < 9001
        assert session.exec(select(other.id).where(other.id == FORGED)).all() == []
        activated = select(ActivationRow.id).where(ActivationRow.seq == 9001, VersionRow.digest != "").exists()
        assert session.exec(select(VersionRow.digest).where(activated)).all() == []


def test_without_the_guard_all_of_it_would_be_read(here: Company) -> None:
    """The forgeries are such as would be seen."""
    before = read(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policy_service.audit.guard.guard_of", lambda _session: None)
        tamper(here, *forgeries(here))
        govern(here)
        after = read(here)
    assert [path for path in before if after[path] == before[path]] == ["/v1/changes"]

"""Whatever is done through the service, nothing of it is taken for tampering."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from traceback import format_exc

from policy_service.actor import SERVICE, Role
from policy_service.audit.keys import make_key
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.database import Database, Transaction
from policy_service.decisions import macs
from policy_service.identity import second_factor
from policy_service.identity.account import Account, ExternalIdentity
from policy_service.identity.api_keys import SCOPES, api_keys, issue_key, revoke_key
from policy_service.identity.errors import IdentityError, IdentityValidationFailed
from policy_service.identity.service import (
    accounts,
    attest,
    change_roles,
    create_account,
    disable,
    enable,
    link,
    set_password,
    store_hash,
)
from policy_service.identity.sessions import (
    PASSWORD,
    confirm,
    end_all,
    end_others,
    record_session_use,
    start_session,
    use_confirmation,
)
from policy_service.identity.tables import SecondFactorRow
from tests.databases import TestClock, copied
from tests.effort import effort
from tests.identity.people import enrol
from tests.verification.everything import Place

HISTORIES = effort(6, 10_000)
STEPS = 25
ROLES = (Role.AUTHOR, Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.COMPLIANCE, Role.ADMINISTRATOR)


def use_code(transaction: Transaction, account: Account) -> bool:
    """Gives the one-time code of now."""
    row = transaction.session.get(SecondFactorRow, account.id)
    secret = second_factor.secret_of(transaction.session, account.id, row.seed) if row else None
    code = second_factor.code_at(secret or "", second_factor.step_of(transaction.now))
    return second_factor.use_code(transaction, account.id, code)


class Undone(Exception):
    """Somebody thought better of it, in the middle of a transaction."""


def step(transaction: Transaction, chance: Random, number: int, folder: Path) -> None:
    """Something that people, or the service, do."""
    known = list(accounts(transaction.session).values())
    whose = chance.choice(known) if known else None
    if whose is None or chance.random() < 0.2:
        create_account(
            transaction,
            SERVICE,
            name=f"a{number}",
            printed_name=f"名 {number}",
            roles=[chance.choice(ROLES)],
            password_hash=chance.choice([None, "x"]),
        )
        return
    acts: list[Callable[[], object]] = [
        lambda: change_roles(transaction, SERVICE, whose.id, [chance.choice(ROLES)]),
        lambda: disable(transaction, SERVICE, whose.id),
        lambda: enable(transaction, SERVICE, whose.id),
        lambda: link(transaction, SERVICE, whose.id, ExternalIdentity("https://id.example", f"p{number}")),
        lambda: attest(transaction, SERVICE, whose.id),
        lambda: set_password(transaction, SERVICE, whose.id, f"hash {number}"),
        lambda: store_hash(transaction, whose.id, f"hash {number}"),
        lambda: end_all(transaction, whose.id, "told so"),
        lambda: confirm(transaction, start_session(transaction, whose, PASSWORD).user_session.id),
        lambda: use_confirmation(transaction, start_session(transaction, whose, PASSWORD).user_session.id),
        lambda: record_session_use(
            transaction,
            start_session(transaction, whose, PASSWORD).user_session.id,
            transaction.now + timedelta(minutes=1),
        ),
        lambda: end_others(transaction, whose.actor(), None),
        lambda: enrol(transaction, whose),
        lambda: use_code(transaction, whose),
        lambda: second_factor.remove(transaction, SERVICE, whose.id),
        lambda: issue_key(
            transaction,
            SERVICE,
            name=f"k{number}",
            scopes=[chance.choice(SCOPES)],
            expires_at=transaction.now + timedelta(days=1),
        ),
        lambda: [revoke_key(transaction, SERVICE, each) for each in list(api_keys(transaction.session))[:1]],
        lambda: sign_checkpoint(transaction, folder),
        lambda: macs.rotate_mac_key(transaction, SERVICE, folder, is_lost=False),
    ]
    chance.choice(acts)()


def live(database: Database, chance: Random, folder: Path) -> None:
    clock = TestClock()
    for number in range(STEPS):
        clock.move(seconds=chance.choice([0, 0, 7]))
        with suppress(IdentityError, IdentityValidationFailed, Undone), database.write(clock) as transaction:
            for part in range(chance.choice([1, 1, 3])):
                step(transaction, chance, number * 10 + part, folder)
            if chance.random() < 0.1:
                raise Undone


def begun(url: str, folder: Path) -> None:
    """A log with its first keys."""
    make_key(folder)
    with closing(Database(url)) as database, database.write(TestClock()) as transaction:
        ensure_signing_key(transaction, folder)
        macs.begin_mac_key(transaction, folder)


def put_back(database: Database, content: bytes) -> None:
    """Puts a SQLite database back: another one would have every statement compiled again."""
    assert database.file is not None
    database.engine.dispose()
    database._cache.clear()
    database.file.write_bytes(content)


def faults(database: Database, number: int, folder: Path) -> list[str]:
    """What is found after one history, which its number makes again."""
    try:
        live(database, Random(number), folder)
        with database.read() as session:
            verdict = Place(database.url, folder).verify_in(session)
    except Exception:  # noqa: BLE001  # which one is told, and the others are tried
        return [format_exc()]
    return [str(fault.message) for fault in verdict.faults] or ["?"] * verdict.differences


def test_what_the_service_did_is_never_taken_for_tampering(tmp_path: Path) -> None:
    results: dict[int, list[str]] = {}
    with copied("sqlite", begun) as beginning, closing(Database(beginning.url)) as database:
        assert database.file is not None
        content, folder = database.file.read_bytes(), tmp_path / "keys"
        for number in range(HISTORIES):
            put_back(database, content)
            shutil.rmtree(folder, ignore_errors=True)
            database.keys = shutil.copytree(beginning.folder, folder)
            if errors := faults(database, number, folder):
                results[number] = errors
                sys.stdout.write(f"history {number}: {errors}\n")
    assert results == {}

"""Whatever is done through the service, nothing of it is taken for tampering."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

from policy_service.actor import SERVICE, Role
from policy_service.audit.keys import make_key
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.database import Database, Transaction
from policy_service.decisions import macs
from policy_service.identity.account import ExternalIdentity
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
from policy_service.identity.sessions import PASSWORD, confirm, end_all, start_session, use_confirmation
from tests.databases import TestClock, fresh_database
from tests.effort import effort
from tests.verification.everything import Place

HISTORIES = effort(12, 10_000)
STEPS = 25
ROLES = (Role.AUTHOR, Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.COMPLIANCE, Role.ADMINISTRATOR)


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
    with database.write(clock) as transaction:
        ensure_signing_key(transaction, folder)
        macs.begin_mac_key(transaction, folder)
    for number in range(STEPS):
        clock.move(seconds=chance.choice([0, 0, 7]))
        with suppress(IdentityError, IdentityValidationFailed, Undone), database.write(clock) as transaction:
            for part in range(chance.choice([1, 1, 3])):
                step(transaction, chance, number * 10 + part, folder)
            if chance.random() < 0.1:
                raise Undone


def test_what_the_service_did_is_never_taken_for_tampering(tmp_path: Path) -> None:
    for number in range(HISTORIES):
        folder = tmp_path / f"{number}"
        make_key(folder)
        with fresh_database("sqlite") as database:
            live(database, Random(number), folder)
            verdict = Place(database.url, folder).verify()
            assert (verdict.faults, verdict.differences) == ((), 0), number

"""`policy-service init`: creates or upgrades the tables, the keys, the initial import and the first accounts.

On a database with accounts nothing is put in force: new or newer policies are drafted as one change to sign. With a day
and its evidence, so are the versions imported at set-up (`first_versions`).

It is idempotent, and safe to run concurrently. Passwords are prompted for or generated, never arguments, which other
users of the machine can read. Those of demo accounts are stored in a private file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from policy_service.actor import Actor, Role
from policy_service.approval.change import Change
from policy_service.approval.policies import record_meanings
from policy_service.approval.shipped_policies import ShippedDraft, propose_shipped
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import Copy, Unreachable
from policy_service.audit.events import DemonstrationBegun
from policy_service.audit.keys import InvalidSignedLine, KeyUnavailable
from policy_service.audit.log import append
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.cli import demo_accounts
from policy_service.cli.command_line_actor import command_line
from policy_service.cli.demo_company import CUSTOMERS, YEAR, DemoCompany, SteppedClock
from policy_service.cli.first_versions import FirstVersions
from policy_service.cli.output import print_line
from policy_service.cli.passwords import new_hash
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_copies, open_database, refuse_difference
from policy_service.clock import DEFAULT_ZONE, Clock, SystemClock
from policy_service.database import Database, Transaction
from policy_service.database.engines import printable_address
from policy_service.decisions import macs
from policy_service.decisions.groups.service import lacks_groups, rebuild
from policy_service.decisions.master_keys import FILE_NAME, KeyFileError, open_or_create
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.identity.api_keys import api_keys, issue_key
from policy_service.identity.errors import IdentityError, IdentityValidationFailed
from policy_service.identity.passwords import hash_password
from policy_service.identity.service import accounts, attest, create_account
from policy_service.migrations import upgrade
from policy_service.paths import database_url, keys_folder
from policy_service.registry.checks import check_files
from policy_service.registry.initial_import import ImportResult, import_shipped
from policy_service.registry.policy_cache import cache_heads, head_of
from policy_service.shipped import shipped_policies

PRIVATE = 0o700
DEMO = "demo-"
DEMO_PRINTED = "示范 Demo"
DEMO_KEY = "demo-integration"
DEMO_KEY_LASTS = timedelta(days=90)
DEMO_ROLES = tuple(role for role in Role if role is not Role.INTEGRATION)
"""The roles of people; machines have keys."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account to be created, with its password hash."""

    name: str
    printed_name: str
    role: Role
    password_hash: str


@dataclass(frozen=True, slots=True)
class SetUpResult:
    """The result of one set-up transaction."""

    imported: ImportResult
    proposed: ShippedDraft
    stated: Change | None
    """The change by which the imported versions are signed."""
    created: tuple[str, ...]
    key: str | None


def run(
    policies: Path | None,
    administrator: str | None,
    printed_name: str | None,
    first_versions: FirstVersions | None = None,
    *,
    demo: bool,
) -> int:
    """Set up the service and print what was done; return the exit status. Raises UsageError."""
    if demo and administrator:
        raise UsageError("--demo makes an administrator of its own: leave --admin out")
    url, keys = database_url(os.environ), keys_folder(os.environ)
    with open_database(url) as database:
        _make_folder(database)
        upgrade(database)
        refuse_difference(database)
        password = secrets.token_urlsafe(12) if demo else None
        people = (
            _demo_people(database, password)
            if password
            else _first_administrator(database, administrator, printed_name)
        )
        folder, is_company = policies or shipped_policies(), demo and policies is None and _is_empty(database)
        clock: SystemClock | SteppedClock = SteppedClock(SystemClock().now() - YEAR) if is_company else SystemClock()
        result = set_up(database, clock, keys, folder, people, first_versions, demo=demo)
        if isinstance(clock, SteppedClock):
            print_line(f"making a year of {CUSTOMERS} invented customers, which takes a while")
            names = {person.role: person.name for person in people}
            in_force = result.imported.activated_versions
            DemoCompany(database, clock, keys, ZoneInfo(DEFAULT_ZONE), in_force, names).make()
            result = replace(result, key=set_up(database, SystemClock(), keys, folder, (), demo=True).key)
        if lacks_groups(database):
            rebuild(database, SystemClock())
        for copy in configured_copies():
            _copy_to(database, copy)
        _print_result(result, url)
        _print_missing_administrator(database)
    if password:
        file = demo_accounts.demo_file(keys)
        if secrets_of := dict.fromkeys(result.created, password) | ({DEMO_KEY: result.key} if result.key else {}):
            demo_accounts.save(file, secrets_of)
        demo_accounts.print_accounts(file)
    return EXIT_FAULT if result.imported.edited_messages else EXIT_OK


def _is_empty(database: Database) -> bool:
    with database.read() as session:
        return not accounts(session)


def _copy_to(database: Database, copy: Copy) -> None:
    """Send a copy its first checkpoints; an unreachable store gets them from the service later."""
    try:
        copy_checkpoints(database, SystemClock(), copy)
    except (Unreachable, InvalidSignedLine) as error:
        print_line(f"checkpoints were not copied to {copy.location}: {error}")


def set_up(  # noqa: PLR0917  # all that there is to set up
    database: Database,
    clock: Clock,
    keys: Path,
    policies: Path,
    people: tuple[Person, ...],
    first_versions: FirstVersions | None = None,
    *,
    demo: bool,
) -> SetUpResult:
    """Create what is missing, in one transaction. Raises UsageError, PolicyError, DatabaseUnavailable."""
    try:
        with database.write(clock) as transaction:
            actor = command_line()
            if demo and not accounts(transaction.session):
                append(transaction, actor, DemonstrationBegun())
            ensure_signing_key(transaction, keys, by=actor)
            macs.begin_mac_key(transaction, keys)
            _refuse_lost_key(transaction.session, keys)
            open_or_create(keys)
            imported, proposed = _import_or_propose(transaction, actor, policies)
            stated = first_versions.draft(transaction, actor) if first_versions else None
            cache_heads(map(head_of, imported.new_versions))
            record_meanings(transaction)  # also of an older database, while no request waits
            if demo:
                _refuse_beside_real_people(transaction.session)
            created = tuple(_accounts(transaction, people))
            key = _demo_key(transaction) if demo else None
            sign_checkpoint(transaction, keys)
    except (IdentityValidationFailed, IdentityError, KeyUnavailable, KeyFileError) as error:
        raise UsageError(str(error)) from None
    return SetUpResult(imported, proposed, stated, created, key)


def _import_or_propose(transaction: Transaction, actor: Actor, folder: Path) -> tuple[ImportResult, ShippedDraft]:
    """Import the shipped policies; if there are accounts, draft a change with the new ones."""
    if not accounts(transaction.session):
        return import_shipped(transaction, actor, folder), ShippedDraft(None, ())
    proposed = propose_shipped(transaction, actor, folder)
    return ImportResult((), (), (), tuple(check_files(transaction.session, folder))), proposed


def _refuse_lost_key(session: Session, keys: Path) -> None:
    """Reject a lost master key: a new one could not decrypt facts encrypted under the old one."""
    if not (keys / FILE_NAME).exists() and session.exec(select(SubjectKeyRow.subject).limit(1)).first() is not None:
        raise UsageError(
            f"{keys / FILE_NAME} is lost, and sensitive facts are sealed under it: restore it from its backup"
        )


def _make_folder(database: Database) -> None:
    """Create the private folder of a SQLite file."""
    if database.file is not None and not database.file.parent.exists():
        database.file.parent.mkdir(parents=True, mode=PRIVATE)


# ------------------------------------------------------------------------------------------------- accounts


def _first_administrator(database: Database, name: str | None, printed_name: str | None) -> tuple[Person, ...]:
    if name is None:
        return ()
    with database.read() as session:
        if names := _administrators(session):
            print_line(f"there is an administrator already ({', '.join(names)}): {name} was not made one")
            return ()
    printed = printed_name or name
    return (Person(name, printed, Role.ADMINISTRATOR, new_hash(name, printed)),)


def _demo_people(database: Database, password: str) -> tuple[Person, ...]:
    with database.read() as session:
        names = {account.name for account in accounts(session).values()}
    names_by_role = {role: f"{DEMO}{role.replace('_', '-')}" for role in DEMO_ROLES}
    password_hash = hash_password(password) if set(names_by_role.values()) - names else ""
    return tuple(
        Person(name, f"{DEMO_PRINTED} {role.replace('_', ' ').title()}", role, password_hash)
        for role, name in names_by_role.items()
    )


def _refuse_beside_real_people(session: Session) -> None:
    """Reject demo accounts beside real ones: they hold every signing role, and one person knows all passwords."""
    real = [account.name for account in accounts(session).values() if not account.name.startswith(DEMO)]
    if real:
        raise UsageError(
            f"there are accounts of people ({', '.join(sorted(real)[:3])} …): demo accounts could sign in their stead; "
            "use another DATABASE_URL"
        )


def _accounts(transaction: Transaction, people: tuple[Person, ...]) -> Iterator[str]:
    """Create the missing accounts, and yield their names."""
    existing = {account.name for account in accounts(transaction.session).values()}
    first = not _administrators(transaction.session)
    for person in people:
        if person.name in existing or (person.role is Role.ADMINISTRATOR and not first):
            continue
        account = create_account(
            transaction,
            command_line(),
            name=person.name,
            printed_name=person.printed_name,
            roles=[person.role],
            password_hash=person.password_hash,
        )
        if account.signing_roles:
            attest(transaction, command_line(), account.id)
        yield person.name


def _administrators(session: Session) -> list[str]:
    return [
        account.name
        for account in accounts(session).values()
        if account.enabled and Role.ADMINISTRATOR in account.roles
    ]


def _demo_key(transaction: Transaction) -> str | None:
    """Return a new API key, unless an earlier one is still valid."""
    keys = api_keys(transaction.session).values()
    if any(key.name == DEMO_KEY and key.is_valid(transaction.now) for key in keys):
        return None
    expires = transaction.now + DEMO_KEY_LASTS
    return issue_key(transaction, command_line(), name=DEMO_KEY, scopes=[Role.INTEGRATION], expires_at=expires).text


# ------------------------------------------------------------------------------------------------- what it says


def _print_result(result: SetUpResult, url: str) -> None:
    imported = result.imported
    for policy in imported.activated_versions:
        print_line(f"imported {policy.id} {policy.version}, in force from now, signed by nobody")
    if result.proposed.change is not None:
        for policy in result.proposed.policies:
            print_line(f"drafted {policy.id} {policy.version}, not in force: it has to be signed")
        print_line(
            f"they are one change, {result.proposed.change.id}: an author submits it, and those who must sign it"
        )
    if result.stated is not None:
        print_line(
            f"drafted the first versions, in force from {result.stated.draft.effective.start.date()} once signed: "
            f"the change {result.stated.id}, which an author submits"
        )
    for sentence in (*imported.unsigned_messages, *imported.edited_messages):
        print_line(sentence)
    if result.created:
        print_line(f"made {'the account' if len(result.created) == 1 else 'the accounts'} {', '.join(result.created)}")
    print_line(f"ready: {printable_address(url)}")


def _print_missing_administrator(database: Database) -> None:
    with database.read() as session:
        if not _administrators(session):
            print_line("there is no administrator yet: run `policy-service init --admin NAME`")

"""`policy-service init`: makes or upgrades the tables, the keys, the initial import and the first accounts.

On a database with accounts nothing is put in force: policies that are new or newer are drafted as one change to sign.

It may be called any number of times, also by two at once: what is there already stays as it is. Passwords are asked
for or made up, never taken from the command line, which other users of the machine can read. Those of demo accounts are
kept in a file of their owner's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import make_url
from sqlmodel import Session, select

from policy_service.actor import Actor, Role
from policy_service.approval.policies import note_meanings
from policy_service.approval.shipping import Proposed, propose_shipped
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import Copy, Unreachable
from policy_service.audit.keys import Damaged, NoKey
from policy_service.audit.service import checkpoint, first_key
from policy_service.cli import demo_accounts
from policy_service.cli.acting import command_line
from policy_service.cli.output import say
from policy_service.cli.passwords import new_hash
from policy_service.cli.status import FINE, FOUND_FAULT, UsageFault
from policy_service.cli.storage import configured_copies, opened, refuse_difference
from policy_service.clock import Clock, SystemClock
from policy_service.database import Database, Transaction
from policy_service.decisions import macs
from policy_service.decisions.master_keys import NAME, KeyFileFault, create
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.identity.api_keys import api_keys, issue_key
from policy_service.identity.passwords import hash_password
from policy_service.identity.refusals import IdentityRefused, Malformed
from policy_service.identity.service import accounts, create_account, vouch
from policy_service.migrations import upgrade
from policy_service.places import database_url, keys_folder
from policy_service.registry.checks import check_files
from policy_service.registry.loaded import head_of, remember_heads
from policy_service.registry.shipping import Imported, import_shipped
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
    """An account to be made, with its password as it is kept."""

    name: str
    printed_name: str
    role: Role
    password_hash: str


@dataclass(frozen=True, slots=True)
class Done:
    """What one transaction set up."""

    imported: Imported
    proposed: Proposed
    made: tuple[str, ...]
    key: str | None


def run(policies: Path | None, administrator: str | None, printed_name: str | None, *, demo: bool) -> int:
    """Sets the service up and says what it did; gives the exit status. Raises UsageFault."""
    if demo and administrator:
        raise UsageFault("--demo makes an administrator of its own: leave --administrator out")
    url, keys = database_url(os.environ), keys_folder(os.environ)
    with opened(url) as database:
        _make_room(database)
        upgrade(database)
        refuse_difference(database)
        password = secrets.token_urlsafe(12) if demo else None
        people = (
            _demo_people(database, password)
            if password
            else _first_administrator(database, administrator, printed_name)
        )
        done = set_up(database, SystemClock(), keys, policies or shipped_policies(), people, demo=demo)
        for copy in configured_copies():
            _give(database, copy)
        _tell(done, url)
        _tell_missing(database)
    if password:
        file = demo_accounts.demo_file(keys)
        if secrets_of := dict.fromkeys(done.made, password) | ({DEMO_KEY: done.key} if done.key else {}):
            demo_accounts.keep(file, secrets_of)
        demo_accounts.tell(file)
    return FOUND_FAULT if done.imported.edited else FINE


def _give(database: Database, copy: Copy) -> None:
    """Gives a place its first checkpoints; a store that does not answer gets them from the service later."""
    try:
        copy_checkpoints(database, SystemClock(), copy)
    except (Unreachable, Damaged) as error:
        say(f"checkpoints were not copied to {copy.location}: {error}")


def set_up(
    database: Database, clock: Clock, keys: Path, policies: Path, people: tuple[Person, ...], *, demo: bool
) -> Done:
    """Makes what is not there yet, all of it or nothing. Raises UsageFault, PolicyError, DatabaseUnavailable."""
    try:
        with database.write(clock) as transaction:
            actor = command_line()
            first_key(transaction, keys, by=actor)
            macs.begin(transaction, keys)
            _refuse_lost_key(transaction.session, keys)
            create(keys)
            imported, proposed = _shipped(transaction, actor, policies)
            remember_heads(map(head_of, imported.recorded))
            note_meanings(transaction)  # of an older database too, while nobody waits
            if demo:
                _refuse_beside_real_people(transaction.session)
            made = tuple(_accounts(transaction, people))
            key = _demo_key(transaction) if demo else None
            checkpoint(transaction, keys)
    except (Malformed, IdentityRefused, NoKey, KeyFileFault) as error:
        raise UsageFault(str(error)) from None
    return Done(imported, proposed, made, key)


def _shipped(transaction: Transaction, actor: Actor, folder: Path) -> tuple[Imported, Proposed]:
    """Imports the shipped policies; where there are people, drafts a change of what is new for them to sign."""
    if not accounts(transaction.session):
        return import_shipped(transaction, actor, folder), Proposed(None, ())
    proposed = propose_shipped(transaction, actor, folder)
    return Imported((), (), (), tuple(check_files(transaction.session, folder))), proposed


def _refuse_lost_key(session: Session, keys: Path) -> None:
    """A new master key would open nothing that was sealed under the one before."""
    if not (keys / NAME).exists() and session.exec(select(SubjectKeyRow.subject).limit(1)).first() is not None:
        raise UsageFault(f"{keys / NAME} is lost, and sensitive facts are sealed under it: restore it from its backup")


def _make_room(database: Database) -> None:
    """Makes the folder of a SQLite file, for its owner alone."""
    if database.file is not None and not database.file.parent.exists():
        database.file.parent.mkdir(parents=True, mode=PRIVATE)


# ------------------------------------------------------------------------------------------------- accounts


def _first_administrator(database: Database, name: str | None, printed_name: str | None) -> tuple[Person, ...]:
    if name is None:
        return ()
    with database.read() as session:
        if found := _administrators(session):
            say(f"there is an administrator already ({', '.join(found)}): {name} was not made one")
            return ()
    printed = printed_name or name
    return (Person(name, printed, Role.ADMINISTRATOR, new_hash(name, printed)),)


def _demo_people(database: Database, password: str) -> tuple[Person, ...]:
    with database.read() as session:
        names = {account.name for account in accounts(session).values()}
    wanted = {role: f"{DEMO}{role.replace('_', '-')}" for role in DEMO_ROLES}
    kept = hash_password(password) if set(wanted.values()) - names else ""
    return tuple(
        Person(name, f"{DEMO_PRINTED} {role.replace('_', ' ').title()}", role, kept) for role, name in wanted.items()
    )


def _refuse_beside_real_people(session: Session) -> None:
    """Demo accounts hold every signing role, and one person knows all their passwords."""
    real = [account.name for account in accounts(session).values() if not account.name.startswith(DEMO)]
    if real:
        raise UsageFault(
            f"there are accounts of people ({', '.join(sorted(real)[:3])} …): demo accounts could sign in their stead; "
            "use another DATABASE_URL"
        )


def _accounts(transaction: Transaction, people: tuple[Person, ...]) -> Iterator[str]:
    """Makes the accounts that are not there yet, and gives their names."""
    there = {account.name for account in accounts(transaction.session).values()}
    first = not _administrators(transaction.session)
    for person in people:
        if person.name in there or (person.role is Role.ADMINISTRATOR and not first):
            continue
        made = create_account(
            transaction,
            command_line(),
            name=person.name,
            printed_name=person.printed_name,
            roles=[person.role],
            password_hash=person.password_hash,
        )
        if made.signing_roles:
            vouch(transaction, command_line(), made.id)
        yield person.name


def _administrators(session: Session) -> list[str]:
    return [
        account.name
        for account in accounts(session).values()
        if account.enabled and Role.ADMINISTRATOR in account.roles
    ]


def _demo_key(transaction: Transaction) -> str | None:
    """A key for machines, unless one made before still opens."""
    known = api_keys(transaction.session).values()
    if any(key.name == DEMO_KEY and key.opens(transaction.now) for key in known):
        return None
    expires = transaction.now + DEMO_KEY_LASTS
    return issue_key(transaction, command_line(), name=DEMO_KEY, scopes=[Role.INTEGRATION], expires_at=expires).text


# ------------------------------------------------------------------------------------------------- what it says


def _tell(done: Done, url: str) -> None:
    imported = done.imported
    for policy in imported.activated:
        say(f"imported {policy.id} {policy.version}, in force from now, signed by nobody")
    if done.proposed.change is not None:
        for policy in done.proposed.policies:
            say(f"drafted {policy.id} {policy.version}, not in force: it has to be signed")
        say(f"they are one change, {done.proposed.change.id}: an author submits it, and those who must sign it")
    for sentence in (*imported.unsigned, *imported.edited):
        say(sentence)
    if done.made:
        say(f"made {'the account' if len(done.made) == 1 else 'the accounts'} {', '.join(done.made)}")
    say(f"ready: {make_url(url).render_as_string(hide_password=True)}")


def _tell_missing(database: Database) -> None:
    with database.read() as session:
        if not _administrators(session):
            say("there is no administrator yet: run `policy-service init --administrator NAME`")

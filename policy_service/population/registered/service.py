"""All writes of registered populations.

    prepare_registration ──► a key of its own, the parts encrypted ──► register_population ──► row, parts, entry
    erasures ──► apply_erasures: another key, the parts without the rows, the key before forgotten
    delete_population, remove_expired ──► row, parts and key are gone

The key is stored among those of subjects, so that a rotation of the master key rewraps it too; without it the parts are
unreadable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from sqlmodel import Session, select

from policy_service.actor import SERVICE, Actor
from policy_service.audit.events import ErasuresApplied, PopulationDeleted, PopulationRegistered
from policy_service.audit.log import append
from policy_service.canonical import digest
from policy_service.clock import Clock, timestamp
from policy_service.database import Database, LaneName, Transaction, log_size
from policy_service.database.declared import row_count, table_of
from policy_service.decisions.encryption import NONCE_SIZE, SubjectKey
from policy_service.decisions.state_tables import SubjectKeyRow, population_key
from policy_service.decisions.subjects import FactCipher
from policy_service.integrity import DamagedRecord
from policy_service.messages import Message
from policy_service.population.registered.errors import RegistrationConflict
from policy_service.population.registered.model import (
    MAX_POPULATIONS,
    PopulationDetails,
    PopulationFile,
    RegisteredPopulation,
)
from policy_service.population.registered.queries import (
    expired_populations,
    population_of,
    read_population,
    unapplied_erasures,
)
from policy_service.population.registered.tables import PopulationPartRow, PopulationRow

_PARTS = table_of(PopulationPartRow)


@dataclass(frozen=True, slots=True)
class Registration:
    """A population ready to be registered."""

    id: str
    details: PopulationDetails
    file: PopulationFile
    contents: tuple[bytes, ...]
    """The encrypted parts."""


def prepare_registration(
    database: Database, clock: Clock, cipher: FactCipher, details: PopulationDetails, file: PopulationFile
) -> Registration:
    """Create a population's key, and encrypt its parts. Raises DatabaseUnavailable, KeyFileError."""
    id_ = str(clock.new_id())
    key = _make_key(database, clock, cipher, id_, 1)
    contents = tuple(encrypt_part(key, number, part) for number, part in enumerate(file.parts))
    return Registration(id_, details, file, contents)


def register_population(transaction: Transaction, actor: Actor, registration: Registration) -> RegisteredPopulation:
    """Store a population. Raises RegistrationConflict."""
    session, details, file = transaction.session, registration.details, registration.file
    check_room(session, details.name)
    row = PopulationRow(
        id=registration.id,
        name=details.name,
        kind=details.kind,
        as_of=details.as_of.isoformat(),
        mapping=details.mapping,
        file_format=file.file_format,
        size=file.size,
        digest=file.digest,
        content=file.digest,
        encoding=file.encoding,
        headings=json.dumps(file.headings, ensure_ascii=False),
        types=None if file.types is None else json.dumps(file.types),
        subjects=file.subjects,
        refused=file.refused,
        removed=0,
        parts=len(registration.contents),
        generation=1,
        registered_by=actor.id,
        printed_name=actor.printed_name,
        registered_at=transaction.now,
        searched_until=log_size(session),
        expires_at=transaction.now + timedelta(days=details.keep_days),
    )
    session.add(row)
    session.flush()
    _add_parts(session, row.id, registration.contents)
    event = PopulationRegistered(row.id, row.name, row.kind, row.as_of, row.digest, row.subjects, row.refused)
    append(transaction, actor, event)
    return population_of(row)


def check_room(session: Session, name: str) -> None:
    """Check that a population with this name can be registered. Raises RegistrationConflict."""
    if session.exec(select(PopulationRow.id).where(PopulationRow.name == name)).first() is not None:
        raise RegistrationConflict(Message("There is a population {name} already: choose another name.", name=name))
    if row_count(session, PopulationRow) >= MAX_POPULATIONS:
        raise RegistrationConflict(
            Message("{count} populations are registered, which is the most: delete one first.", count=MAX_POPULATIONS)
        )


def delete_population(transaction: Transaction, actor: Actor, population: str) -> RegisteredPopulation:
    """Delete a population and its key. Raises UnknownPopulation, DamagedRecord."""
    found = read_population(transaction.session, population)
    _delete(transaction, actor, found)
    return found


def remove_expired(database: Database, clock: Clock) -> int:
    """Delete the populations whose retention time is over; return their number.

    Raises DatabaseUnavailable, DamagedRecord.
    """
    with database.read() as session:
        if not expired_populations(session, clock.now()):
            return 0
    with database.write(clock) as transaction:
        expired = expired_populations(transaction.session, transaction.now)
        for each in expired:
            _delete(transaction, SERVICE, each)
    return len(expired)


def apply_erasures(database: Database, clock: Clock, cipher: FactCipher) -> int:
    """Remove erased subjects from the populations; return the number of rows removed.

    The remaining content is encrypted with a new key, and the old key is deleted. Raises DatabaseUnavailable,
    DamagedRecord, KeyFileError.
    """
    with database.read() as session:
        waiting, searched_until = unapplied_erasures(session), log_size(session)
    removed, damage = 0, list[DamagedRecord]()
    for population, names in waiting:
        try:
            removed += _apply(database, clock, cipher, population, names, searched_until)
        except DamagedRecord as error:  # it stands in no other's way
            damage.append(error)
    if damage:
        raise damage[0]
    return removed


def _apply(  # noqa: PLR0913, PLR0917  # what is searched for what
    database: Database,
    clock: Clock,
    cipher: FactCipher,
    population: RegisteredPopulation,
    names: frozenset[str],
    searched_until: int,
) -> int:
    from policy_service.population.registered.content import remove_subjects  # noqa: PLC0415  # Arrow takes long to load

    generation = population.generation + 1
    key = _make_key(database, clock, cipher, population.id, generation)
    with database.write(clock) as transaction:
        session = transaction.session
        row = session.get(PopulationRow, population.id, with_for_update=True)
        if row is None:  # it was deleted meanwhile
            _forget_key(session, population.id, generation)
        if row is None or row.generation != population.generation:  # another process was here first
            return 0
        before = read_key(session, cipher, population)
        kept = [remove_subjects(read_part(session, before, population, number), names) for number in range(row.parts)]
        _remove_parts(session, row.id)
        _forget_key(session, row.id, row.generation)
        _add_parts(session, row.id, [encrypt_part(key, number, each.content) for number, each in enumerate(kept)])
        row.generation, row.searched_until = generation, searched_until
        rows, refused = sum(each.rows for each in kept), sum(each.refused for each in kept)
        if removed := row.subjects + row.refused - rows - refused:
            row.content = digest(f"{row.content} {timestamp(transaction.now)}".encode())
            row.subjects, row.refused, row.removed = rows, refused, row.removed + removed
        session.add(row)
        append(transaction, SERVICE, ErasuresApplied(row.id, row.name, removed))
    return removed


def _delete(transaction: Transaction, actor: Actor, population: RegisteredPopulation) -> None:
    session = transaction.session
    _remove_parts(session, population.id)
    session.delete(session.get_one(PopulationRow, population.id))
    _forget_key(session, population.id, population.generation)
    append(transaction, actor, PopulationDeleted(population.id, population.name, population.digest))


def _remove_parts(session: Session, population: str) -> None:
    session.connection().execute(_PARTS.delete().where(_PARTS.c.population == population))


def _add_parts(session: Session, population: str, contents: Sequence[bytes]) -> None:
    for number, content in enumerate(contents):
        values = {"population": population, "number": number, "content": content}
        session.connection().execute(_PARTS.insert(), values)


# ------------------------------------------------------------------------------------------------------ encryption


def _make_key(database: Database, clock: Clock, cipher: FactCipher, population: str, generation: int) -> SubjectKey:
    subject = population_key(population, generation)
    with database.write(clock, LaneName.DECISIONS) as transaction:  # the only one in which keys are made
        return cipher.keys_for(transaction, [subject])[subject]


def _forget_key(session: Session, population: str, generation: int) -> None:
    row = session.get(SubjectKeyRow, population_key(population, generation))
    if row is not None:
        session.delete(row)
        session.flush()


def read_key(session: Session, cipher: FactCipher, population: RegisteredPopulation) -> SubjectKey:
    """Return the key of a population's content. Raises DamagedRecord if it is missing."""
    subject = population_key(population.id, population.generation)
    if (key := cipher.find_keys(session, [subject]).get(subject)) is None:
        raise DamagedRecord("subject_key", subject.id)
    return key


def encrypt_part(key: SubjectKey, number: int, part: bytes) -> bytes:
    """Encrypt a part, bound to its position."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + key.cipher.encrypt(nonce, part, _place(key, number))


def read_part(session: Session, key: SubjectKey, population: RegisteredPopulation, number: int) -> bytes:
    """Decrypt a part. Raises DamagedRecord if it is missing or was altered."""
    query = select(PopulationPartRow.content).where(
        PopulationPartRow.population == population.id, PopulationPartRow.number == number
    )
    content = session.exec(query).first() or b""
    try:
        return key.cipher.decrypt(content[:NONCE_SIZE], content[NONCE_SIZE:], _place(key, number))
    except (InvalidTag, ValueError):
        raise DamagedRecord("population_part", f"{population.id} {number}") from None


def _place(key: SubjectKey, number: int) -> bytes:
    return f"{key.subject.kind} {key.subject.id} {number}".encode()

"""Subjects' keys: created with a subject's first sensitive fact, deleted to erase the subject."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import MasterKeyRotated, SubjectErased
from policy_service.audit.log import append
from policy_service.clock import Clock
from policy_service.database import Database, LaneName, Transaction
from policy_service.database.declared import row_count
from policy_service.decisions.encryption import (
    ID_SIZE,
    KEY_SIZE,
    SubjectKey,
    decrypt_fact,
    is_encrypted,
    key_id_of,
    unwrap_key,
    wrap_key,
)
from policy_service.decisions.groups.service import forget_subject
from policy_service.decisions.macs import current_mac_key, mac_of_subject_key
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.override import reason_problems
from policy_service.decisions.record_queries import check_lookup
from policy_service.decisions.state_tables import POPULATION, SubjectKeyRow
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message, join_comma, join_sentences
from policy_service.subject import Subject, kind_label

CACHE_SIZE = 10_000
"""Capacity of the cache of unwrapped keys."""
FETCH_SIZE = 500
"""Rows read or rewrapped at a time."""
ERASED = {"$erased": True}
"""The value shown instead of a fact whose key was deleted."""


_KEYS = select(SubjectKeyRow).order_by(col(SubjectKeyRow.subject), col(SubjectKeyRow.kind))


class ErasureRejected(PolicyServiceError):
    """A subject cannot be erased; the message says why."""

    kind: ClassVar[ErrorKind] = "conflict"


class ErasurePermissionDenied(ErasureRejected):
    """The actor may not erase subjects."""

    kind = "not-allowed"


class FactsErased(Exception):
    """Facts cannot be decrypted, since the key of their subject was deleted; `facts` are their names."""

    def __init__(self, subject: Subject, facts: Iterable[str]) -> None:
        self.subject = subject
        self.facts = tuple(facts)
        super().__init__(
            Message(
                "The key of {subject} was deleted, so its sensitive facts cannot be read: {facts}.",
                subject=subject.id,
                facts=join_comma(self.facts),
            )
        )


class FactCipher:
    """Finds and creates subjects' keys, and caches them unwrapped."""

    def __init__(self, masters: MasterKeys, cache_size: int = CACHE_SIZE) -> None:
        self.masters = masters
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, SubjectKey] = OrderedDict()
        self._lock = threading.Lock()

    def keys_for(self, transaction: Transaction, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """Return the keys of the subjects; create missing ones.

        The transaction must hold the lane `decisions`, so that no other creates them at the same time. The rows stay
        locked until its end: a concurrent erasure waits for the record, or the record gets a new key.
        """
        unique = set(subjects)
        keys = self._read_keys(transaction.session, unique, locked=True)
        if len(keys) < len(unique):
            master, cipher = self.masters.current()
            for subject in sorted(unique - keys.keys()):
                keys[subject] = self._make_key(transaction, subject, master, cipher)
            transaction.session.flush()
        return keys

    def find_keys(self, session: Session, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """Return the keys of those subjects that have one."""
        return self._read_keys(session, set(subjects), locked=False)

    def decrypt_facts(
        self, session: Session, subject: Subject, decision: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a record's facts, decrypted. Raises FactsErased, DecryptionFailed."""
        readable = self.readable_facts(session, subject, decision, facts)
        erased_names = [name for name, value in readable.items() if value == ERASED]
        if erased_names:
            raise FactsErased(subject, erased_names)
        return readable

    def readable_facts(
        self, session: Session, subject: Subject, decision: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a record's facts, decrypted or marked as erased. Raises DecryptionFailed."""
        if not any(map(is_encrypted, facts.values())):
            return dict(facts)
        key = self.find_keys(session, [subject]).get(subject)
        readable = dict(facts)
        for name, value in facts.items():
            if is_encrypted(value):
                is_erased = key is None or key_id_of(value) != key.id
                readable[name] = dict(ERASED) if is_erased or key is None else decrypt_fact(key, decision, name, value)
        return readable

    def clear_cache(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._cache.clear()

    def _read_keys(
        self, session: Session, subjects: AbstractSet[Subject], *, locked: bool
    ) -> dict[Subject, SubjectKey]:
        """Return the keys of those subjects that have one; rows are locked in a fixed order, to avoid a deadlock."""
        keys: dict[Subject, SubjectKey] = {}
        ids = sorted({subject.id for subject in subjects})
        for start in range(0, len(ids), FETCH_SIZE):
            query = _KEYS.where(col(SubjectKeyRow.subject).in_(ids[start : start + FETCH_SIZE]))
            if locked:
                query = query.with_for_update(read=True)
            keys |= {
                subject: self._unwrap(row) for row in session.exec(query) if (subject := _subject_of(row)) in subjects
            }
        return keys

    def _unwrap(self, row: SubjectKeyRow) -> SubjectKey:
        id_, subject = bytes.fromhex(row.key), _subject_of(row)
        with self._lock:
            cached_key = self._cache.get(id_)
            if cached_key is not None and cached_key.subject == subject:
                self._cache.move_to_end(id_)
                return cached_key
        return self._cache_key(
            id_, subject, unwrap_key(self.masters.get(row.master_key_id), id_, subject, row.wrapped_key)
        )

    def _make_key(self, transaction: Transaction, subject: Subject, master: str, cipher: AESGCM) -> SubjectKey:
        """Return a new key, also cached; if the transaction fails, the cached key does no harm."""
        id_, content = os.urandom(ID_SIZE), os.urandom(KEY_SIZE)
        row = SubjectKeyRow(
            subject=subject.id,
            kind=subject.kind,
            key=id_.hex(),
            master_key_id=master,
            wrapped_key=wrap_key(cipher, id_, subject, content),
            created_at=transaction.now,
        )
        row.mac = mac_of_subject_key(current_mac_key(transaction.session), row)
        transaction.session.add(row)
        return self._cache_key(id_, subject, content)

    def _cache_key(self, id_: bytes, subject: Subject, content: bytes) -> SubjectKey:
        key = SubjectKey(id_, subject, AESGCM(content))
        with self._lock:
            self._cache[id_] = key
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        return key


def _subject_of(row: SubjectKeyRow) -> Subject:
    return Subject(row.subject, row.kind)


# -------------------------------------------------------------------------------------------------- erasing


def may_erase(actor: Actor) -> Literal[True] | str:
    """Return True if the actor may erase a subject (compliance, or the command line), else the reason."""
    if actor.kind not in {"person", "machine"}:
        return True
    if actor.kind != "person" or Role.COMPLIANCE not in actor.roles:
        return actor.pending_reason([Role.COMPLIANCE]) or Message("Only compliance may erase a subject.")
    return True


def erase_subject(transaction: Transaction, actor: Actor, subject: Subject, reason: str) -> None:
    """Delete the subject's key: its sensitive facts become unreadable, while its records still verify.

    It is removed from group lists, including those of past days.

    Raises ErasurePermissionDenied, ErasureRejected, InvalidSubject.
    """
    if (allowed := may_erase(actor)) is not True:
        raise ErasurePermissionDenied(allowed)
    if actor.kind == "person" and not actor.is_fresh(transaction.now):
        raise ErasurePermissionDenied(Message("Confirm who you are first: enter your password again."))
    if problems := reason_problems(reason):
        raise ErasureRejected(join_sentences(problems))
    session = transaction.session
    check_lookup(session, *subject)
    row = session.get(SubjectKeyRow, subject, with_for_update=True)
    if row is not None:
        session.delete(row)
        session.flush()
    elif not has_populations(session):
        raise ErasureRejected(
            Message(
                "The {kind} {subject} has no key: no sensitive facts are stored, or it was erased before.",
                kind=kind_label(subject.kind, "en"),
                subject=subject.id,
            )
        )
    forget_subject(session, subject)
    append(transaction, actor, SubjectErased(*subject, reason))


def has_populations(session: Session) -> bool:
    """Return True if populations are registered, which may hold facts about a subject without a key."""
    return session.exec(select(SubjectKeyRow.key).where(SubjectKeyRow.kind == POPULATION).limit(1)).first() is not None


# ------------------------------------------------------------------------------------------------- rotation


def count_keys(session: Session) -> int:
    """Count the subjects that have a key."""
    return row_count(session, SubjectKeyRow)


def rotate_master_key(database: Database, clock: Clock, masters: MasterKeys, actor: Actor) -> int:
    """Rewrap the keys of all subjects under a new master key, then remove the old one; return the number of keys.

    It can be interrupted and run again. It writes in the lane `decisions`, the only one in which keys are created,
    always under the newest master key: once it holds the lane and finds no key under an older one, none is left. Raises
    KeyFileError, DecryptionFailed, DatabaseUnavailable.
    """
    count = 0
    with masters.exclusive():
        new_key = masters.add()
        while rewrapped := _rewrap_keys(database, clock, masters, new_key):
            count += rewrapped
        with database.write(clock) as transaction:
            append(transaction, actor, MasterKeyRotated(new_key, count))
    return count


def _rewrap_keys(database: Database, clock: Clock, masters: MasterKeys, new_key: str) -> int:
    """Rewrap some keys and return their number; if none is left, remove all master keys but the new one."""
    with database.write(clock, LaneName.DECISIONS) as transaction:
        session = transaction.session
        key = current_mac_key(session)
        rows = list(
            session.exec(_KEYS.where(SubjectKeyRow.master_key_id != new_key).limit(FETCH_SIZE).with_for_update())
        )
        for row in rows:
            id_ = bytes.fromhex(row.key)
            content = unwrap_key(masters.get(row.master_key_id), id_, _subject_of(row), row.wrapped_key)
            row.master_key_id, row.wrapped_key = new_key, wrap_key(masters.get(new_key), id_, _subject_of(row), content)
            row.mac = mac_of_subject_key(key, row)
            session.add(row)
        if not rows:
            masters.remove_others(new_key)
    return len(rows)

"""The keys of the subjects: made with a subject's first sensitive fact, deleted when the subject is erased."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import MasterKeyRotated, SubjectErased
from policy_service.audit.log import append
from policy_service.clock import Clock
from policy_service.database import Database, LaneName, Transaction
from policy_service.decisions.macs import mac_of_subject_key, writing_key
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.overriding import reason_problems
from policy_service.decisions.records import check_lookup
from policy_service.decisions.secrecy import ID_SIZE, KEY_SIZE, SubjectKey, is_sealed, key_of, open_fact, unwrap, wrap
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.sentences import Sentence, listed, together
from policy_service.subject import Subject, kind_words

CACHED = 10_000
"""Keys kept unwrapped in memory."""
AT_ONCE = 500
"""Rows asked for, or wrapped anew, in one go."""
ERASED = {"$erased": True}
"""What is read in the place of a fact whose key was deleted."""


_KEYS = select(SubjectKeyRow).order_by(col(SubjectKeyRow.subject), col(SubjectKeyRow.kind))


class SubjectRefused(Exception):
    """A subject is not erased; the message says why."""


class Forbidden(SubjectRefused):
    """Because the actor may not."""


class Erased(Exception):
    """Facts cannot be read any more, since the key of their subject was deleted; `facts` are their names."""

    def __init__(self, subject: Subject, facts: Iterable[str]) -> None:
        self.subject = subject
        self.facts = tuple(facts)
        super().__init__(
            Sentence(
                "The key of {subject} was deleted, so its sensitive facts cannot be read: {facts}.",
                subject=subject.id,
                facts=listed(self.facts),
            )
        )


class Secrets:
    """Opens and makes the keys of subjects: the database says which key a subject has, memory spares unwrapping."""

    def __init__(self, masters: MasterKeys, cached: int = CACHED) -> None:
        self.masters = masters
        self._cached = cached
        self._open: OrderedDict[bytes, SubjectKey] = OrderedDict()
        self._lock = threading.Lock()

    def keys_for(self, transaction: Transaction, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """The keys of the subjects; those without one are given one.

        The transaction must be of the lane `decisions`, so that nobody else gives them one at the same time. The rows
        stay locked until its end: who erases a subject waits for the record, or the record gets another key.
        """
        wanted = set(subjects)
        found = self._find(transaction.session, wanted, locked=True)
        if len(found) < len(wanted):
            master, cipher = self.masters.current()
            for subject in sorted(wanted - found.keys()):
                found[subject] = self._make(transaction, subject, master, cipher)
            transaction.session.flush()
        return found

    def find(self, session: Session, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """The keys of the subjects that have one."""
        return self._find(session, set(subjects), locked=False)

    def open_facts(self, session: Session, subject: Subject, decision: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """A record's facts with the sealed ones opened. Raises Erased, Broken."""
        opened = self.show_facts(session, subject, decision, facts)
        erased = [name for name, value in opened.items() if value == ERASED]
        if erased:
            raise Erased(subject, erased)
        return opened

    def show_facts(self, session: Session, subject: Subject, decision: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """A record's facts with the sealed ones opened, or told to be erased. Raises Broken."""
        if not any(map(is_sealed, facts.values())):
            return dict(facts)
        key = self.find(session, [subject]).get(subject)
        shown = dict(facts)
        for name, value in facts.items():
            if is_sealed(value):
                gone = key is None or key_of(value) != key.id
                shown[name] = dict(ERASED) if gone or key is None else open_fact(key, decision, name, value)
        return shown

    def forget(self) -> None:
        """Drops what is kept in memory."""
        with self._lock:
            self._open.clear()

    def _find(self, session: Session, subjects: AbstractSet[Subject], *, locked: bool) -> dict[Subject, SubjectKey]:
        """The keys of the subjects that have one; rows are locked in one order, so that nobody waits in a circle."""
        found: dict[Subject, SubjectKey] = {}
        ids = sorted({subject.id for subject in subjects})
        for start in range(0, len(ids), AT_ONCE):
            query = _KEYS.where(col(SubjectKeyRow.subject).in_(ids[start : start + AT_ONCE]))
            if locked:
                query = query.with_for_update(read=True)
            found |= {subject: self._opened(row) for row in session.exec(query) if (subject := _of(row)) in subjects}
        return found

    def _opened(self, row: SubjectKeyRow) -> SubjectKey:
        id_, subject = bytes.fromhex(row.key), _of(row)
        with self._lock:
            known = self._open.get(id_)
            if known is not None and known.subject == subject:
                self._open.move_to_end(id_)
                return known
        return self._keep(id_, subject, unwrap(self.masters.get(row.master), id_, subject, row.wrapped))

    def _make(self, transaction: Transaction, subject: Subject, master: str, cipher: AESGCM) -> SubjectKey:
        """A new key; it is kept in memory too, where it does no harm if the transaction fails."""
        id_, content = os.urandom(ID_SIZE), os.urandom(KEY_SIZE)
        row = SubjectKeyRow(
            subject=subject.id,
            kind=subject.kind,
            key=id_.hex(),
            master=master,
            wrapped=wrap(cipher, id_, subject, content),
            created_at=transaction.now,
        )
        row.mac = mac_of_subject_key(writing_key(transaction.session), row)
        transaction.session.add(row)
        return self._keep(id_, subject, content)

    def _keep(self, id_: bytes, subject: Subject, content: bytes) -> SubjectKey:
        key = SubjectKey(id_, subject, AESGCM(content))
        with self._lock:
            self._open[id_] = key
            while len(self._open) > self._cached:
                self._open.popitem(last=False)
        return key


def _of(row: SubjectKeyRow) -> Subject:
    return Subject(row.subject, row.kind)


# -------------------------------------------------------------------------------------------------- erasing


def may_erase(actor: Actor) -> Literal[True] | str:
    """Whether the actor may erase a subject: compliance, in person; or the command line."""
    if actor.kind not in {"person", "machine"}:
        return True
    if actor.kind != "person" or Role.COMPLIANCE not in actor.roles:
        return actor.why_waiting([Role.COMPLIANCE]) or Sentence("Only compliance may erase a subject.")
    return True


def erase_subject(transaction: Transaction, actor: Actor, subject: Subject, reason: str) -> None:
    """Deletes the subject's key: nobody can read its sensitive facts any more, while its records still verify.

    Raises SubjectRefused, InvalidSubject.
    """
    if (allowed := may_erase(actor)) is not True:
        raise Forbidden(allowed)
    if actor.kind == "person" and not actor.is_fresh(transaction.now):
        raise Forbidden(Sentence("Confirm who you are first: enter your password again."))
    if problems := reason_problems(reason):
        raise SubjectRefused(together(problems))
    session = transaction.session
    check_lookup(session, *subject)
    row = session.get(SubjectKeyRow, subject, with_for_update=True)
    if row is None:
        raise SubjectRefused(
            Sentence(
                "The {kind} {subject} has no key: no sensitive fact of it is kept, or it was erased before.",
                kind=kind_words(subject.kind, "en"),
                subject=subject.id,
            )
        )
    session.delete(row)
    session.flush()
    append(transaction, actor, SubjectErased(*subject, reason))


# ------------------------------------------------------------------------------------------------- rotation


def rotate_master(database: Database, clock: Clock, masters: MasterKeys, actor: Actor) -> int:
    """Wraps the keys of all subjects anew under a new master key, then forgets the old one; gives how many.

    It may be stopped at any moment and begun again. It writes in the lane `decisions`, the only one in which keys are
    made, and always under the newest master key: so when, holding the lane, it finds none under another, there is none.
    Raises KeyFileFault, Broken, DatabaseUnavailable.
    """
    count = 0
    with masters.alone():
        new = masters.add()
        while wrapped := _wrap_anew(database, clock, masters, new):
            count += wrapped
        with database.write(clock) as transaction:
            append(transaction, actor, MasterKeyRotated(new, count))
    return count


def _wrap_anew(database: Database, clock: Clock, masters: MasterKeys, new: str) -> int:
    """Wraps some keys anew; when there are no more, forgets all master keys but the new one."""
    with database.write(clock, LaneName.DECISIONS) as transaction:
        session = transaction.session
        key = writing_key(session)
        rows = list(session.exec(_KEYS.where(SubjectKeyRow.master != new).limit(AT_ONCE).with_for_update()))
        for row in rows:
            id_ = bytes.fromhex(row.key)
            content = unwrap(masters.get(row.master), id_, _of(row), row.wrapped)
            row.master, row.wrapped = new, wrap(masters.get(new), id_, _of(row), content)
            row.mac = mac_of_subject_key(key, row)
            session.add(row)
        if not rows:
            masters.keep_only(new)
    return len(rows)

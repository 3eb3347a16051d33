"""Sensitive facts at rest: each subject has a key, each fact is encrypted under it, a master key wraps the keys.

    sealed fact  = {"$sealed": base64(key id, nonce, AES-256-GCM(padded JSON of the value))}
    wrapped key  = nonce, AES-256-GCM(key)

The associated data bind a sealed fact to its decision and its name, and a wrapped key to its subject, so that none can
be put in another's place. They name the kind of the subject unless it is `customer`: then they are what they were
before subjects had kinds, and what was sealed then still opens. The JSON is padded with blanks, so that its length does
not tell the value. Without its key a sealed fact says nothing to anybody: deleting the key erases the subject (NIST SP
800-88, cryptographic erase).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from policy_service.canonical import canonical
from policy_service.sentences import Sentence
from policy_service.subject import CUSTOMER, Subject

KEY_SIZE = 32
NONCE_SIZE = 12
ID_SIZE = 16
PADDING = 32
"""A sealed value's length is a multiple of this, bytes."""
SEALED = "$sealed"
"""The one member of a sealed fact."""


class Broken(ValueError):
    """What was sealed does not open: it was altered, or put in another's place."""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key of one subject's sensitive facts."""

    id: bytes
    subject: Subject
    cipher: AESGCM = field(repr=False, compare=False)


def seal_fact(key: SubjectKey, decision: str, fact: str, value: Any) -> dict[str, str]:  # noqa: ANN401  # JSON
    """A fact's value, in the form records keep it, readable only with the subject's key. Raises NotCanonicalError."""
    text = canonical(value)
    padded = text.ljust(-(-len(text) // PADDING) * PADDING)
    nonce = os.urandom(NONCE_SIZE)
    content = key.cipher.encrypt(nonce, padded, _fact_context(key.subject, decision, fact))
    return {SEALED: base64.b64encode(key.id + nonce + content).decode()}


def is_sealed(value: object) -> bool:
    """Whether a fact in a record is sealed; no fact's own value is an object."""
    return isinstance(value, dict) and SEALED in value


def key_of(sealed: dict[str, str]) -> bytes:
    """The identifier of the key that a fact is sealed under. Raises Broken."""
    return _content(sealed)[:ID_SIZE]


def open_fact(key: SubjectKey, decision: str, fact: str, sealed: dict[str, str]) -> Any:  # noqa: ANN401  # JSON
    """The value of a sealed fact. Raises Broken."""
    content = _content(sealed)
    nonce, encrypted = content[ID_SIZE : ID_SIZE + NONCE_SIZE], content[ID_SIZE + NONCE_SIZE :]
    try:
        return json.loads(key.cipher.decrypt(nonce, encrypted, _fact_context(key.subject, decision, fact)))
    except InvalidTag:
        raise Broken(Sentence("the sealed fact `{fact}` was altered", fact=fact)) from None


def wrap(master: AESGCM, id_: bytes, subject: Subject, key: bytes) -> bytes:
    """A subject's key as it is kept."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + master.encrypt(nonce, key, _key_context(id_, subject))


def unwrap(master: AESGCM, id_: bytes, subject: Subject, wrapped: bytes) -> bytes:
    """A subject's key, as random bytes. Raises Broken."""
    try:
        return master.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], _key_context(id_, subject))
    except (InvalidTag, ValueError):
        raise Broken(Sentence("the key of {subject} does not open under its master key", subject=subject.id)) from None


def _content(sealed: dict[str, str]) -> bytes:
    try:
        content = base64.b64decode(sealed[SEALED], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise Broken(Sentence("a sealed fact is not what was written")) from None
    if len(sealed) != 1 or len(content) < ID_SIZE + NONCE_SIZE + PADDING:
        raise Broken(Sentence("a sealed fact is not what was written"))
    return content


def _fact_context(subject: Subject, decision: str, fact: str) -> bytes:
    return canonical(["fact", *_named(subject), decision, fact])


def _key_context(id_: bytes, subject: Subject) -> bytes:
    return canonical(["subject-key", id_.hex(), *_named(subject)])


def _named(subject: Subject) -> tuple[str, ...]:
    return (subject.id,) if subject.kind == CUSTOMER else subject

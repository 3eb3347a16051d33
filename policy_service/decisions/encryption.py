"""Sensitive facts at rest: each subject has a key, each fact is encrypted under it, a master key wraps the keys.

    encrypted fact = {"$sealed": base64(key id, nonce, AES-256-GCM(padded JSON of the value))}
    wrapped key  = nonce, AES-256-GCM(key)

The associated data bind an encrypted fact to its decision and name, and a wrapped key to its subject, so that none can
be swapped for another. They name the kind of the subject unless it is `customer`, so that facts encrypted before
subjects had kinds can still be decrypted. The JSON is padded with blanks to hide the length of the value. Deleting the
key makes the fact unreadable, which erases the subject (NIST SP 800-88, cryptographic erase).
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

from policy_service.canonical import to_canonical_json
from policy_service.messages import Message
from policy_service.subject import CUSTOMER, Subject

KEY_SIZE = 32
NONCE_SIZE = 12
ID_SIZE = 16
PADDING = 32
"""An encrypted value's length is a multiple of this, bytes."""
ENCRYPTED = "$sealed"
"""The only member of an encrypted fact."""


class DecryptionFailed(ValueError):
    """Decryption failed: the ciphertext was altered, or moved from elsewhere."""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key of one subject's sensitive facts."""

    id: bytes
    subject: Subject
    cipher: AESGCM = field(repr=False, compare=False)


def encrypt_fact(key: SubjectKey, decision: str, fact: str, value: Any) -> dict[str, str]:  # noqa: ANN401  # JSON
    """Return a fact's value encrypted with the subject's key, as records store it. Raises NotCanonicalError."""
    text = to_canonical_json(value)
    padded = text.ljust(-(-len(text) // PADDING) * PADDING)
    nonce = os.urandom(NONCE_SIZE)
    content = key.cipher.encrypt(nonce, padded, _fact_context(key.subject, decision, fact))
    return {ENCRYPTED: base64.b64encode(key.id + nonce + content).decode()}


def is_encrypted(value: object) -> bool:
    """Return True if a fact in a record is encrypted; no fact's own value is an object."""
    return isinstance(value, dict) and ENCRYPTED in value


def key_id_of(encrypted: dict[str, str]) -> bytes:
    """Return the identifier of the key that encrypts a fact. Raises DecryptionFailed."""
    return _content(encrypted)[:ID_SIZE]


def decrypt_fact(key: SubjectKey, decision: str, fact: str, encrypted: dict[str, str]) -> Any:  # noqa: ANN401  # JSON
    """Return the decrypted value of a fact. Raises DecryptionFailed."""
    content = _content(encrypted)
    nonce, ciphertext = content[ID_SIZE : ID_SIZE + NONCE_SIZE], content[ID_SIZE + NONCE_SIZE :]
    try:
        return json.loads(key.cipher.decrypt(nonce, ciphertext, _fact_context(key.subject, decision, fact)))
    except InvalidTag:
        raise DecryptionFailed(Message("the sealed fact `{fact}` was altered", fact=fact)) from None


def wrap_key(master: AESGCM, id_: bytes, subject: Subject, key: bytes) -> bytes:
    """Return a subject's key, wrapped for storage."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + master.encrypt(nonce, key, _key_context(id_, subject))


def unwrap_key(master: AESGCM, id_: bytes, subject: Subject, wrapped: bytes) -> bytes:
    """Return a subject's key as bytes. Raises DecryptionFailed."""
    try:
        return master.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], _key_context(id_, subject))
    except (InvalidTag, ValueError):
        raise DecryptionFailed(
            Message("the key of {subject} does not open under its master key", subject=subject.id)
        ) from None


def _content(encrypted: dict[str, str]) -> bytes:
    try:
        content = base64.b64decode(encrypted[ENCRYPTED], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise DecryptionFailed(Message("a sealed fact is not what was written")) from None
    if len(encrypted) != 1 or len(content) < ID_SIZE + NONCE_SIZE + PADDING:
        raise DecryptionFailed(Message("a sealed fact is not what was written"))
    return content


def _fact_context(subject: Subject, decision: str, fact: str) -> bytes:
    return to_canonical_json(["fact", *_subject_context(subject), decision, fact])


def _key_context(id_: bytes, subject: Subject) -> bytes:
    return to_canonical_json(["subject-key", id_.hex(), *_subject_context(subject)])


def _subject_context(subject: Subject) -> tuple[str, ...]:
    return (subject.id,) if subject.kind == CUSTOMER else subject

"""Canonical JSON (RFC 8785) and its digests: equal values have equal bytes, today and in ten years.

Only unambiguous values are allowed: text, whole numbers within ±(2^53 - 1), booleans, null, lists, and objects with
ASCII names, nested at most 100 deep. Money, decimals and instants are text.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 100
"""Maximum nesting of lists and objects."""
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_ENCODER = msgspec.json.Encoder(order="sorted")


class NotCanonicalError(ValueError):
    """The value has no canonical form; the message says why."""


def to_canonical_json(value: object) -> bytes:
    """Return the canonical JSON of a value. Raises NotCanonicalError.

    >>> to_canonical_json({"b": ["5.00", None], "a": 1})
    b'{"a":1,"b":["5.00",null]}'
    >>> to_canonical_json(0.1)
    Traceback (most recent call last):
    ...
    policy_service.canonical.NotCanonicalError: a float has no canonical form
    """
    _check(value)
    return _ENCODER.encode(value)


def to_canonical_json_unchecked(value: object) -> bytes:
    """Return the canonical JSON of a value known to have one, such as an answer of this service."""
    return _ENCODER.encode(value)


def digest(content: bytes) -> str:
    """Return `sha256:` and the hexadecimal SHA-256 (FIPS 180-4) of bytes.

    >>> digest(b"")
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def check_digest(text: str) -> str:
    """Return a digest in the form of `digest`. Raises ValueError for any other text."""
    if not _DIGEST.fullmatch(text):
        raise ValueError(text)
    return text


def digest_of(value: object) -> str:
    """Return the digest of a value's canonical bytes. Raises NotCanonicalError."""
    return digest(to_canonical_json(value))


def _check(value: Any, depth: int = 0) -> None:  # noqa: ANN401  # whatever a person wants to be canonical
    match value:
        case None | bool():
            pass
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise NotCanonicalError("text holds half of a character (a lone surrogate)") from None
        case int():
            if not -MAX_INTEGER <= value <= MAX_INTEGER:
                raise NotCanonicalError(f"{value} is beyond ±(2^53 - 1): write it as text")
        case list() | tuple() | dict() if depth == MAX_DEPTH:
            raise NotCanonicalError(f"more than {MAX_DEPTH} lists and objects are inside each other")
        case list() | tuple():
            for item in value:
                _check(item, depth + 1)
        case dict():
            for name, item in value.items():
                if not (isinstance(name, str) and name.isascii()):
                    raise NotCanonicalError(f"{name!r} cannot name a member: names are ASCII text")
                _check(item, depth + 1)
        case _:
            raise NotCanonicalError(f"a {type(value).__name__} has no canonical form")

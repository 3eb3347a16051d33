"""Secrets that the service itself makes: 256 bits of chance, of which only the SHA-256 is kept.

A slow hash is for passwords, which people choose and machines can guess. Nobody guesses 256 bits; a fast hash is
enough, and a stolen table opens nothing.

    session        a token of 43 letters, digits, hyphens and underscores
    API key        psk_<identifier>_<such a token>
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

BYTES = 32
KEY_PREFIX = "psk"


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """An API key taken apart: whose it is, and the digest of what proves it."""

    id: str
    digest: str


def new_token() -> str:
    """Return a secret nobody can guess."""
    return secrets.token_urlsafe(BYTES)


def digest_of(token: str) -> str:
    """Return the stored form of a secret: the hexadecimal SHA-256."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def format_key(key: str, token: str) -> str:
    """Return an API key, as its owner keeps it."""
    return f"{KEY_PREFIX}_{key}_{token}"


def parse_key(text: str) -> ParsedKey | None:
    """Return the parts of an API key; None when the text is none."""
    prefix, _, rest = text.partition("_")
    key, _, token = rest.partition("_")
    return ParsedKey(key, digest_of(token)) if prefix == KEY_PREFIX and key and token else None


def is_key_like(text: str) -> bool:
    """Return True if the text calls itself an API key."""
    return text.startswith(f"{KEY_PREFIX}_")

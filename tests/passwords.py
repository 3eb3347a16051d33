"""Password hashes that cost next to nothing, for every test but tests/identity/test_passwords.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from argon2 import PasswordHasher

from policy_service.identity import passwords

FULL = passwords.HASHER
"""The service's own: slow on purpose."""
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@contextmanager
def hashed_by(hasher: PasswordHasher) -> Iterator[None]:
    """Hashes and verifies passwords in this process with another hasher; the service has no setting for it."""
    with mock.patch.object(passwords, "HASHER", hasher):
        passwords.dummy_hash.cache_clear()
        yield
    passwords.dummy_hash.cache_clear()

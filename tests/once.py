"""What a process of the tests does once, and a service does once too: compiling SQL, reading a policy file.

A service has one database; tests have thousands, and each would compile every statement anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from policy_service.language import load
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache

STATEMENTS = 10_000
MAX_CHARACTERS = 8 * 2**20


@contextmanager
def done_once() -> Iterator[None]:
    """Shares compiled statements between all databases of a kind, and policies between all who read the same bytes."""
    with (
        mock.patch.object(Engine, "__init__", _sharing(Engine.__init__)),
        mock.patch.object(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other)),
        mock.patch.object(DefaultDialect, "__hash__", lambda one: hash(type(one))),
        mock.patch.object(load, "load_bytes", _remembering(load.load_bytes)),
    ):
        yield


def _sharing(make: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def init(engine: Engine, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
        make(engine, *arguments, **options)
        engine._compiled_cache = compiled  # its keys name the dialect

    return init


def _remembering(read: Any) -> Any:  # noqa: ANN401  # the same as what is given
    policies: LruCache[bytes, Policy] = LruCache(MAX_CHARACTERS)

    def load_bytes(content: bytes, path: str = "policy.yaml") -> Policy:
        return policies.get_or_make(content, lambda: read(content, path), len(content))

    return load_bytes

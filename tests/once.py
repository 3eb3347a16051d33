"""What a process of the tests does once, and a service too: compiling SQL, reading policies, making routes, commands.

A service has one database and one application; tests have thousands, and each would do it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

from policy_service.language.core import Core
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache

if TYPE_CHECKING:
    from policy_service.compilers.rules_engine.child_process import SmokeTest

STATEMENTS = 10_000
MAX_CHARACTERS = 8 * 2**20
LOWERED = 500
"""Policies that are kept in the core."""


@contextmanager
def done_once() -> Iterator[None]:
    """Shares compiled statements between all databases of a kind, and what REMEMBERED names between all callers."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(Engine, "__init__", _sharing(Engine.__init__)))
        stack.enter_context(mock.patch.object(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other)))
        stack.enter_context(mock.patch.object(DefaultDialect, "__hash__", lambda one: hash(type(one))))
        for home, name, remembering in REMEMBERED:
            if home in sys.modules:  # not for tests that need no service
                function = getattr(sys.modules[home], name)
                replacement = remembering(function)
                for module in _modules_with(home, name, function):
                    stack.enter_context(mock.patch.object(module, name, replacement))
        yield


def _modules_with(home: str, name: str, function: object) -> list[ModuleType]:
    """The module of a function, and those of the program that have it too where the program made it."""
    ours = ("policy_service.", "api.")
    names = [key for key in sys.modules if key.startswith(ours)] if home.startswith(ours) else [home]
    return [sys.modules[key] for key in names if getattr(sys.modules[key], name, None) is function]


def _sharing(make: Any) -> Any:  # noqa: ANN401  # SQLAlchemy's
    compiled: LRUCache[Any, Any] = LRUCache(STATEMENTS)

    def init(engine: Engine, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
        make(engine, *arguments, **options)
        engine._compiled_cache = compiled  # its keys name the dialect

    return init


def _by_content(read: Callable[[bytes, str], Policy]) -> Callable[..., Policy]:
    policies: LruCache[bytes, Policy] = LruCache(MAX_CHARACTERS)

    @wraps(read)  # its example is tested
    def load_bytes(content: bytes, path: str = "policy.yaml") -> Policy:
        return policies.get_or_make(content, lambda: read(content, path), len(content))

    return load_bytes


def _by_identity(make: Callable[[Policy], Core]) -> Callable[[Policy], Core]:
    cores: LruCache[int, tuple[Policy, Core]] = LruCache(LOWERED)

    def lower(policy: Policy) -> Core:
        return cores.get_or_make(id(policy), lambda: (policy, make(policy)))[1]  # who is kept keeps the number

    return lower


def _by_program(build: Callable[..., None]) -> Callable[..., None]:
    """A program that passed in a child process passes in another."""
    passed: set[str] = set()

    def build_all_in_child(smoke_tests: Iterable[tuple[str, SmokeTest]], *, seconds: float) -> None:
        new = {key: each for each in smoke_tests if (key := repr(each)) not in passed}
        if new:
            build(new.values(), seconds=seconds)
            passed.update(new)

    return build_all_in_child


def _by_address(populate: Any) -> Any:  # noqa: ANN401  # FastAPI's
    """A route of the next application differs from the same of this one in its endpoint."""
    made: dict[object, tuple[dict[str, Any], dict[str, Any]]] = {}

    def remembering(route: Any, path: str, endpoint: Any, **options: Any) -> None:  # noqa: ANN401  # FastAPI's
        key = path, tuple(options["methods"]), endpoint.__code__, endpoint.__name__, endpoint.__doc__
        before, state = made.get(key, ({}, {}))
        if before == options:
            route.__dict__ |= state | {"endpoint": endpoint, "dependant": replace(state["dependant"], call=endpoint)}
        else:
            populate(route, path, endpoint, **options)
            made[key] = options, dict(route.__dict__)

    return remembering


REMEMBERED: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("policy_service.language.load", "load_bytes", _by_content),
    ("policy_service.language.lower", "lower", _by_identity),
    ("policy_service.compilers.rules_engine.child_process", "build_all_in_child", _by_program),
    ("api.web.json_body", "request_body", cache),
    ("fastapi.routing", "_populate_api_route_state", _by_address),
    ("typer.main", "get_command", cache),
)
"""Module, function, and what makes of it one that remembers."""

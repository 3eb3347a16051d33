"""Builds a version in two steps, so that the process that decides runs only the short one.

    parts = build(contents, "durable_rules")       # in another process: read, lowered, compiled, tried; seconds
    served = assemble(parts[0])                    # here: put together; a tenth of that, and mostly in small steps

The first step also tests the policies, with the engine in its own process (`run_smoke_tests`): its result is ready to
serve.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from policy_service.compilers.python_text import record_code, reuse_code
from policy_service.compilers.rules_engine import run_smoke_tests
from policy_service.decisions.decision import EngineName
from policy_service.decisions.served_policy import ServedPolicy
from policy_service.language.core import Core
from policy_service.language.load import load_bytes
from policy_service.language.lower import lower
from policy_service.language.policy import Policy
from policy_service.workers.kinds import BUILDING, time_limit
from policy_service.workers.pool import WorkerDied, Workers

REHEARSAL_SECONDS = 20.0
"""Time limit for building and testing all policies in a child process."""


class BuildFailed(Exception):
    """The child process did not finish; the message says why."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A version built by another process."""

    policy: Policy
    engine: EngineName
    core: Core
    code: bytes
    """The generated functions' code objects, by source text; marshalled."""


Build = Callable[[Sequence[bytes], EngineName], Sequence[bytes]]
"""Builds versions from their texts; `read_parts` parses each result. Raises BuildFailed, and what `build` does."""


def build(contents: Sequence[bytes], engine: EngineName) -> list[bytes]:
    """Parse, compile and test versions. Slow."""
    policies = [load_bytes(content) for content in contents]
    if engine == "durable_rules":
        run_smoke_tests(policies, seconds=REHEARSAL_SECONDS)
    return [pickle.dumps(_parts(policy, engine), pickle.HIGHEST_PROTOCOL) for policy in policies]


def build_in_worker(
    workers: Workers, policy_check_seconds: float, contents: Sequence[bytes], engine: EngineName
) -> Sequence[bytes]:
    """Run `build` in a worker. Raises BuildFailed, and what `build` does."""
    seconds = time_limit(BUILDING, policy_check_seconds)
    try:
        return workers.pool(BUILDING).call(seconds, build, contents, engine)
    except TimeoutError:
        raise BuildFailed(BUILDING.too_long_message(seconds)) from None
    except (WorkerDied, MemoryError):
        raise BuildFailed(BUILDING.too_large_message(seconds)) from None


def _parts(policy: Policy, engine: EngineName) -> Parts:
    core = lower(policy)
    with record_code() as code:
        ServedPolicy(policy, engine, core).close()
    return Parts(policy, engine, core, marshal.dumps(dict(code)))


def read_parts(parts: bytes) -> Parts:
    """Parse a version that `build` returned; it comes from this program, so nothing is checked again."""
    result: Parts = pickle.loads(parts)  # noqa: S301  # of our own child
    return result


def assemble(parts: Parts) -> ServedPolicy:
    """Return a version ready to answer."""
    with reuse_code(marshal.loads(parts.code)):  # noqa: S302  # of our own child
        return ServedPolicy(parts.policy, parts.engine, parts.core)

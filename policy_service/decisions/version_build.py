"""Builds a version in two halves, so that the process that decides has only the short one to do.

    parts = build(contents, "durable_rules")       # in another process: read, lowered, compiled, tried; seconds
    served = assemble(parts[0])                    # here: put together; a tenth of that, and mostly in small steps

The first half tries the policies too, the engine in a process of its own (`run_smoke_tests`): what comes out of it can
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
"""How long the policies may take, together, to be built and tried in a child process."""


class BuildFailed(Exception):
    """The process that builds did not come to an end; the message says why."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A version that was built elsewhere."""

    policy: Policy
    engine: EngineName
    core: Core
    code: bytes
    """The code of every function that is generated for it, by its text; marshalled."""


Build = Callable[[Sequence[bytes], EngineName], Sequence[bytes]]
"""Builds versions from their texts; `read_parts` reads each result. Raises BuildFailed, and what `build` does."""


def build(contents: Sequence[bytes], engine: EngineName) -> list[bytes]:
    """Read, compile and try versions. Slow.

    Raises PolicyError, SmokeTestFailed, EngineLimitError.
    """
    policies = [load_bytes(content) for content in contents]
    if engine == "durable_rules":
        run_smoke_tests(policies, seconds=REHEARSAL_SECONDS)
    return [pickle.dumps(_parts(policy, engine), pickle.HIGHEST_PROTOCOL) for policy in policies]


def build_in_worker(
    workers: Workers, policy_check_seconds: float, contents: Sequence[bytes], engine: EngineName
) -> Sequence[bytes]:
    """Do so in a worker. Raises BuildFailed, and what `build` does."""
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
    """Return a version that `build` gave: of this very program, so nothing is checked again."""
    result: Parts = pickle.loads(parts)  # noqa: S301  # of our own child
    return result


def assemble(parts: Parts) -> ServedPolicy:
    """Build a version, ready to answer."""
    with reuse_code(marshal.loads(parts.code)):  # noqa: S302  # of our own child
        return ServedPolicy(parts.policy, parts.engine, parts.core)

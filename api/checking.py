"""Reads policy files that come from outside in a process of its own, with a limit on its time and its memory.

A file of the largest size can keep a processor busy for many seconds; decisions must not wait for it. The process is
kept for the next file, and killed when it takes too long.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from api.problems import BUSY, CHECK_ABANDONED, ProblemError
from policy_service import Diagnostic, PolicyError, load_bytes
from policy_service.analysis.lint import lint
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Policy
from policy_service.language.requirements import in_stages
from policy_service.sentences import Sentence

Json = dict[str, Any]
Given = TypeVar("Given")
Found = TypeVar("Found")

FILE = "policy.yaml"
"""What a file without a name is called in diagnostics."""
WAITING = 8
"""Files that may wait while another is read."""
MEMORY = 2 * 2**30
"""Bytes of address space of the process."""
POLITENESS = 10
"""How much the process gives way to the one that decides."""

_BARE: Json = {"rules": (), "scorecard": None, "examples": (), "invariants": ()}
"""What nobody else's facts depend on."""


class Checker:
    """Checks one file after another."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._limiter = CapacityLimiter(1)

    def refuse_when_busy(self) -> None:
        """Raises ProblemError when too many files wait; asked before a body is read."""
        if self._limiter.statistics().tasks_waiting >= WAITING:
            told = Sentence("{count} policy files are waiting already", count=WAITING)
            raise ProblemError(BUSY, told, headers={"Retry-After": "10"})

    async def check(self, content: bytes, served: Mapping[str, Policy]) -> Json:
        """Whether a file is valid, alone and among the policies served; ProblemError when that cannot be told."""
        return await self.look(check_apart, content, served)

    async def look(
        self, apart: Callable[[Given, dict[str, Policy]], Found], given: Given, served: Mapping[str, Policy]
    ) -> Found:
        """What `apart` finds in a process of its own, which it confines; ProblemError when it takes too much."""
        bare = {name: replace(policy, **_BARE) for name, policy in served.items()}
        async with self._limiter:
            try:
                with fail_after(self._seconds):
                    return await to_process.run_sync(apart, given, bare, cancellable=True)
            except TimeoutError:
                told = Sentence("reading it takes more than {seconds:g} s", seconds=self._seconds)
                raise ProblemError(CHECK_ABANDONED, told) from None
            except (BrokenWorkerProcess, MemoryError):
                told = Sentence("reading it takes more memory than is given")
                raise ProblemError(CHECK_ABANDONED, told) from None


def check_apart(content: bytes, served: Mapping[str, Policy]) -> Json:
    """The same as `check`, in a process that may only use so much memory and gives way to others."""
    confine()
    return check(content, served)


def confine() -> None:
    """Lets this process use only so much memory, and give way to others."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(POLITENESS)


def check(content: bytes, served: Mapping[str, Policy]) -> Json:
    """What is wrong with the bytes of a policy file, alone and in the place of the one of its name that is served."""
    policy: Policy | None = None
    try:
        policy = load_bytes(content)
        in_stages({**served, policy.id: policy}.values())
    except PolicyError as error:
        return _answer(policy, _faults(error), (), error.render())
    warnings = lint(policy)
    lines = policy.text.splitlines()
    return _answer(policy, [], warnings, "\n".join(each.render(FILE, lines) for each in warnings))


def _faults(error: PolicyError) -> list[Json]:
    errors = error.errors if isinstance(error, PolicyFolderError) else (error,)
    return [{"file": each.path, **fault.to_dict()} for each in errors for fault in each.diagnostics]


def _answer(policy: Policy | None, faults: list[Json], warnings: Sequence[Diagnostic], text: str) -> Json:
    return {
        "valid": not faults,
        "policy": policy.id if policy else None,
        "version": policy.version if policy else None,
        "digest": policy.digest if policy else None,
        "diagnostics": faults,
        "warnings": [{"file": FILE, **each.to_dict()} for each in warnings],
        "text": text,
    }

"""Builds programs in a child process first, so that one that crashes or hangs ends the child, not the service.

    build_all_in_child([("tiering/rfm_value", SmokeTest(program, samples))], seconds=2.0)

The child is a fresh interpreter, never a fork of a process with threads. It only imports this file and three others,
not their packages, so it starts in about 0.1 s; one child tests any number of programs. Its processor time and memory
are limited, and it answers one line of JSON per program, so the missing answer shows which program ended it.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import Final, NamedTuple, TextIO

from policy_service.compilers.rules_engine.engine import Engine, EngineFault, EngineLimitError
from policy_service.compilers.rules_engine.program import Condition, Operator, Program, Term

MAX_MEMORY: Final = 2 * 2**30
"""Address space limit of the child, bytes."""

_PACKAGES: Final = ("policy_service", "policy_service.compilers", "policy_service.compilers.rules_engine")
_CHILD: Final = """
import json, sys, types
request = json.loads(sys.stdin.readline())
sys.path[:] = request["path"]
for name, folder in request["packages"].items():
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [folder]
from policy_service.compilers.rules_engine import child_process
child_process.run_child(sys.stdin, sys.stdout, seconds=request["seconds"])
"""


class SmokeTest(NamedTuple):
    """A program, and sample vectors with the rules that must match each."""

    program: Program
    samples: Sequence[tuple[Sequence[int], tuple[int, ...]]]


class SmokeTestFailed(Exception):
    """A program that must not be loaded into this process's engine."""

    def __init__(self, name: str, reason: str) -> None:
        """`name` is the program that failed."""
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def build_all_in_child(smoke_tests: Iterable[tuple[str, SmokeTest]], *, seconds: float) -> None:
    """Build named programs, one after the other in one child process, and check each against its samples.

    The child starts while `smoke_tests` are computed. Raises SmokeTestFailed for the first that fails, if the child
    dies, exceeds `seconds` for all of them, or answers differently.
    """
    names: list[str] = []

    def requests() -> Iterator[str]:
        for name, smoke_test in smoke_tests:
            names.append(name)
            yield _request(name, smoke_test)

    answers, ending = _run_child(requests(), seconds)
    for name in names:
        reason = answers.get(name, ending)
        if reason:
            raise SmokeTestFailed(name, reason)


def run_child(requests: TextIO, answers: TextIO, *, seconds: float) -> None:
    """Answer each line of `requests`, a program, with a line that reports its result; limit the process."""
    limit_process(seconds=seconds)
    for line in requests:
        request = json.loads(line)
        reason = _failure_reason(_program_from_json(request["program"]), request["samples"])
        answers.write(json.dumps({"name": request["name"], "reason": reason}) + "\n")
        answers.flush()


def limit_process(*, seconds: float) -> None:
    """Limit this process to `seconds` of processor time, and to MAX_MEMORY."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _failure_reason(program: Program, samples: Sequence[tuple[Sequence[int], Sequence[int]]]) -> str:
    """Return why the program fails; empty if it passes."""
    try:
        engine = Engine(program)
    except (EngineFault, EngineLimitError) as error:
        return f"cannot be built: {error}"
    try:
        for values, expected in samples:
            matched = engine.matches(values)
            if matched != tuple(expected):
                return f"expected rules {list(expected)} for {list(values)}, found {list(matched)}"
    except (EngineFault, TypeError, ValueError) as error:
        return f"cannot decide: {error}"
    finally:
        engine.close()
    return ""


def _run_child(requests: Iterable[str], seconds: float) -> tuple[dict[str, str], str]:
    """Return the child's answers by name, and why it stopped answering."""
    command = [sys.executable, "-I", "-S", "-c", _CHILD]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:  # noqa: S603 - a constant program
        try:
            with suppress(BrokenPipeError):
                child.stdin.write(_settings(seconds))  # type: ignore[union-attr]  # it is a pipe
                child.stdin.flush()  # type: ignore[union-attr]  # as above
            output, error_output = child.communicate("".join(requests).encode(), timeout=seconds)
            last_line = error_output.decode(errors="replace").strip().rpartition("\n")[2] or "no message"
            ending = f"the child process ended with status {child.returncode} ({last_line})"
        except subprocess.TimeoutExpired as error:
            child.kill()
            output, ending = error.stdout or b"", f"took longer than {seconds:g} s"
        except BaseException:
            child.kill()
            raise
    complete = (json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n"))
    return {answer["name"]: answer["reason"] for answer in complete}, ending


def _settings(seconds: float) -> bytes:
    """Return the first line for the child, which then imports what it needs; it fits into a pipe."""
    folder = Path(__file__).resolve().parent
    folders = (folder.parent.parent, folder.parent, folder)
    packages = {name: str(path) for name, path in zip(_PACKAGES, folders, strict=True)}
    return json.dumps({"path": sys.path, "packages": packages, "seconds": seconds}).encode() + b"\n"


def _request(name: str, smoke_test: SmokeTest) -> str:
    samples = [(list(values), expected) for values, expected in smoke_test.samples]
    return json.dumps({"name": name, "program": _program_to_json(smoke_test.program), "samples": samples}) + "\n"


def _program_to_json(program: Program) -> list[object]:
    terms = [[t.rule, [[c.field, c.operator, c.value] for c in t.conditions]] for t in program.terms]
    return [program.fields, terms, sorted(program.flags)]


def _program_from_json(document: tuple[int, list[tuple[int, list[tuple[int, Operator, int]]]], list[int]]) -> Program:
    fields, terms, flags = document
    conjunctions = ((rule, tuple(Condition(*parts) for parts in conditions)) for rule, conditions in terms)
    return Program(fields, tuple(Term(rule, conditions) for rule, conditions in conjunctions), frozenset(flags))

"""A program that cannot be trusted is found out in a child process, and named."""

import io
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from policy_service.compilers.rules_engine import child_process
from policy_service.compilers.rules_engine.child_process import (
    SmokeTest,
    SmokeTestFailed,
    build_all_in_child,
    limit_process,
    run_child,
)
from policy_service.compilers.rules_engine.program import Condition, Program, Term
from tests.compilers.rules_engine.programs import everything_true

ROOT = Path(__file__).parents[3]
GOOD = SmokeTest(everything_true(70), [([0] * 20, tuple(range(70))), ([1] * 20, ())])
WRONG = SmokeTest(everything_true(2), [([0] * 20, (0,))])
TOO_WIDE = SmokeTest(Program(1, (Term(0, (Condition(1, "=", 0),)),)), [])
UNFIT = SmokeTest(everything_true(2), [([0], (0,))])


def test_a_good_program_passes() -> None:
    build_all_in_child({"program": GOOD}.items(), seconds=20)


def test_any_number_of_programs_are_tried_in_one_child() -> None:
    build_all_in_child([(f"tiering/policy_{number}", GOOD) for number in range(12)], seconds=20)
    build_all_in_child([], seconds=20)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (WRONG, f"expected rules [0] for {[0] * 20}, found [0, 1]"),
        (TOO_WIDE, "cannot be built: field of a condition: found 1, allowed 0 to 0"),
        (UNFIT, "cannot decide: expected 20 values, found 1"),
    ],
)
def test_the_program_that_fails_is_named(bad: SmokeTest, reason: str) -> None:
    with pytest.raises(SmokeTestFailed) as failed:
        build_all_in_child({"good": GOOD, "bad": bad, "late": GOOD}.items(), seconds=20)
    assert str(failed.value) == f"bad: {reason}"
    assert (failed.value.name, failed.value.reason) == ("bad", reason)


def test_a_program_that_ends_the_child_is_named() -> None:
    broken = SmokeTest(Program(cast("int", "wide"), GOOD.program.terms), [])
    with pytest.raises(SmokeTestFailed, match=r"^broken: the child process ended with status 1 .TypeError"):
        build_all_in_child({"good": GOOD, "broken": broken}.items(), seconds=20)


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 11)", "print('{\"name', end='', flush=True); os._exit(3)"])
def test_a_crash_is_told_from_an_answer(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(child_process, "_CHILD", f"import os, sys; sys.stdin.read(); {end}")
    with pytest.raises(SmokeTestFailed, match=r"^program: the child process ended with status -?\d+ .no mess"):
        build_all_in_child({"program": GOOD}.items(), seconds=20)


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_CHILD", "while True: pass")
    with pytest.raises(SmokeTestFailed, match=r"^program: took longer than 0\.3 s$"):
        build_all_in_child({"program": GOOD}.items(), seconds=0.3)


def test_a_child_is_ended_when_a_program_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_CHILD", "while True: pass")
    impossible = (("program", SmokeTest(everything_true(1 // zero), [])) for zero in [0])
    with pytest.raises(ZeroDivisionError):
        build_all_in_child(impossible, seconds=20)


def test_the_child_answers_a_line_for_each_program(monkeypatch: pytest.MonkeyPatch) -> None:
    limited: list[float] = []
    monkeypatch.setattr(child_process, "limit_process", lambda *, seconds: limited.append(seconds))
    trials = {"good": GOOD, "wrong": WRONG, "too wide": TOO_WIDE, "unfit": UNFIT}
    requests = io.StringIO("".join(child_process._request(*trial) for trial in trials.items()))
    answers = io.StringIO()
    run_child(requests, answers, seconds=5)
    results = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert [answer["name"] for answer in results] == list(trials)
    assert [bool(answer["reason"]) for answer in results] == [False, True, True, True]
    assert limited == [5]


def test_the_limits_are_processor_time_memory_and_no_core_file(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    limit_process(seconds=1.5)
    assert limits == {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (2, 3),
        resource.RLIMIT_AS: (child_process.MAX_MEMORY, child_process.MAX_MEMORY),
    }


@pytest.mark.parametrize(
    ("act", "status", "says"),
    [("bytearray(3 * 2**30)", 1, "MemoryError"), ("while True: pass", -24, "")],
)
def test_the_limits_end_a_process(act: str, status: int, says: str) -> None:
    code = f"from {child_process.__name__} import limit_process\nlimit_process(seconds=1)\n{act}"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=ROOT, timeout=60)
    assert done.returncode == status
    assert says in done.stderr.decode()

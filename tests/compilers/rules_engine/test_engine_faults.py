"""Whatever interrupts the engine, at whatever step, its next decision is right."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import durable_rules_engine
import pytest

from policy_service.compilers.rules_engine.engine import Engine, EngineFault, _break_all_after_fork
from policy_service.compilers.rules_engine.program import Condition, Program, Term
from tests.compilers.rules_engine.programs import everything_true, expected

ROOT = Path(__file__).parents[3]
FUNCTIONS = (
    "create_ruleset",
    "delete_ruleset",
    "assert_event",
    "assert_fact",
    "retract_fact",
    "start_action_for_state",
    "complete_and_start_action",
    "delete_state",
)
TWO_RULESETS = Program(
    1, tuple(Term(rule, (Condition(0, "!=" if rule in {1, 5, 299} else "=", 0),)) for rule in range(300))
)
VECTORS = ([1], [2], [-7])
"""Three rules are true for each, in two rulesets: a conversation of several steps."""


class Faults:
    """Stands between the engine and C, and lets a chosen call fail before or after it is made."""

    def __init__(self) -> None:
        self.calls = 0
        self.fail_at = 0
        self.error: type[BaseException] = durable_rules_engine.error
        self.after = False

    def next(self, call: int, error: type[BaseException], *, after: bool) -> None:
        """Fail at the `call`-th call from now."""
        self.fail_at, self.error, self.after = self.calls + call, error, after

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            self.calls += 1
            if self.calls == self.fail_at and not self.after:
                raise self.error
            answer = function(*arguments)
            if self.calls == self.fail_at:
                raise self.error
            return answer

        return call


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    faults = Faults()
    for name in FUNCTIONS:
        monkeypatch.setattr(durable_rules_engine, name, faults.around(getattr(durable_rules_engine, name)))
    yield faults
    faults.fail_at = 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [durable_rules_engine.error, KeyboardInterrupt, MemoryError])
def test_the_decision_after_a_fault_is_right(faults: Faults, error: type[BaseException], *, after: bool) -> None:
    raised = EngineFault if error is durable_rules_engine.error else error
    with closing(Engine(TWO_RULESETS)) as engine:
        before = faults.calls
        assert engine.matches(VECTORS[0]) == (1, 5, 299)
        steps = faults.calls - before
        injected = 0
        for vector in VECTORS * 2:
            for step in range(1, steps + 1):
                faults.next(step, error, after=after)
                with pytest.raises(raised):
                    engine.matches(vector)
                assert engine.matches(vector) == expected(TWO_RULESETS, vector)
                injected += 1
    assert injected >= 50  # of which there are six kinds: 300 and more


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [durable_rules_engine.error, KeyboardInterrupt])
def test_a_fault_while_the_engine_rebuilds_itself_delays_the_right_decision(
    faults: Faults, error: type[BaseException], *, after: bool
) -> None:
    with closing(Engine(TWO_RULESETS)) as engine:
        for step in range(1, 24):
            faults.next(1, error, after=after)
            with pytest.raises((EngineFault, KeyboardInterrupt)):
                engine.matches([1])
            faults.next(step, error, after=after)
            try:
                assert engine.matches([1]) == (1, 5, 299)  # the fault fell into what is freed
            except (EngineFault, KeyboardInterrupt):
                assert engine.matches([1]) == (1, 5, 299)
            faults.fail_at = 0
            assert engine.matches([2]) == (1, 5, 299)


@pytest.mark.parametrize("step", range(1, 5))
def test_a_fault_while_an_engine_is_first_built_is_raised(faults: Faults, step: int) -> None:
    faults.next(step, durable_rules_engine.error, after=False)
    with pytest.raises(EngineFault):
        Engine(TWO_RULESETS)
    with closing(Engine(TWO_RULESETS)) as engine:
        assert engine.matches([1]) == (1, 5, 299)


def test_a_fault_while_closing_frees_what_it_can(faults: Faults) -> None:
    engine = Engine(TWO_RULESETS)
    faults.next(1, durable_rules_engine.error, after=False)
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.matches([1])


def test_a_fault_in_writing_the_message_of_good_values_is_told_as_it_is() -> None:
    def fails(_: object) -> object:
        raise TypeError("a fault of ours")

    with closing(Engine(everything_true(3))) as engine:
        write, engine._write = engine._write, fails  # type: ignore[assignment]  # it never answers
        with pytest.raises(TypeError, match="a fault of ours"):
            engine.matches([0] * 20)
        engine._write = write
        assert engine.matches([0] * 20) == (0, 1, 2)


def test_a_message_left_over_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fact = durable_rules_engine.assert_fact
    left_over: list[bool] = []

    def twice(handle: int, message: str) -> tuple[int, int]:
        if left_over:
            assert_fact(handle, message)
        return assert_fact(handle, message)

    monkeypatch.setattr(durable_rules_engine, "assert_fact", twice)
    with closing(Engine(everything_true(3))) as engine:
        left_over.append(True)
        with pytest.raises(EngineFault, match="code 2"):
            engine.matches([0] * 20)
        left_over.clear()
        assert engine.matches([0] * 20) == (0, 1, 2)


def test_a_state_on_lease_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_fact, start = durable_rules_engine.assert_fact, durable_rules_engine.start_action_for_state
    leased: list[bool] = []

    def on_lease(handle: int, message: str) -> tuple[int, int]:
        code, state = assert_fact(handle, message)
        if leased:
            start(handle, state)
        return code, state

    monkeypatch.setattr(durable_rules_engine, "assert_fact", on_lease)
    with closing(Engine(everything_true(3))) as engine:
        leased.append(True)
        with pytest.raises(EngineFault, match="code 0"):
            engine.matches([0] * 20)
        leased.clear()
        assert engine.matches([0] * 20) == (0, 1, 2)


def test_a_ruleset_that_cannot_be_primed_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_rules_engine, "assert_event", lambda _handle, _message: (1, 1))
    with pytest.raises(EngineFault, match="could not be primed"):
        Engine(everything_true(3))


def test_a_decision_inside_a_decision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inner: list[Callable[[], object]] = []
    assert_fact = durable_rules_engine.assert_fact

    def interrupted(handle: int, message: str) -> tuple[int, int]:
        answer = assert_fact(handle, message)
        for act in inner:
            with pytest.raises(EngineFault, match="inside"):
                act()
        return answer

    monkeypatch.setattr(durable_rules_engine, "assert_fact", interrupted)
    with closing(Engine(everything_true(3))) as engine:
        inner.extend([lambda: engine.matches([0] * 20), engine.close])
        assert engine.matches([0] * 20) == (0, 1, 2)
        assert engine.matches([0] * 20) == (0, 1, 2)
        inner.clear()


def test_after_a_fork_engines_build_themselves_anew() -> None:
    closed = Engine(everything_true(3))
    closed.close()
    with closing(Engine(everything_true(3))) as engine:
        _break_all_after_fork()
        assert engine.matches([0] * 20) == (0, 1, 2)
        with pytest.raises(ValueError, match="closed"):
            closed.matches([0] * 20)


FORK = """
import os, threading, durable_rules_engine
assert_fact, inside, leave = durable_rules_engine.assert_fact, threading.Event(), threading.Event()
def slow(handle, message):
    answer = assert_fact(handle, message)
    if threading.current_thread() is not threading.main_thread():
        inside.set(); leave.wait()
    return answer
durable_rules_engine.assert_fact = slow
from policy_service.compilers.rules_engine.engine import Engine
from tests.compilers.rules_engine.programs import everything_true
engine, answers = Engine(everything_true(5)), []
thread = threading.Thread(target=lambda: answers.append(engine.matches([0] * 20)))
thread.start(); inside.wait()
child = os.fork()
if not child:
    right = all(engine.matches([0] * 20) == (0, 1, 2, 3, 4) for _ in range(50))
    engine.close()
    os._exit(0 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
leave.set(); thread.join()
assert answers == [(0, 1, 2, 3, 4)], answers
assert engine.matches([0] * 20) == (0, 1, 2, 3, 4)
"""


def test_a_fork_in_the_middle_of_a_decision_leaves_both_processes_right() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], check=False, capture_output=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


SIGNALS = """
import signal
from contextlib import closing
from policy_service.compilers.rules_engine.engine import Engine
from tests.compilers.rules_engine.programs import everything_true, expected

class Interrupted(BaseException): pass

def interrupt(number, frame):
    if armed:
        armed.clear()
        raise Interrupted

program, armed, interrupted = everything_true(70, fields=4), [], 0
vectors = [[0] * 4, [1] * 4, [-1] * 4]
answers = [expected(program, vector) for vector in vectors]
signal.signal(signal.SIGALRM, interrupt)
def rounds():
    global interrupted
    while interrupted < 200:
        vector, answer = vectors[interrupted % 3], answers[interrupted % 3]
        try:
            armed.append(True)
            signal.setitimer(signal.ITIMER_REAL, (interrupted % 97 + 1) * 1e-6)
            while armed:
                assert engine.matches(vector) == answer
        except Interrupted:
            interrupted += 1
        assert engine.matches(vector) == answer

with closing(Engine(program)) as engine:
    while interrupted < 200:
        try:
            rounds()
        except Interrupted:  # it fell between two decisions
            interrupted += 1
"""


def test_the_decision_after_a_signal_is_right_wherever_it_falls() -> None:
    # Without `site`, so that coverage is not measured there: it holds a lock that the signal would leave locked.
    done = subprocess.run(
        [sys.executable, "-S", "-c", SIGNALS],
        check=False,
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()

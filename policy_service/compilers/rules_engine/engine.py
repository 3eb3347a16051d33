"""The only module that uses durable-rules: takes whole numbers, returns the rules that match.

    engine = Engine(program)
    engine.matches((3, 250_000, 1))     # → (0, 4): rules 0 and 4, in order of priority
    engine.close()

A decision is one conversation with each ruleset, directly through the C extension:

    assert_fact → 1                                 no rule is true, and nothing was stored
    assert_fact → 0
        start_action_for_state → first rule
        complete_and_start_action → next rule … None
        retract_fact                                the ruleset is as it was before

An interrupted conversation leaves its ruleset unable to answer. So an engine records when one begins, and after an
interruption (an error in C, KeyboardInterrupt, a fork) rebuilds itself before the next decision.

Decisions are serialised: `matches` holds a lock (0.2 µs of about 10). The work runs under the global interpreter lock
anyway, so throughput scales with processes, not threads. A nested decision, which a signal handler could start, is
rejected. A forked child has copies, which are rebuilt on first use.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import partial
from math import hypot
from typing import Final, NamedTuple

import durable_rules_engine

from policy_service.compilers.rules_engine.messages import Inputs, Values, make_writer, vector_inputs
from policy_service.compilers.rules_engine.network import NAME, EngineLimitError, Ruleset, lay_out
from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Program

__all__ = ["Engine", "EngineFault", "EngineLimitError"]

_MATCHED: Final = 0
_NOT_MATCHED: Final = 1
_RETRACTION: Final = '{"id":1}'
_SMALL: Final = LARGEST_VALUE / 2


class EngineFault(Exception):
    """The engine's state is inconsistent, or C reported an error; the next decision is right again."""


class _State(IntEnum):
    READY = 0
    DECIDING = 1
    BROKEN = 2
    CLOSED = 3


_READY: Final = _State.READY
_DECIDING: Final = _State.DECIDING
"""The states of every decision as module globals: ten times faster to look up than enum members."""


class _Conversation(NamedTuple):
    """The C calls of one decision on one ruleset, each bound to its handle."""

    rules: Mapping[str, int]
    ask: Callable[[str], tuple[int, int]]
    start: Callable[[], tuple[str, str] | None]
    proceed: Callable[[], str | None]
    retract: Callable[[], object]


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """A program built into the engine."""

    __slots__ = (
        "__weakref__",
        "_conversations",
        "_fields",
        "_handles",
        "_inputs",
        "_lock",
        "_one_term_a_rule",
        "_rulesets",
        "_state",
        "_write",
    )

    def __init__(self, program: Program, inputs: Inputs | None = None) -> None:
        """Check the program against the limits, build and prime it.

        `inputs` defines the arguments of `matches`; by default the vector of the program's fields. Raises
        EngineLimitError if the program is malformed or too large, EngineFault if C rejects it.
        """
        self._fields = program.fields
        self._inputs = inputs or vector_inputs(program.fields)
        self._rulesets = lay_out(program)
        self._write = make_writer(program, self._rulesets, self._inputs)
        self._one_term_a_rule = len({term.rule for term in program.terms}) == len(program.terms)
        self._lock = threading.RLock()
        self._handles: dict[int, bool] = {}  # handle → primed
        self._conversations: list[_Conversation] = []
        self._state = _State.BROKEN
        with self._lock:
            self._rebuild()
        _engines.add(self)

    def matches(self, values: Values) -> tuple[int, ...]:
        """Return the rules that match `values`, ascending, without duplicates.

        Each field is a whole number within ±2**53; otherwise ValueError or TypeError is raised before C is called.
        Raises ValueError if the engine is closed, and EngineFault if it fails, after which its next decision is right
        again.
        """
        try:  # a sum of whole numbers is one, and a vector of another length cannot be taken apart
            numbers, messages = self._write(values)
            sound = type(sum(numbers)) is int and hypot(*numbers) < _SMALL
        except (TypeError, ValueError, OverflowError):
            _check(self._inputs.vector(values), self._fields)
            raise
        if not sound:
            _check(self._inputs.vector(values), self._fields)
        matched: list[int] = []
        with self._lock:
            if self._state:
                self._recover()
            try:
                self._state = _DECIDING
                for position, message in enumerate(messages):
                    rules, ask, start, proceed, retract = self._conversations[position]
                    code, _ = ask(message)
                    if code == _NOT_MATCHED:
                        continue
                    first = start() if code == _MATCHED else None
                    if first is None:
                        raise EngineFault(  # noqa: TRY301 - to be marked as broken, like every other end
                            f"the engine's state is inconsistent (code {code})"
                        )
                    matched.append(rules[first[1][NAME]])
                    for answer in iter(proceed, None):
                        matched.append(rules[answer[NAME]])  # noqa: PERF401 - quicker for a few
                    retract()
                self._state = _READY
            except durable_rules_engine.error as error:
                self._state = _State.BROKEN
                raise EngineFault(str(error)) from error
            except BaseException:
                self._state = _State.BROKEN
                raise
        return tuple(matched) if self._one_term_a_rule else tuple(dict.fromkeys(matched))

    def close(self) -> None:
        """Release the engine's memory in C. Idempotent; raises EngineFault inside a decision."""
        with self._lock:
            if self._state is _State.DECIDING:
                raise EngineFault("an engine cannot be closed inside one of its own decisions")
            self._state = _State.CLOSED
            self._free()

    def _recover(self) -> None:
        """Repair a broken engine; reject a closed one, and a nested decision."""
        if self._state is _State.CLOSED:
            raise ValueError("the engine is closed")
        if self._state is _State.DECIDING:
            raise EngineFault("a decision was started inside a decision of the same engine")
        self._rebuild()

    def _rebuild(self) -> None:
        self._free()
        try:
            self._conversations.extend(self._open(ruleset) for ruleset in self._rulesets)
            self._state = _State.READY
        except durable_rules_engine.error as error:
            raise EngineFault(str(error)) from error
        finally:
            if self._state is not _State.READY:
                self._free()

    def _open(self, ruleset: Ruleset) -> _Conversation:
        """Create a ruleset and fire its priming rule, without which C would later free uninitialised memory."""
        handle = durable_rules_engine.create_ruleset("policy", ruleset.definition)
        self._handles[handle] = False
        code, state = durable_rules_engine.assert_event(handle, ruleset.priming)
        primed = durable_rules_engine.start_action_for_state(handle, state) if code == _MATCHED else None
        self._handles[handle] = primed is not None
        if primed is None or durable_rules_engine.complete_and_start_action(handle, state) is not None:
            raise EngineFault(f"the engine could not be primed (code {code})")
        return _Conversation(
            rules=ruleset.rules,
            ask=partial(durable_rules_engine.assert_fact, handle),
            start=partial(durable_rules_engine.start_action_for_state, handle, state),
            proceed=partial(durable_rules_engine.complete_and_start_action, handle, state),
            retract=partial(durable_rules_engine.retract_fact, handle, _RETRACTION),
        )

    def _free(self) -> None:
        """Delete every ruleset; leak those never primed, since deleting them could crash the process."""
        self._conversations.clear()
        while self._handles:
            handle, primed = self._handles.popitem()
            if primed:
                try:
                    durable_rules_engine.delete_state(handle, None)
                    durable_rules_engine.delete_ruleset(handle)
                except durable_rules_engine.error:
                    continue  # it cannot be freed, and its handle is never used again

    def _break_after_fork(self) -> None:
        self._lock = threading.RLock()  # another thread may have held the old one
        if self._state is not _State.CLOSED:
            self._state = _State.BROKEN


def _check(values: Sequence[object], width: int) -> None:
    """Reject anything but `width` whole numbers within ±2**53, naming the first that is not."""
    if len(values) != width:
        raise ValueError(f"expected {width} values, found {len(values)}")
    for position, value in enumerate(values):
        if not isinstance(value, int):
            raise TypeError(f"value {position}: expected a whole number, found {value!r}")
        if not -LARGEST_VALUE <= value <= LARGEST_VALUE:
            raise ValueError(f"value {position}: expected a whole number within ±2**53, found {value}")


def _break_all_after_fork() -> None:
    for engine in list(_engines):
        engine._break_after_fork()  # noqa: SLF001 - one class and its module


os.register_at_fork(after_in_child=_break_all_after_fork)

"""Writes a decision's messages: one generated function gives the numbers to check, and a text for each ruleset.

    def write(values):                                          # three fields, of which the last is a flag
        v0, v1, v2, = values
        numbers = (v0, v1,)
        return numbers, (''.join(['{"id":1,"a":%d,"b":%d' % numbers, ',"c":1' if v2 else '', '}']),)

No vector is made on the way: from a policy's facts to the texts that takes two thirds of the time it takes to make
the vector and to pick the texts' parts from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from policy_service.compilers.rules_engine.network import Ruleset
from policy_service.compilers.rules_engine.program import Program

Values = Sequence[Any]
Write = Callable[[Values], tuple[tuple[int, ...], tuple[str, ...]]]
"""From what a decision is about: the fields that are no flags, for the engine to check, and a message a ruleset."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The way from what a decision is about to the fields of a program.

    The texts are Python, and must be of this package's own making.
    """

    expressions: tuple[str, ...]
    """What each field is; without side effects, and cheap when it is a name."""
    define: Callable[[Sequence[str]], Callable[[Values], Any]]
    """The function with this body, in which the expressions have their meaning."""
    vector: Callable[[Values], tuple[int, ...]]
    """All fields at once, to say which of them is wrong."""


def vector_inputs(width: int) -> Inputs:
    """Return the fields are given as they are, in a sequence."""
    names = tuple(f"v{field}" for field in range(width))

    def define(body: Sequence[str]) -> Callable[[Values], Any]:
        lines = [f"[{', '.join(names)}] = values", *body]
        scope: dict[str, Any] = {"__builtins__": {}}
        exec("def write(values):\n" + "".join(f"    {line}\n" for line in lines), scope)  # noqa: S102 - numbered names and aliases
        defined: Callable[[Values], Any] = scope.pop("write")
        return defined

    return Inputs(names, define, tuple)


def make_writer(program: Program, rulesets: Sequence[Ruleset], inputs: Inputs) -> Write:
    """Return the function that writes the messages for `rulesets`, into which `program` was laid out."""
    uses = Counter(chain.from_iterable((*ruleset.fields, *ruleset.flags) for ruleset in rulesets))
    names = list(inputs.expressions)
    body = []
    for field in sorted(field for field, count in uses.items() if count > 1):
        body.append(f"x{field} = {names[field]}")  # worked out once, for all rulesets
        names[field] = f"x{field}"
    numbers = _tuple(names[field] for field in range(program.fields) if field not in program.flags)
    body.append(f"numbers = {numbers}")
    body.append(f"return numbers, {_tuple(_message(ruleset, names, numbers) for ruleset in rulesets)}")
    return inputs.define(body)


def _message(ruleset: Ruleset, names: Sequence[str], numbers: str) -> str:
    """Return the text for one ruleset, as an expression."""
    fields = _tuple(names[field] for field in ruleset.fields)
    flags = [f"{text!r} if {names[field]} else ''" for field, text in ruleset.flags.items()]
    parts = [f"{ruleset.template!r} % {'numbers' if fields == numbers else fields}", *flags, "'}'"]
    return f"''.join([{', '.join(parts)}])"


def _tuple(parts: Iterable[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"

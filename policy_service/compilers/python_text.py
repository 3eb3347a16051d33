"""Writes the core as Python text.

Facts are the variables `f_<name>`; `g_<name>` says whether an optional one was given.

No word of a policy reaches the text but through `repr`, and no name but those the checker has let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any as Anything
from typing import assert_never

from policy_service.compilers.whole_numbers import DATE_PARTS, NAMES, ROUND
from policy_service.language.core import (
    Absolute,
    All,
    Any,
    Asked,
    Computed,
    CountOf,
    DatePart,
    Extreme,
    Factor,
    Formula,
    Given,
    Giving,
    MonthsLater,
    OneOf,
    Polynomial,
    Rounded,
    SameWord,
    Sign,
    Stored,
    Tagged,
    TaggedBy,
    TextTest,
    Threshold,
    Truth,
)
from policy_service.language.types import Value

OPERATORS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def condition(formula: Formula) -> str:  # one return a node is the clearest
    """A condition as a Python expression that is true or false."""
    match formula:
        case Truth(value=truth):
            return repr(truth)
        case All(parts=parts):
            return f"({' and '.join(map(condition, parts))})"
        case Any(parts=parts):
            return f"({' or '.join(map(condition, parts))})"
        case Given():
            return f"{_not(formula.negated)}g_{formula.fact}"
        case Threshold():
            return f"f_{formula.fact} {OPERATORS[formula.comparator]} {formula.value}"
        case Sign():
            return f"{number(formula.polynomial)} {OPERATORS[formula.comparator]} 0"
        case OneOf(words=words) if len(words) == 1:
            return f"f_{formula.fact} {'!=' if formula.negated else '=='} {next(iter(words))!r}"
        case OneOf(words=words):
            return f"f_{formula.fact} {_not(formula.negated)}in {{{', '.join(map(repr, sorted(words)))}}}"
        case SameWord():
            return f"f_{formula.left} {'!=' if formula.negated else '=='} f_{formula.right}"
        case Tagged():
            return f"{formula.word!r} {_not(formula.negated)}in f_{formula.fact}"
        case TaggedBy():
            return f"f_{formula.choice} {_not(formula.negated)}in f_{formula.tags}"
        case TextTest():
            return _not(formula.negated) + _TEXT_TESTS[formula.test].format(
                fact=f"f_{formula.fact}", word=repr(formula.word)
            )
        case _:
            assert_never(formula)


_TEXT_TESTS = {
    "contains": "({word} in {fact})",
    "starts with": "{fact}.startswith({word})",
    "ends with": "{fact}.endswith({word})",
}


def _not(negated: bool) -> str:  # noqa: FBT001  # a sign
    return "not " if negated else ""


def number(polynomial: Polynomial) -> str:
    """A polynomial as a Python expression of whole numbers, in parentheses when it has several terms."""
    if not polynomial:
        return "0"
    terms = []
    for monomial, coefficient in polynomial:
        factors = [factor_text(factor) for factor in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, f"({coefficient})" if coefficient < 0 else str(coefficient))
        terms.append(" * ".join(factors))
    return f"({' + '.join(terms)})" if len(terms) > 1 else terms[0]


def factor_text(factor: Factor) -> str:
    """One factor as a Python expression."""
    match factor:
        case Stored():
            return f"f_{factor.fact}"
        case Rounded():
            return f"{ROUND[factor.way].__name__}({number(factor.numerator)}, {number(factor.denominator)})"
        case Extreme():
            return (
                f"{factor.choose}({', '.join(map(number, factor.parts))},)"
                if len(factor.parts) > 1
                else number(factor.parts[0])
            )
        case Absolute():
            return f"abs({number(factor.operand)})"
        case DatePart():
            return f"{DATE_PARTS[factor.part].__name__}({number(factor.day)})"
        case MonthsLater():
            return f"months_later({number(factor.day)}, {factor.months})"
        case CountOf():
            return f"len(f_{factor.fact})"
        case _:
            assert_never(factor)


def giving(given: Giving) -> str:
    """What a rule gives for one outcome, as a Python expression of its kept value."""
    match given:
        case Computed():
            numerator = number(given.ratio.numerator)
            return f"{numerator} * {10**given.scale} // ({number(given.ratio.denominator)})"
        case Asked():
            return f"bool({condition(given.condition)})"
        case frozenset():
            return f"frozenset({sorted(given)!r})"
        case _:
            return repr(given)


def function(name: str, slots: Sequence[str], stand_ins: Mapping[str, Value], body: Iterable[str]) -> str:
    """A function of one tuple, `slots` in order, in which a missing optional fact is None."""
    lines = [f"def {name}(slots):"]
    lines.append(f"    {', '.join(f'f_{slot}' for slot in slots)}, = slots")
    for fact in slots:
        if fact in stand_ins:
            lines.append(f"    g_{fact} = f_{fact} is not None")
            lines.append(f"    if not g_{fact}:")
            lines.append(f"        f_{fact} = {giving(stand_ins[fact])}")
    return "\n".join([*lines, *(f"    {line}" for line in body), ""])


def define(text: str, name: str) -> Callable[[tuple[Anything, ...]], Anything]:
    """The function `name` that the generated `text` defines."""
    scope: dict[str, Anything] = {**NAMES, "__builtins__": _BUILTINS}
    exec(_compiled(text, name), scope)  # noqa: S102  # text of our own making, see the module's docstring
    made: Callable[[tuple[Anything, ...]], Anything] = scope.pop(name)  # else each would keep the other
    return made


def _compiled(text: str, name: str) -> CodeType:
    code = _BEFORE.get(text) or compile(text, f"<{name}>", "exec")
    for each in _RECORDING:
        each[text] = code
    return code


_BEFORE: dict[str, CodeType] = {}
"""The code of texts that were compiled before, in another process."""
_RECORDING: list[dict[str, CodeType]] = []


@contextmanager
def recording() -> Iterator[Mapping[str, CodeType]]:
    """The code of all texts that are compiled while this lasts."""
    code: dict[str, CodeType] = {}
    _RECORDING.append(code)
    try:
        yield code
    finally:
        _RECORDING.remove(code)


@contextmanager
def compiled_before(code: Mapping[str, CodeType]) -> Iterator[None]:
    """While this lasts, these texts are not compiled again: a thousand rules take tens of milliseconds at a stretch."""
    _BEFORE.update(code)
    try:
        yield
    finally:
        for text in code:
            _BEFORE.pop(text, None)


_BUILTINS = {function.__name__: function for function in (min, max, abs, len, bool, frozenset)}

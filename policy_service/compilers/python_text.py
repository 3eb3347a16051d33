"""Writes the core as Python text.

Facts are the variables `f_<name>`; `g_<name>` is true if an optional one was given.

Words of a policy are always escaped by `repr`, and names were validated by the checker, so no code can be injected.
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
    BooleanOutcome,
    ComputedNumber,
    CountOf,
    DatePart,
    Extreme,
    Factor,
    Formula,
    HasTag,
    HasTagOf,
    IsPresent,
    MonthsLater,
    OneOf,
    OutcomeExpr,
    Polynomial,
    RoundedQuotient,
    SameWord,
    Sign,
    StoredFact,
    TextTest,
    Threshold,
    Truth,
)
from policy_service.language.types import Value

OPERATORS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def condition_text(formula: Formula) -> str:  # one return a node is the clearest
    """Return a condition as a Python expression that is true or false."""
    match formula:
        case Truth(value=truth):
            return repr(truth)
        case All(parts=parts):
            return f"({' and '.join(map(condition_text, parts))})"
        case Any(parts=parts):
            return f"({' or '.join(map(condition_text, parts))})"
        case IsPresent():
            return f"{_not(formula.negated)}g_{formula.fact}"
        case Threshold():
            return f"f_{formula.fact} {OPERATORS[formula.comparator]} {formula.value}"
        case Sign():
            return f"{polynomial_text(formula.polynomial)} {OPERATORS[formula.comparator]} 0"
        case OneOf(words=words) if len(words) == 1:
            return f"f_{formula.fact} {'!=' if formula.negated else '=='} {next(iter(words))!r}"
        case OneOf(words=words):
            return f"f_{formula.fact} {_not(formula.negated)}in {{{', '.join(map(repr, sorted(words)))}}}"
        case SameWord():
            return f"f_{formula.left} {'!=' if formula.negated else '=='} f_{formula.right}"
        case HasTag():
            return f"{formula.word!r} {_not(formula.negated)}in f_{formula.fact}"
        case HasTagOf():
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


def polynomial_text(polynomial: Polynomial) -> str:
    """Return a polynomial as a Python expression of whole numbers, in parentheses when it has several terms."""
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
    """Return one factor as a Python expression."""
    match factor:
        case StoredFact():
            return f"f_{factor.fact}"
        case RoundedQuotient():
            numerator, denominator = polynomial_text(factor.numerator), polynomial_text(factor.denominator)
            return f"{ROUND[factor.way].__name__}({numerator}, {denominator})"
        case Extreme():
            return (
                f"{factor.choose}({', '.join(map(polynomial_text, factor.parts))},)"
                if len(factor.parts) > 1
                else polynomial_text(factor.parts[0])
            )
        case Absolute():
            return f"abs({polynomial_text(factor.operand)})"
        case DatePart():
            return f"{DATE_PARTS[factor.part].__name__}({polynomial_text(factor.day)})"
        case MonthsLater():
            return f"months_later({polynomial_text(factor.day)}, {factor.months})"
        case CountOf():
            return f"len(f_{factor.fact})"
        case _:
            assert_never(factor)


def outcome_text(outcome: OutcomeExpr) -> str:
    """Return a rule's value for one outcome, as a Python expression of its stored value."""
    match outcome:
        case ComputedNumber():
            numerator = polynomial_text(outcome.ratio.numerator)
            return f"{numerator} * {10**outcome.scale} // ({polynomial_text(outcome.ratio.denominator)})"
        case BooleanOutcome():
            return f"bool({condition_text(outcome.condition)})"
        case frozenset():
            return f"frozenset({sorted(outcome)!r})"
        case _:
            return repr(outcome)


def function_text(name: str, slots: Sequence[str], stand_ins: Mapping[str, Value], body: Iterable[str]) -> str:
    """Return a function of one tuple, `slots` in order, where a missing optional fact is None."""
    lines = [f"def {name}(slots):"]
    lines.append(f"    {', '.join(f'f_{slot}' for slot in slots)}, = slots")
    for fact in slots:
        if fact in stand_ins:
            lines.append(f"    g_{fact} = f_{fact} is not None")
            lines.append(f"    if not g_{fact}:")
            lines.append(f"        f_{fact} = {outcome_text(stand_ins[fact])}")
    return "\n".join([*lines, *(f"    {line}" for line in body), ""])


def define_function(text: str, name: str) -> Callable[[tuple[Anything, ...]], Anything]:
    """Return the function `name` that the generated `text` defines."""
    scope: dict[str, Anything] = {**NAMES, "__builtins__": _BUILTINS}
    exec(_compile_cached(text, name), scope)  # noqa: S102  # text of our own making, see the module's docstring
    defined: Callable[[tuple[Anything, ...]], Anything] = scope.pop(name)  # otherwise each would keep the other alive
    return defined


def _compile_cached(text: str, name: str) -> CodeType:
    code = _PRECOMPILED.get(text) or compile(text, f"<{name}>", "exec")
    for each in _RECORDINGS:
        each[text] = code
    return code


_PRECOMPILED: dict[str, CodeType] = {}
"""Code objects compiled in another process, by source text."""
_RECORDINGS: list[dict[str, CodeType]] = []


@contextmanager
def record_code() -> Iterator[Mapping[str, CodeType]]:
    """Record the code objects of all texts compiled inside."""
    code: dict[str, CodeType] = {}
    _RECORDINGS.append(code)
    try:
        yield code
    finally:
        _RECORDINGS.remove(code)


@contextmanager
def reuse_code(code: Mapping[str, CodeType]) -> Iterator[None]:
    """Use these code objects inside instead of compiling, which would block for tens of milliseconds."""
    _PRECOMPILED.update(code)
    try:
        yield
    finally:
        for text in code:
            _PRECOMPILED.pop(text, None)


_BUILTINS = {function.__name__: function for function in (min, max, abs, len, bool, frozenset)}

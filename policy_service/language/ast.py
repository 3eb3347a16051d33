"""The closed tree of expressions: a subset of FEEL (DMN 1.5 section 10.3). Nodes are data and do nothing themselves.

`span` (the first character and the one after the last, in the expression's own text) does not count for equality, so
that `parse(unparse(e)) == e` can hold.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from policy_service.language.types import Duration, Months

Comparator = Literal["=", "!=", "<", "<=", ">", ">="]
Operator = Literal["+", "-", "*", "/", "**"]


@dataclass(frozen=True, slots=True)
class Node:
    """A node, with its span in the text."""

    span: tuple[int, int] = field(default=(0, 0), compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, text, truth value, date or duration as written."""

    value: bool | Fraction | str | datetime.date | Duration | Months


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A fact, `as_of`, an outcome (in invariants) or `score` (in scorecards)."""

    name: str


@dataclass(frozen=True, slots=True)
class IsMissing(Node):
    """`x is missing`: true if the optional fact was not given."""

    fact: Name


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not(x)`."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class And(Node):
    """`x and y and …`, evaluated from left to right up to the first that is false."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """`x or y or …`, evaluated from left to right up to the first that is true."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`left < right` and its like."""

    comparator: Comparator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Range(Node):
    """`[low..high)`: a round bracket excludes its end."""

    low: Expr
    high: Expr
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Test(Node):
    """`< 30` or `"it"` (comparator `=`): one side of a comparison, the other is the value tested."""

    comparator: Comparator
    value: Expr


@dataclass(frozen=True, slots=True)
class In(Node):
    """`x in (< 5, [10..20], "it")`: true if any of the tests is; for tags, if the tag list contains the word."""

    operand: Expr
    tests: tuple[Range | Test, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`left + right` and its like; the exponent of `**` holds no name."""

    operator: Operator
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """`-x`."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of the closed set in `functions.py`."""

    function: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Property(Node):
    """`date.year`, `.month`, `.day`, `.weekday`; `duration.days`."""

    operand: Expr
    name: str


Expr = Constant | Name | IsMissing | Not | And | Or | Comparison | In | Arithmetic | Negation | Call | Property

TRUE = Constant(value=True)
FALSE = Constant(value=False)

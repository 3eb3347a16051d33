"""Measures of benchmark facts: a figure of the whole population, overall or by group.

    measure = figure [ "by" fact { "," fact } ]
    figure  = "count" "(" [ fact ] ")"                                      subjects, or those with the fact
            | ( "sum" | "mean" | "min" | "max" ) "(" fact ")"
            | "quantile" "(" fact "," part ")"
            | "share" "(" [ fact ] ")" "by" …                               of the subjects, or of the sum of all groups
            | "least" "(" fact ")" "within" part "of" "sum" "(" fact ")"    the cut-point of an ABC class
    part    = a decimal between 0 and 1

Groups are determined by facts of type choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal, get_args

from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.findings import Findings
from policy_service.language.policy import Fact
from policy_service.language.source import Path
from policy_service.language.types import UNKNOWN_TYPE, ChoiceType, NumberType, Type, describe_type, write_decimal

Statistic = Literal["count", "sum", "mean", "min", "max", "quantile", "share", "least"]
STATISTICS = get_args(Statistic)
_NAME = "[a-z][a-z0-9_]{0,63}"
_DIGITS = 6
_PART = rf"0\.[0-9]{{1,{_DIGITS}}}"
_MEASURE = re.compile(
    rf"(?P<statistic>[a-z]+) ?\( ?(?P<fact>{_NAME})? ?(?:, ?(?P<part>{_PART}) ?)?\)"
    rf"(?: within (?P<within>{_PART}) of sum ?\( ?(?P<summed>{_NAME}) ?\))?"
    rf"(?: by (?P<groups>{_NAME}(?: ?, ?{_NAME})*))?"
)
_HINT = "such as `mean(amount_12m) by industry`, `quantile(amount_12m, 0.8)` or `count() by region`"
MAX_GROUPS = 5
"""Maximum number of facts that determine the groups of one measure."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A parsed measure; its text has one spelling."""

    statistic: Statistic
    fact: str | None
    """The measured fact; None if subjects are counted."""
    part: Fraction | None
    """The part of a quantile, or of the sum of a class."""
    groups: tuple[str, ...]

    def __str__(self) -> str:
        fact = self.fact or ""
        figure = f"{self.statistic}({fact})"
        if self.part is not None:
            part = write_decimal(int(self.part * 10**_DIGITS), _DIGITS).rstrip("0")
            is_quantile = self.statistic == "quantile"
            figure = f"quantile({fact}, {part})" if is_quantile else f"{figure} within {part} of sum({fact})"
        return f"{figure} by {', '.join(self.groups)}" if self.groups else figure


class MeasureError(ValueError):
    """A text is no valid measure; `hint` suggests one."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=1_000)
def parse_measure(text: str) -> Measure:
    """Parse a measure. Raises MeasureError.

    >>> str(parse_measure("mean( amount )  by  industry"))
    'mean(amount) by industry'
    """
    match = _MEASURE.fullmatch(" ".join(text.split()))
    if match is None:
        raise MeasureError(f"`{shorten(text)}` is no measure", f"write one {_HINT}")
    statistic = next((each for each in STATISTICS if each == match["statistic"]), None)
    if statistic is None:
        hint = did_you_mean(match["statistic"], STATISTICS) or f"the statistics are {', '.join(STATISTICS)}"
        raise MeasureError(f"unknown statistic `{shorten(match['statistic'])}`", hint)
    groups = tuple(name.strip() for name in (match["groups"] or "").split(",") if name.strip())
    part = match["part"] or match["within"]
    if problem := _form_problem(statistic, match, groups):
        raise MeasureError(problem, f"write one {_HINT}")
    return Measure(statistic, match["fact"], Fraction(part) if part else None, groups)


def _form_problem(statistic: Statistic, match: re.Match[str], groups: tuple[str, ...]) -> str | None:
    """Return which parts of a measure are missing or superfluous, or None."""
    if match["fact"] is None and statistic not in {"count", "share"}:
        return f"`{statistic}` measures a fact"
    if (match["part"] is not None) != (statistic == "quantile"):
        return "`quantile` has a fact and a part, and no other statistic has"
    if (match["within"] is not None) != (statistic == "least") or match["summed"] not in {None, match["fact"]}:
        return "`least` is the least of a fact within a part of its own sum, and no other statistic is"
    if any(part is not None and not Fraction(part) for part in (match["part"], match["within"])):
        return "a part lies between 0 and 1"
    if statistic == "share" and not groups:
        return "`share` compares groups, and there are none"
    if len(groups) > MAX_GROUPS or len(set(groups)) < len(groups):
        return f"a measure has at most {MAX_GROUPS} different facts as groups"
    return None


def type_problem(measure: Measure, kind: Type, measured: Type | None) -> str | None:
    """Return why a figure of type `kind` cannot be this measure of a fact of type `measured`, or None.

    `measured` is None if the type is unknown.
    """
    if not isinstance(kind, NumberType):
        return f"a figure is a number or an amount, and not {describe_type(kind)}"
    if measure.statistic == "count":
        return None if kind.kind == "integer" else "a count is an integer"
    if measured is not None and not isinstance(measured, NumberType):
        return f"`{measure.fact}` is {describe_type(measured)}, and only numbers and amounts are measured"
    if measure.statistic == "share":
        return None if kind.kind == "number" else "a share is a number with a scale"
    if measured is not None and kind.currency != measured.currency:
        names = [each.currency or "no money" for each in (kind, measured)]
        return f"the figure is in {names[0]}, and what it measures in {names[1]}".replace("in no money", "no money")
    return None


def check_measures(facts: Mapping[str, Fact], findings: Findings) -> None:
    """Report the errors in the measures of a policy's benchmark facts."""
    for fact in facts.values():
        if fact.measure is None or fact.type is UNKNOWN_TYPE:
            continue
        try:
            measure = parse_measure(fact.measure)
        except MeasureError as error:
            findings.add_error(Code.SYNTAX, str(error), ("facts", fact.name, "measure"), error.hint)
            continue
        for code, message, hint in _problems(fact, measure, facts):
            findings.add_error(code, message, ("facts", fact.name, "measure"), hint)


def check_figure(text: str | None, kind: Type, facts: Mapping[str, Fact], path: Path, findings: Findings) -> str | None:
    """Return the normalised measure of an outcome that is a benchmark figure; report its errors.

    Its groups must be exactly the facts of its policy, so that a figure depends on nothing else.
    """
    if text is None or kind is UNKNOWN_TYPE:
        return None
    at = (*path, "measure")
    try:
        measure = parse_measure(text)
    except MeasureError as error:
        findings.add_error(Code.SYNTAX, str(error), at, error.hint)
        return None
    if problem := type_problem(measure, kind, None):
        findings.add_error(Code.TYPE_MISMATCH, problem, at)
    if set(measure.groups) != set(facts):
        names = ", ".join(facts) or "none"
        message = f"the groups of a figure are the facts of its policy, which are {names}"
        findings.add_error(Code.KEY_NOT_ALLOWED, message, at)
    return str(measure)


def _problems(fact: Fact, measure: Measure, facts: Mapping[str, Fact]) -> Iterator[tuple[Code, str, str | None]]:
    measured = facts.get(measure.fact or "")
    if measured and measured.is_filled:
        yield Code.TYPE_MISMATCH, f"`{measured.name}` is not given, and only facts that are given are measured", None
    elif problem := type_problem(measure, fact.type, _known_type(measured)):
        yield Code.TYPE_MISMATCH, problem, None
    for name in measure.groups:
        group = facts.get(name)
        if group is None:
            yield Code.UNKNOWN_FACT, f"unknown fact `{name}`", did_you_mean(name, facts)
        elif group.type is not UNKNOWN_TYPE and (not isinstance(group.type, ChoiceType) or group.is_filled):
            yield Code.TYPE_MISMATCH, f"`{name}` makes no groups", "groups are made by a choice that is given"


def _known_type(fact: Fact | None) -> Type | None:
    return fact.type if fact is not None and fact.type is not UNKNOWN_TYPE else None

"""Parses the outcome of an override from JSON to the values of its policy, and writes it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policy_service.characters import text_error
from policy_service.decisions.facts_reader import raw_text
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.outcome import Values
from policy_service.language.policy import Policy
from policy_service.language.types import Value, ValueRejected, format_value, parse_value
from policy_service.messages import Message, join_comma, join_semicolon

MAX_LISTED = 100
"""Maximum number of outcomes in an override of a policy that lists."""


class InvalidOutcome(ValueError):
    """The version could not give this outcome; `problems` has a message for each error."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(join_semicolon(self.problems))


def read_outcome(policy: Policy, outcome: object) -> tuple[Values, ...]:
    """Return an outcome in JSON as stored values. Raises InvalidOutcome with every error."""
    if not policy.returns_list:
        return (_values(policy, outcome),)
    if not isinstance(outcome, list | tuple) or len(outcome) > MAX_LISTED:
        problem = Message(
            "{policy} answers a list: expected a list of at most {limit} outcomes", policy=policy.id, limit=MAX_LISTED
        )
        raise InvalidOutcome([problem])
    problems: list[str] = []
    values: list[Values] = []
    for number, each in enumerate(outcome, 1):
        try:
            values.append(_values(policy, each))
        except InvalidOutcome as error:
            problems += [Message("entry {number}: {fault}", number=number, fault=fault) for fault in error.problems]
    if problems:
        raise InvalidOutcome(problems)
    return tuple(values)


def write_outcome(policy: Policy, values: tuple[Values, ...]) -> Any:  # noqa: ANN401  # an object or a list of them
    """Return stored values as JSON, in its only spelling."""
    kinds = [(name, outcome.type) for name, outcome in policy.outcomes.items()]
    objects = [
        {name: format_value(kind, value) for (name, kind), value in zip(kinds, each, strict=True)} for each in values
    ]
    return objects if policy.returns_list else objects[0]


def _values(policy: Policy, outcome: object) -> Values:
    if not isinstance(outcome, Mapping):
        raise InvalidOutcome([Message("expected an object with {outcomes}", outcomes=join_comma(policy.outcomes))])
    problems: list[str] = []
    values: list[Value] = []
    for name, declared in policy.outcomes.items():
        if name not in outcome:
            problems.append(Message("`{name}` is missing", name=name))
            continue
        try:
            values.append(parse_value(declared.type, outcome[name]))
        except ValueRejected as error:
            actual = raw_text(outcome[name])
            problems.append(
                Message(
                    "`{name}`: expected {expected}, found {found}", name=name, expected=error.expected, found=actual
                )
            )
    for name in [name for name in outcome if name not in policy.outcomes][:MAX_LISTED]:
        unknown = Message("{policy} has no outcome `{name}`", policy=policy.id, name=shorten(str(name)))
        hint = did_you_mean(str(name), policy.outcomes)
        problems.append(join_semicolon([unknown, hint] if hint else [unknown]))
    if problems:
        raise InvalidOutcome(problems)
    return tuple(values)


def text_problems(outcome: Any) -> list[str]:  # noqa: ANN401  # an object or a list of them
    """List the problems of texts in an outcome."""
    entries = outcome if isinstance(outcome, list) else [outcome]
    texts = [(name, value) for entry in entries for name, value in entry.items() if isinstance(value, str)]
    return [
        Message("`{name}`: {fault}", name=name, fault=fault) for name, value in texts if (fault := text_error(value))
    ]

"""The outcome of an override: JSON that is read as the values of its policy, and written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policy_service.characters import text_fault
from policy_service.decisions.reading import show
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.outcome import Values
from policy_service.language.policy import Policy
from policy_service.language.types import Value, ValueRefused, read, write
from policy_service.sentences import Sentence, in_turn, listed

MAX_LISTED = 100
"""Entries an exception to a policy that lists may have."""


class OutcomeUnfit(ValueError):
    """An outcome is none that the version could give; `problems` has a sentence for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(in_turn(self.problems))


def read_outcome(policy: Policy, outcome: object) -> tuple[Values, ...]:
    """An outcome in JSON as the values it is kept as. Raises OutcomeUnfit with every fault."""
    if not policy.lists:
        return (_values(policy, outcome),)
    if not isinstance(outcome, list | tuple) or len(outcome) > MAX_LISTED:
        wrong = Sentence(
            "{policy} answers a list: expected a list of at most {limit} outcomes", policy=policy.id, limit=MAX_LISTED
        )
        raise OutcomeUnfit([wrong])
    problems: list[str] = []
    values: list[Values] = []
    for number, each in enumerate(outcome, 1):
        try:
            values.append(_values(policy, each))
        except OutcomeUnfit as unfit:
            problems += [Sentence("entry {number}: {fault}", number=number, fault=fault) for fault in unfit.problems]
    if problems:
        raise OutcomeUnfit(problems)
    return tuple(values)


def write_outcome(policy: Policy, values: tuple[Values, ...]) -> Any:  # noqa: ANN401  # an object or a list of them
    """Kept values as JSON, in the one way there is to write them."""
    kinds = [(name, outcome.type) for name, outcome in policy.outcomes.items()]
    objects = [{name: write(kind, value) for (name, kind), value in zip(kinds, each, strict=True)} for each in values]
    return objects if policy.lists else objects[0]


def _values(policy: Policy, outcome: object) -> Values:
    if not isinstance(outcome, Mapping):
        raise OutcomeUnfit([Sentence("expected an object with {outcomes}", outcomes=listed(policy.outcomes))])
    problems: list[str] = []
    values: list[Value] = []
    for name, declared in policy.outcomes.items():
        if name not in outcome:
            problems.append(Sentence("`{name}` is missing", name=name))
            continue
        try:
            values.append(read(declared.type, outcome[name]))
        except ValueRefused as refused:
            found = show(outcome[name])
            problems.append(
                Sentence(
                    "`{name}`: expected {expected}, found {found}", name=name, expected=refused.expected, found=found
                )
            )
    for name in [name for name in outcome if name not in policy.outcomes][:MAX_LISTED]:
        unknown = Sentence("{policy} has no outcome `{name}`", policy=policy.id, name=shorten(str(name)))
        hint = did_you_mean(str(name), policy.outcomes)
        problems.append(in_turn([unknown, hint] if hint else [unknown]))
    if problems:
        raise OutcomeUnfit(problems)
    return tuple(values)


def text_problems(outcome: Any) -> list[str]:  # noqa: ANN401  # an object or a list of them
    """What is wrong with the texts that a person wrote into an outcome."""
    entries = outcome if isinstance(outcome, list) else [outcome]
    texts = [(name, value) for entry in entries for name, value in entry.items() if isinstance(value, str)]
    return [
        Sentence("`{name}`: {fault}", name=name, fault=fault) for name, value in texts if (fault := text_fault(value))
    ]

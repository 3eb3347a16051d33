"""Both sides of a simulation in one DuckDB table: the number of subjects by their answers on both sides.

Columns of answers begin with `b_` before the change, `a_` after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policy_service.compilers.columnar.layout import from_cell
from policy_service.language.policy import Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    format_value,
)
from policy_service.population.stages import PolicyStage, Stages

ANSWERS, MOVERS = "answers", "movers"
"""The table of the answers, and that of the subjects that move, with the differences to which they are charged.

Each subject counts in one row of ANSWERS, in which a number is the sum of those of its subjects. Who moves, or is
decided again, has a row of its own, and there alone ROW is not null.
"""
SUBJECTS = "subjects"
"""The column of ANSWERS with the number of subjects in a row."""
STATUS = ""
"""Stands for the status among the outcomes."""
NOT_IN_FORCE = "(not_in_force)"
LabelText = Callable[[str], str]
"""Converts the label of an outcome to text."""


@dataclass(frozen=True)
class Side:
    """The policies of some stages, whose columns begin with `prefix`."""

    prefix: str
    stages: Stages

    def _stage(self, policy: str) -> PolicyStage | None:
        own = (each for each in self.stages.stages if each.answer.prefix.startswith(self.prefix))
        return next((each for each in own if each.policy.id == policy), None)

    def policy(self, policy: str) -> Policy | None:
        """Return the version that answers; None if this side has none."""
        stage = self._stage(policy)
        return stage.policy if stage else None

    def columns(self, policy: str) -> dict[str, str]:
        """Return the columns of the status and of each outcome; none for a policy that this side lacks."""
        if (stage := self._stage(policy)) is None:
            return {}
        outcomes = {name: stage.answer.outcome(index) for index, name in enumerate(stage.policy.outcomes)}
        return {STATUS: stage.answer.status, **outcomes}

    def differs(self, other: Side, policy: str) -> str:
        """Return SQL that is true if the status or an outcome differs from the other side's."""
        left, right = self._comparable(policy), other._comparable(policy)
        pairs = [(left.get(name, "NULL"), right.get(name, "NULL")) for name in dict.fromkeys((*left, *right))]
        return f"({' OR '.join(f'{one} IS DISTINCT FROM {another}' for one, another in pairs) or 'false'})"

    def label(self, policy: str, outcome: str) -> str:
        """Return SQL for the value of an outcome; without a decision, for the status in brackets."""
        columns, version = self.columns(policy), self.policy(policy)
        if version is None:
            return f"'{NOT_IN_FORCE}'"
        declared = version.outcomes.get(outcome)
        word = "'(none)'" if declared is None else f"CAST({columns[outcome]} AS VARCHAR)"
        if declared is not None and isinstance(declared.type, BooleanType):
            word = f"CASE {columns[outcome]} WHEN 1 THEN 'true' ELSE 'false' END"
        return f"CASE {columns[STATUS]} WHEN 'decided' THEN {word} ELSE '(' || {columns[STATUS]} || ')' END"

    def text_of(self, policy: str, outcome: str) -> LabelText:
        """Return a function that converts labels of an outcome to texts: amounts; days and durations in ISO 8601."""
        version = self.policy(policy)
        declared = version.outcomes.get(outcome) if version else None
        if declared is None or not isinstance(kind := declared.type, NumberType | DateType | DurationType):
            return str
        return lambda label: label if label.startswith("(") else str(format_value(kind, from_cell(kind, label)))

    def _comparable(self, policy: str) -> dict[str, str]:
        """Return the columns, with numbers as texts, since the outcome's type may differ on the other side."""
        stage = self._stage(policy)
        types = stage.answer.types if stage else {}
        return {
            name: column if types[column] == "string" else f"CAST({column} AS VARCHAR)"
            for name, column in self.columns(policy).items()
        }


def moved_column(policy: int) -> str:
    """Return the column that says whether a subject moves by the policy at this index."""
    return f"moved_{policy}"


def is_single(version: Policy | None, outcome: str) -> bool:
    """Return True if an outcome is a single value."""
    if version is None or version.returns_list or outcome not in version.outcomes:
        return False
    return not isinstance(version.outcomes[outcome].type, TagsType)


def has_words(version: Policy | None, outcome: str) -> bool:
    """Return True if an outcome has few possible values."""
    if version is None or version.returns_list or outcome not in version.outcomes:
        return False
    return isinstance(version.outcomes[outcome].type, ChoiceType | BooleanType)

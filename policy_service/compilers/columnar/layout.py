"""The columns of a policy's facts in a table, and those of its answers.

| type              | column                                                         |
|-------------------|----------------------------------------------------------------|
| numbers, dates, … | int64, as kept; a boolean is 0 or 1                            |
| choice, text      | string                                                         |
| tags              | string: a separator before, between and after the sorted words |

An answer has these columns, except those that the policy does not need: `status`; `rule`, the index of the rule that
decided (of a scorecard, of its band); `matched`, the indices of all rules that the answer names, each with a comma
after it; and one for each outcome. Of a policy that lists, it holds a text of all values, each with a separator after
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import Hit, Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
)

TAG_SEPARATOR = "\x1f"
LIST_SEPARATOR = "\x1e"
STATUSES = ("decided", "no_rule_matched", "missing_facts", "conflict", "contradiction")
"""`contradiction`: a supplied fact contradicts another policy's decision."""
Cell = int | str | None


class NotColumnar(Exception):
    """A query cannot represent a policy, but generated Python can. The message says why."""

    def __init__(self, policy: str, reason: str) -> None:
        super().__init__(f"{policy}: {reason}")
        self.policy = policy
        self.reason = reason


def column_type(kind: Type) -> str:
    """Return the type of a fact's or an outcome's column."""
    return "string" if isinstance(kind, ChoiceType | TextType | TagsType) else "int64"


def to_cell(kind: Type, value: Value | None) -> Cell:
    """Return a stored value in the form of its column."""
    match value:
        case frozenset():
            words = sorted(value, key=kind.of.index) if isinstance(kind, TagsType) else sorted(value)
            return TAG_SEPARATOR + "".join(word + TAG_SEPARATOR for word in words)
        case bool():
            return int(value)
        case _:
            return value


def from_cell(kind: Type, cell: int | str) -> Value:
    """Return a stored value from its column, or from its text in a list."""
    match kind:
        case BooleanType():
            return bool(int(cell))
        case NumberType() | DateType() | DurationType():
            return int(cell)
        case ChoiceType() | TextType():
            return str(cell)
        case TagsType():
            return frozenset(str(cell).split(TAG_SEPARATOR)[1:-1])
        case _:
            assert_never(kind)


@dataclass(frozen=True)
class AnswerColumns:
    """The columns of one policy's answers, with a common prefix."""

    policy: Policy
    prefix: str

    @property
    def status(self) -> str:
        """The column of the status, one of STATUSES."""
        return f"{self.prefix}status"

    @property
    def rule(self) -> str:
        """The column of the rule that decided."""
        return f"{self.prefix}rule"

    @property
    def matched(self) -> str:
        """The column of the rules that the answer names."""
        return f"{self.prefix}matched"

    @property
    def has_rule(self) -> bool:
        """True if one rule, or one band, decides."""
        return not self.policy.returns_list and self.policy.aggregate is None

    @property
    def has_matched(self) -> bool:
        """True if an answer may name several rules."""
        return self.policy.scorecard is not None or self.policy.hit not in {Hit.FIRST, Hit.PRIORITY}

    def outcome(self, index: int) -> str:
        """Return the column of the outcome of this index."""
        return f"{self.prefix}o{index}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All columns, in order."""
        optional = ((self.rule, self.has_rule), (self.matched, self.has_matched))
        outcomes = [self.outcome(index) for index, _ in enumerate(self.policy.outcomes)]
        return (self.status, *(name for name, there in optional if there), *outcomes)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column."""
        types = dict.fromkeys(self.names, "string")
        types[self.rule] = "int32"
        for index, outcome in enumerate(self.policy.outcomes.values()):
            types[self.outcome(index)] = "string" if self.policy.returns_list else column_type(outcome.type)
        return {name: types[name] for name in self.names}

    def row(self, result: Result | None) -> dict[str, Cell]:
        """Return the row of an answer; None stands for a fact that contradicts another policy's decision."""
        row: dict[str, Cell] = dict.fromkeys(self.names)
        row[self.matched] = ""
        match result:
            case None:
                row[self.status] = "contradiction"
            case MissingFacts():
                row[self.status] = "missing_facts"
            case NoRuleMatched():
                row[self.status] = "no_rule_matched"
            case Conflict(rules=rules):
                row.update({self.status: "conflict", self.matched: _listed(map(self._indices.__getitem__, rules))})
            case Decided(outcome=outcome, rules=rules):
                row[self.status] = "decided"
                row.update(self._decided_rules(rules))
                row.update(self._outcome_cells(outcome))
            case _:
                assert_never(result)
        return {name: row[name] for name in self.names}

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {rule.id: index for index, rule in enumerate(self.policy.rules)}

    def _decided_rules(self, rules: tuple[str, ...]) -> dict[str, Cell]:
        if (card := self.policy.scorecard) is not None:
            bands = [band.id for band in card.bands]
            return {
                self.rule: bands.index(rules[-1]),
                self.matched: _listed(map(self._indices.__getitem__, rules[:-1])),
            }
        indices = [self._indices[rule] for rule in rules]
        named = [index for index in indices if index != self.policy.otherwise]
        return {self.rule: indices[0], self.matched: _listed(named)}

    def _outcome_cells(self, outcome: tuple[Values, ...]) -> dict[str, Cell]:
        kinds = [declared.type for declared in self.policy.outcomes.values()]
        entries = [[to_cell(kind, value) for kind, value in zip(kinds, each, strict=True)] for each in outcome]
        names = [self.outcome(index) for index, _ in enumerate(kinds)]
        if not self.policy.returns_list:
            return dict(zip(names, entries[0], strict=True))
        return {
            name: "".join(f"{entry[index]}{LIST_SEPARATOR}" for entry in entries) for index, name in enumerate(names)
        }

    def read(self, row: Mapping[str, Cell], missing: tuple[str, ...] = ()) -> Result:
        """Return the answer in one row; `missing` are the missing facts, which are not in the row."""
        policy = self.policy
        match row[self.status]:
            case "missing_facts":
                return MissingFacts(missing)
            case "no_rule_matched":
                return NoRuleMatched()
            case "conflict":
                return Conflict(tuple(policy.rules[index].id for index in _indices(row[self.matched])))
            case _:
                return Decided(self._outcome(row), self._rules(row))

    def _rules(self, row: Mapping[str, Cell]) -> tuple[str, ...]:
        policy = self.policy
        matched = tuple(policy.rules[index].id for index in _indices(row.get(self.matched)))
        if policy.scorecard is not None:
            return (*matched, policy.scorecard.bands[int(row[self.rule] or 0)].id)
        if matched:
            return matched
        last = policy.otherwise
        return (policy.rules[int(row[self.rule] or 0) if self.has_rule or last is None else last].id,)

    def _outcome(self, row: Mapping[str, Cell]) -> tuple[Values, ...]:
        kinds = [outcome.type for outcome in self.policy.outcomes.values()]
        cells = [row[self.outcome(index)] for index, _ in enumerate(kinds)]
        if not self.policy.returns_list:
            return (tuple(from_cell(kind, cell) for kind, cell in zip(kinds, cells, strict=True) if cell is not None),)
        lists = [str(cell).split(LIST_SEPARATOR)[:-1] for cell in cells]
        return tuple(
            tuple(from_cell(kind, cell) for kind, cell in zip(kinds, each, strict=True))
            for each in zip(*lists, strict=True)
        )


def _listed(indices: Iterable[int]) -> str:
    return "".join(f"{index}," for index in indices)


def _indices(cell: Cell) -> list[int]:
    return [int(index) for index in str(cell).split(",")[:-1]] if cell else []

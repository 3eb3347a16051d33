"""The differences between two versions of a policy, and intermediate versions.

A difference is a changed cell of a rule or band, an added or removed rule or band, or their order. If a rule newly
tests an optional fact, its cells count as one. If the declarations of facts, outcomes or the table's form differ, the
whole version is one difference, since no intermediate table would be a valid policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policy_service.analysis.table_difference import Grid, bands_grid, interleave, rules_grid
from policy_service.compilers.prose import explanation
from policy_service.language.ast import FALSE, TRUE, And, Expr, IsMissing, Not
from policy_service.language.policy import Language, Policy, Rule
from policy_service.language.types import Value

Key = tuple[str, str]
"""The rule, and the part of it that differs."""
MAX_DIFFERENCES = 60
"""Maximum number of differences of one policy listed by cell; more are listed by rule, even more as one."""


@dataclass(frozen=True, slots=True)
class CellDifference:
    """One difference; `rule` and `column` are empty if it is larger than a cell."""

    policy: str
    rule: str
    column: str
    before: str | None
    after: str | None
    part: str = ""
    """The column's name in the API."""

    @property
    def key(self) -> Key:
        """Its identifier."""
        return (self.rule, self.part)

    def __str__(self) -> str:
        """Return the difference as one line of text."""
        where = " · ".join(filter(None, (self.policy, self.rule, self.column)))
        return f"{where}: {self.before or '—'} → {self.after or '—'}"


RULES, BANDS = "rule", "band"
ORDER = "order"


def differences(old: Policy | None, new: Policy, lang: Language = "en") -> tuple[CellDifference, ...]:
    """Return the differences from an old version to a new one, in the order of its rules."""
    if old is not None and _declared(old) == _declared(new):
        for by_rule in (False, True):
            found = {each.key: each for each in _differences(old, new, lang, by_rule=by_rule)}
            if len(found) <= MAX_DIFFERENCES:
                return tuple(found.values())
    return (CellDifference(new.id, "", "", old.version if old else None, new.version),)


def apply_differences(
    old: Policy | None, new: Policy, applied: Sequence[CellDifference], all_of_them: Sequence[CellDifference]
) -> Policy | None:
    """Return the old version with some of the differences applied."""
    if len(applied) == len(all_of_them):
        return new
    if not applied or old is None:
        return old
    keys = {each.key for each in applied}
    mixed = {kind: _mixed(old_rules, new_rules, kind, keys) for kind, (old_rules, new_rules) in _rows(old, new).items()}
    scorecard = new.scorecard and replace(new.scorecard, bands=mixed[BANDS])
    return replace(old, rules=mixed[RULES], scorecard=scorecard, cross=None, meaning="")


@dataclass(frozen=True)
class _Rows:
    """The rules, or the bands, of one version."""

    policy: Policy
    rules: Mapping[str, Rule]
    grid: Grid | None = None

    def parts(self, name: str) -> dict[str, Expr | Value]:
        """Return the conditions and outcomes of a rule, by the columns of its table."""
        rule, policy = self.rules[name], self.policy
        is_band = rule in policy.bands
        names = ["points"] if policy.scorecard and not is_band else [f"outcome {each}" for each in policy.outcomes]
        given = dict(zip(names, rule.then, strict=False))
        if rule.otherwise:
            return given
        if policy.form == "table":
            return {**dict(zip(map("input {}".format, policy.inputs), rule.cells, strict=True)), **given}
        return {"score" if is_band else "when": rule.when, **given}

    def place(self, name: str, part: str) -> str:
        """Return the position of a cell: its rule or, for a head of a cross table, its line."""
        cross = self.policy.cross
        if cross is None or not part.startswith("input "):
            return name
        row, column = cross.cells[list(self.rules).index(name)]
        return cross.rows[row].id if part == f"input {self.policy.inputs[0]}" else cross.columns[column].id

    def text(self, name: str, parts: Collection[str] | None = None) -> str | None:
        """Return the named cells of a row in words; by default all but its name and reason."""
        cells = self.grid.rows.get(name) if self.grid else None
        if cells is None:
            return None
        return "; ".join(cells[part].text for part in parts or list(cells)[1:-1] if part in cells)

    def title(self, part: str) -> str:
        """Return the title of a column."""
        return self.grid.columns.get(part, part) if self.grid else part


def _rows(old: Policy, new: Policy, lang: Language | None = None) -> dict[str, tuple[_Rows, _Rows]]:
    """Return the rules and bands of both versions, in words if a language is given."""
    found: dict[str, list[_Rows]] = {RULES: [], BANDS: []}
    for policy in (old, new):
        prose = explanation(policy, lang) if lang else None
        for kind, rules, grid in ((RULES, policy.rules, rules_grid), (BANDS, policy.bands, bands_grid)):
            made = grid(policy, prose, lang) if prose and lang else None
            found[kind].append(_Rows(policy, {rule.id: rule for rule in rules}, made))
    return {kind: (before, after) for kind, (before, after) in found.items()}


def _declared(policy: Policy) -> object:
    """Return everything but rules and bands."""
    facts = {name: (fact.type, fact.optional, fact.requirement, fact.previous) for name, fact in policy.facts.items()}
    outcomes = [(name, outcome.type) for name, outcome in policy.outcomes.items()]
    card = policy.scorecard and (policy.scorecard.type, policy.scorecard.base)
    return (policy.subject, policy.form, policy.hit, policy.aggregate, policy.inputs, facts, outcomes, card)


def _differences(old: Policy, new: Policy, lang: Language, *, by_rule: bool) -> Iterator[CellDifference]:
    for kind, (before, after) in _rows(old, new, lang).items():
        for name in interleave(list(before.rules), list(after.rules)):
            if name in before.rules and name in after.rules:
                yield from _of_rule(before, after, name, kind, by_rule=by_rule)
            else:
                yield CellDifference(new.id, name, "", before.text(name), after.text(name), kind)
        if _is_reordered(before, after):
            yield CellDifference(new.id, "", ORDER, ", ".join(before.rules), ", ".join(after.rules), f"{kind} {ORDER}")


def _of_rule(before: _Rows, after: _Rows, name: str, kind: str, *, by_rule: bool) -> Iterator[CellDifference]:
    policy, old_parts = after.policy.id, before.parts(name)
    changed = [part for part, value in after.parts(name).items() if repr(value) != repr(old_parts.get(part))]
    if changed and (by_rule or not _is_divisible(before, after, name)):
        yield CellDifference(policy, name, "", before.text(name, changed), after.text(name, changed), kind)
        return
    for part in changed:
        old_text, new_text = before.text(name, [part]), after.text(name, [part])
        yield CellDifference(policy, after.place(name, part), after.title(part), old_text, new_text, f"{kind} {part}")


def _is_reordered(before: _Rows, after: _Rows) -> bool:
    both = before.rules.keys() & after.rules.keys()
    first, second = ([name for name in rows.rules if name in both] for rows in (before, after))
    return first != second


def _guards(rule: Rule) -> list[Expr]:
    """Return the conditions of a rule that test the presence of an optional fact."""
    parts = rule.when.operands if isinstance(rule.when, And) else (rule.when,)
    return [part for part in parts if isinstance(part, Not) and isinstance(part.operand, IsMissing)]


def _is_divisible(before: _Rows, after: _Rows, name: str) -> bool:
    """Return True if each cell can be exchanged alone: none relies on another's presence test."""
    if before.parts(name).keys() != after.parts(name).keys():
        return False
    if not any(fact.optional for fact in before.policy.facts.values()):
        return True
    guards = [set(map(repr, _guards(rows.rules[name]))) for rows in (before, after)]
    return before.policy.form == "table" and guards[0] == guards[1]


def _mixed(before: _Rows, after: _Rows, kind: str, keys: Collection[Key]) -> tuple[Rule, ...]:
    """Return the rules with the differences of these keys, `otherwise` last.

    If none remains, return one that never matches.
    """
    first, second = list(before.rules), list(after.rules)
    if _is_reordered(before, after) and ("", f"{kind} {ORDER}") not in keys:
        first, second = second, first
    rules = []
    for name in interleave(first, second):
        is_applied = (name, kind) in keys
        if name in before.rules and name in after.rules:
            rules.append(after.rules[name] if is_applied else _mixed_rule(before, after, name, kind, keys))
        elif is_applied == (name in after.rules):
            rules.append((after if is_applied else before).rules[name])
    if rules or not before.rules:
        return tuple(sorted(rules, key=lambda rule: rule.otherwise))
    return (replace(next(iter(before.rules.values())), when=FALSE, otherwise=False),)


def _mixed_rule(before: _Rows, after: _Rows, name: str, kind: str, keys: Collection[Key]) -> Rule:
    old_parts, new_parts = before.parts(name), after.parts(name)
    parts: dict[str, Any] = {
        part: value if (after.place(name, part), f"{kind} {part}") in keys else old_parts[part]
        for part, value in new_parts.items()
    }
    rule = before.rules[name]
    count = len(rule.then)
    then = tuple(parts.values())[len(parts) - count :] if count else ()
    if rule.otherwise:
        return replace(rule, then=then)
    if before.policy.form != "table":
        return replace(rule, when=next(iter(parts.values())), then=then)
    cells = tuple(parts.values())[: len(rule.cells)]
    asked = (*_guards(rule), *(cell for cell in cells if cell != TRUE))
    when = TRUE if not asked else asked[0] if len(asked) == 1 else And(operands=asked)
    return replace(rule, when=when, cells=cells, then=then)

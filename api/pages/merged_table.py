"""Two versions of a policy as one set of tables: what is gone, new and moved, and in each cell what it said before.

    tables = merged_tables(difference(old, new), "zh")
    {{ parts.merged_table(page.tables.rules, _("Rules")) }}

A cell is changed when it means something else in the policy language or reads differently; so nothing that differs is
shown as the same. Rules stand in the order of the new version, those that are gone where they stood before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from policy_service.analysis.articles import Kind
from policy_service.analysis.difference import Difference
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.language.policy import Language, Policy, Rule
from policy_service.sentences import Sentence

Standing = Literal["same", "changed", "new", "gone"]
RULE, REASON = "rule", "because"
BESIDE = 1
"""Unchanged rows that are shown beside one that is not."""
FEW = 12
"""A table that has no more rows than this is shown whole."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a cell says: in words, and as it is compared."""

    words: str
    key: object


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell before and after; None where the row or the column was not there."""

    before: str | None
    after: str | None
    changed: bool
    is_wording: bool = False
    """Whether it means what it meant, in other words."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of both tables; `folded` rows that are the same stand in one line."""

    standing: Standing
    cells: tuple[Cell, ...] = ()
    was: str = ""
    """Where a row that was moved stood before."""
    folded: int = 0

    @property
    def is_wording(self) -> bool:
        """Whether the row says in other words what it said before."""
        return self.standing == "changed" and all(cell.is_wording for cell in self.cells if cell.changed)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of either table."""

    title: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class MergedTable:
    """Both tables in one."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def differs(self) -> bool:
        """Whether the two say anything differently."""
        return any(row.standing != "same" or row.was for row in self.rows) or any(
            column.standing != "same" for column in self.columns
        )


@dataclass(frozen=True, slots=True)
class MergedTables:
    """All that two versions of a policy say in tables; None where neither has such a table."""

    rules: MergedTable
    grid: MergedTable | None
    """The rules of two cross tables as one grid, or of a new one."""
    bands: MergedTable | None
    facts: MergedTable
    outcomes: MergedTable


@dataclass(frozen=True, slots=True)
class Grid:
    """One of the two tables: its columns' titles and its rows' cells, both by what they are known by."""

    columns: Mapping[str, str]
    rows: Mapping[str, Mapping[str, Said]]


NOTHING = Grid({}, {})


def merged_tables(found: Difference, lang: Language) -> MergedTables:
    """The tables of both versions; when there is no old one, everything is new."""
    old, new = found.old, found.new
    before, after = (explanation(old, lang) if old else None), explanation(new, lang)
    moved = {kind: _moved(found, kind, lang) for kind in (Kind.RULE, Kind.BAND)}
    bands = [_bands(policy, each) for policy, each in ((old, before), (new, after)) if policy and each]
    return MergedTables(
        rules=merge(
            _rules(old, before, lang) if old and before else NOTHING, _rules(new, after, lang), moved[Kind.RULE]
        ),
        grid=_merged_grid(old, before, new, after),
        bands=merge(bands[0] if before else NOTHING, bands[-1], moved[Kind.BAND])
        if any(b.rows for b in bands)
        else None,
        facts=_declared(before, after, lambda each: each.facts),
        outcomes=_declared(before, after, lambda each: each.outcomes),
    )


def merge(old: Grid, new: Grid, moved: Mapping[str, str] | None = None) -> MergedTable:
    """Lays two tables over each other; `moved` says of rows where they stood."""
    columns = _woven(list(old.columns), list(new.columns))
    names = _woven(list(old.rows), list(new.rows))
    rows = [_row(old.rows.get(name), new.rows.get(name), columns, (moved or {}).get(name, "")) for name in names]
    heads = tuple(
        Column(new.columns.get(name, old.columns.get(name, "")), _standing(name in old.columns, name in new.columns))
        for name in columns
    )
    if not old.columns:
        heads = tuple(Column(head.title, "same") for head in heads)
    return MergedTable(heads, tuple(_folded(rows)))


def _standing(before: bool, after: bool) -> Standing:  # noqa: FBT001  # whether it was there, whether it is
    return "same" if before and after else "new" if after else "gone"


def _row(before: Mapping[str, Said] | None, after: Mapping[str, Said] | None, columns: Sequence[str], was: str) -> Row:
    cells = tuple(_cell((before or {}).get(name), (after or {}).get(name)) for name in columns)
    if before is None or after is None:
        return Row("new" if before is None else "gone", cells)
    return Row("changed" if any(cell.changed for cell in cells) else "same", cells, was)


def _cell(before: Said | None, after: Said | None) -> Cell:
    same = before is not None and after is not None and before.key == after.key
    return Cell(before.words if before else None, after.words if after else None, before != after, same)


def _woven(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """All names in the order of the new; those that are gone behind the one they stood behind."""
    kept = set(new)
    behind: dict[str | None, list[str]] = {}
    last: str | None = None
    for name in old:
        if name in kept:
            last = name
        else:
            behind.setdefault(last, []).append(name)
    return [*behind.get(None, ()), *(each for name in new for each in (name, *behind.get(name, ())))]


def _folded(rows: Sequence[Row]) -> list[Row]:
    """The rows, long runs of the same in one line each."""
    if len(rows) <= FEW:
        return list(rows)
    alters = [place for place, row in enumerate(rows) if row.standing != "same" or row.was]
    shown = {near for place in alters for near in range(place - BESIDE, place + BESIDE + 1)}
    found: list[Row] = []
    for place, row in enumerate(rows):
        if place in shown:
            found.append(row)
        elif found and found[-1].folded:
            found[-1] = Row("same", folded=found[-1].folded + 1)
        else:
            found.append(Row("same", folded=1))
    return found


def _moved(found: Difference, kind: Kind, lang: Language) -> dict[str, str]:
    """The rules or bands that stand elsewhere, each with where it stood."""
    return {
        alteration.name: aspect.before.zh if lang == "zh" else aspect.before.en
        for alteration in found.alterations
        if alteration.kind is kind
        for aspect in alteration.aspects
        if aspect.aspect == "place" and aspect.before is not None
    }


# ------------------------------------------------------------------------------------------------ what is laid over


def _rules(policy: Policy, told: Explanation, lang: Language) -> Grid:
    """The rules: a column for each input, or one for the condition; each outcome; the reason."""
    words = told.table or table(policy, lang)
    inputs = [f"input {name}" for name in policy.inputs] if policy.form == "table" else ["when"]
    results = words.headers[1 + len(inputs) :]
    names = ["points"] if policy.scorecard else [f"outcome {name}" for name in policy.outcomes]
    keys = [*inputs, *names[: len(results)]]
    reasons = {rule.id: rule.because for rule in told.rules}
    columns = {RULE: words.headers[0], **dict(zip(keys, words.headers[1:], strict=True)), REASON: Sentence("Reason")}
    return Grid(
        columns,
        {
            rule.id: {
                RULE: Said(row[0], rule.id),
                **{
                    key: Said(cell, meant) for key, cell, meant in zip(keys, row[1:], _meant(rule, policy), strict=True)
                },
                REASON: Said(reasons[rule.id], None),
            }
            for rule, row in zip(policy.rules, words.rows, strict=True)
        },
    )


def _meant(rule: Rule, policy: Policy) -> list[str]:
    """What the cells of a row mean."""
    asked = rule.cells if policy.form == "table" else (rule.when,)
    given = rule.then or (("",) if policy.otherwise is not None else ())  # a rule that counts gives nothing
    return [repr(each) for each in (*asked, *given)]


def _merged_grid(old: Policy | None, before: Explanation | None, new: Policy, after: Explanation) -> MergedTable | None:
    """Two cross tables over each other, or the new one where there was none; None for other forms."""
    if after.grid is None or (old is not None and (old.cross is None or old.inputs != new.inputs)):
        return None
    return merge(_grid(old, before) if old and before else NOTHING, _grid(new, after))


def _grid(policy: Policy, told: Explanation) -> Grid:
    """A cross table: its lines are known by their names and by what they ask, so that none is shown under another."""
    cross, words = policy.cross, told.grid
    if cross is None or words is None:
        return NOTHING
    columns = [f"{line.id} {line.when!r}" for line in cross.columns]
    meant = {rule.id: repr(rule.then) for rule in policy.rules}
    rows = {
        f"{line.id} {line.when!r}": {
            RULE: Said(row.head, None),
            **{
                column: Said(cell.text, meant.get(cell.rule or "")) for column, cell in zip(columns, cells, strict=True)
            },
        }
        for line, (row, cells) in zip(cross.rows, words.rows, strict=True)
    }
    heads = dict(zip(columns, (column.head for column in words.columns), strict=True))
    return Grid({RULE: words.corner, **heads}, rows)


def _bands(policy: Policy, told: Explanation) -> Grid:
    """The bands of a scorecard, with their reasons."""
    if told.bands is None or policy.scorecard is None:
        return NOTHING
    keys = ["score", *(f"outcome {name}" for name in policy.outcomes)]
    reasons = {band.id: band.because for band in told.band_rules}
    headers = told.bands.headers
    columns = {RULE: headers[0], **dict(zip(keys, headers[1:], strict=True)), REASON: Sentence("Reason")}
    rows = {}
    for band, row in zip(policy.scorecard.bands, told.bands.rows, strict=True):
        meant = [repr(each) for each in (band.when, *band.then)]
        cells = {key: Said(cell, each) for key, cell, each in zip(keys, row[1:], meant, strict=True)}
        rows[band.id] = {RULE: Said(row[0], band.id), **cells, REASON: Said(reasons[band.id], None)}
    return Grid(columns, rows)


def _declared(before: Explanation | None, after: Explanation, of: Callable[[Explanation], Table]) -> MergedTable:
    """Facts or outcomes, known by their names."""
    return merge(_named(of(before)) if before else NOTHING, _named(of(after)))


def _named(words: Table) -> Grid:
    keys = [str(place) for place in range(len(words.headers))]
    rows = {row[1]: {key: Said(cell, None) for key, cell in zip(keys, row, strict=True)} for row in words.rows}
    return Grid(dict(zip(keys, words.headers, strict=True)), rows)

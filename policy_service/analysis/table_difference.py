"""Two versions of a policy as one set of tables: removed, added and moved rows, and cells with their earlier text.

    tables = merged_tables(difference(old, new), "zh")
    tables.folded()                  # without long runs of unchanged rows

A cell is changed if its meaning or its text differs, so that no difference is hidden. Rules are in the order of the new
version, removed ones at their earlier position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from policy_service.analysis.articles import Kind
from policy_service.analysis.difference import Difference, difference
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.compilers.prose.labels import LABELS
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Language, Policy, Rule

DiffStatus = Literal["same", "changed", "new", "gone"]
RULE, REASON = "rule", "because"
CONTEXT_ROWS = 1
"""Unchanged rows shown next to a changed one."""
MAX_UNFOLDED_ROWS = 12
"""Maximum number of rows of a table that is never folded."""


@dataclass(frozen=True, slots=True)
class CellText:
    """The text of a cell, and its meaning for comparison."""

    text: str
    key: object


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell before and after; None where the row or column did not exist."""

    before: str | None
    after: str | None
    changed: bool
    is_wording: bool = False
    """True if only the wording changed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of both tables; a folded row stands for `folded_count` unchanged ones."""

    status: DiffStatus
    cells: tuple[Cell, ...] = ()
    previous_position: str = ""
    """The earlier position of a moved row."""
    folded_count: int = 0

    @property
    def is_wording(self) -> bool:
        """True if the row says in other words what it said before."""
        return self.status == "changed" and all(cell.is_wording for cell in self.cells if cell.changed)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of either table."""

    title: str
    status: DiffStatus


@dataclass(frozen=True, slots=True)
class MergedTable:
    """Two tables merged into one."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def differs(self) -> bool:
        """True if the two tables differ at all."""
        return any(row.status != "same" or row.previous_position for row in self.rows) or any(
            column.status != "same" for column in self.columns
        )

    def folded(self) -> MergedTable:
        """Return the table with long runs of unchanged rows folded."""
        return replace(self, rows=tuple(_fold(self.rows)))


@dataclass(frozen=True, slots=True)
class MergedTables:
    """All tables of two versions of a policy; None where neither has such a table."""

    rules: MergedTable
    grid: MergedTable | None
    """The rules of two cross tables as one grid, or of a new one."""
    bands: MergedTable | None
    facts: MergedTable
    outcomes: MergedTable

    def folded(self) -> MergedTables:
        """Return the tables, each folded."""
        grid, bands = (each.folded() if each else None for each in (self.grid, self.bands))
        return MergedTables(self.rules.folded(), grid, bands, self.facts.folded(), self.outcomes.folded())


@dataclass(frozen=True, slots=True)
class Grid:
    """One of the two tables: column titles and cells of rows, by identifier."""

    columns: Mapping[str, str]
    rows: Mapping[str, Mapping[str, CellText]]


EMPTY_GRID = Grid({}, {})


def merged_tables(difference: Difference, lang: Language) -> MergedTables:
    """Return the tables of both versions; without an old version, everything is new."""
    old, new = difference.old, difference.new
    before, after = (explanation(old, lang) if old else None), explanation(new, lang)
    previous_positions = {kind: _previous_positions(difference, kind, lang) for kind in (Kind.RULE, Kind.BAND)}
    bands = [bands_grid(policy, each, lang) for policy, each in ((old, before), (new, after)) if policy and each]
    return MergedTables(
        rules=merge(
            rules_grid(old, before, lang) if old and before else EMPTY_GRID,
            rules_grid(new, after, lang),
            previous_positions[Kind.RULE],
        ),
        grid=_merged_grid(old, before, new, after),
        bands=merge(bands[0] if before else EMPTY_GRID, bands[-1], previous_positions[Kind.BAND])
        if any(b.rows for b in bands)
        else None,
        facts=_merged_declarations(before, after, lambda each: each.facts),
        outcomes=_merged_declarations(before, after, lambda each: each.outcomes),
    )


def merge(old: Grid, new: Grid, previous_positions: Mapping[str, str] | None = None) -> MergedTable:
    """Merge two tables; `previous_positions` has the earlier positions of moved rows."""
    columns = interleave(list(old.columns), list(new.columns))
    names = interleave(list(old.rows), list(new.rows))
    rows = [
        _row(old.rows.get(name), new.rows.get(name), columns, (previous_positions or {}).get(name, ""))
        for name in names
    ]
    headers = tuple(
        Column(new.columns.get(name, old.columns.get(name, "")), _status(name in old.columns, name in new.columns))
        for name in columns
    )
    if not old.columns:
        headers = tuple(Column(head.title, "same") for head in headers)
    return MergedTable(headers, tuple(rows))


def _status(before: bool, after: bool) -> DiffStatus:  # noqa: FBT001  # whether it was there, whether it is
    return "same" if before and after else "new" if after else "gone"


def _row(
    before: Mapping[str, CellText] | None,
    after: Mapping[str, CellText] | None,
    columns: Sequence[str],
    previous_position: str,
) -> Row:
    cells = tuple(_cell((before or {}).get(name), (after or {}).get(name)) for name in columns)
    if before is None or after is None:
        return Row("new" if before is None else "gone", cells)
    return Row("changed" if any(cell.changed for cell in cells) else "same", cells, previous_position)


def _cell(before: CellText | None, after: CellText | None) -> Cell:
    is_wording = before is not None and after is not None and before.key == after.key
    return Cell(before.text if before else None, after.text if after else None, before != after, is_wording)


def interleave(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return all names in the order of the new table; removed ones after their earlier predecessor."""
    new_names = set(new)
    removed_after: dict[str | None, list[str]] = {}
    last: str | None = None
    for name in old:
        if name in new_names:
            last = name
        else:
            removed_after.setdefault(last, []).append(name)
    return [*removed_after.get(None, ()), *(each for name in new for each in (name, *removed_after.get(name, ())))]


def _fold(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with long runs of unchanged ones folded."""
    if len(rows) <= MAX_UNFOLDED_ROWS:
        return list(rows)
    changed_positions = [position for position, row in enumerate(rows) if row.status != "same" or row.previous_position]
    visible_positions = {
        neighbour
        for position in changed_positions
        for neighbour in range(position - CONTEXT_ROWS, position + CONTEXT_ROWS + 1)
    }
    result: list[Row] = []
    for position, row in enumerate(rows):
        if position in visible_positions:
            result.append(row)
        elif result and result[-1].folded_count:
            result[-1] = Row("same", folded_count=result[-1].folded_count + 1)
        else:
            result.append(Row("same", folded_count=1))
    return result


def _previous_positions(difference: Difference, kind: Kind, lang: Language) -> dict[str, str]:
    """Return the earlier positions of moved rules or bands."""
    return {
        alteration.name: aspect.before.in_language(lang)
        for alteration in difference.alterations
        if alteration.kind is kind
        for aspect in alteration.aspects
        if aspect.aspect == "place" and aspect.before is not None
    }


# ------------------------------------------------------------------------------------------------ what is laid over


def rules_grid(policy: Policy, prose: Explanation, lang: Language) -> Grid:
    """Return the rules: a column per input, or one for the condition; each outcome; the reason."""
    rule_table = prose.table or table(policy, lang)
    inputs = [f"input {name}" for name in policy.inputs] if policy.form == "table" else ["when"]
    results = rule_table.headers[1 + len(inputs) :]
    names = ["points"] if policy.scorecard else [f"outcome {name}" for name in policy.outcomes]
    keys = [*inputs, *names[: len(results)]]
    reasons = {rule.id: rule.because for rule in prose.rules}
    columns = {
        RULE: rule_table.headers[0],
        **dict(zip(keys, rule_table.headers[1:], strict=True)),
        REASON: LABELS[lang].reason,
    }
    return Grid(
        columns,
        {
            rule.id: {
                RULE: CellText(row[0], rule.id),
                **{
                    key: CellText(cell, meaning)
                    for key, cell, meaning in zip(keys, row[1:], _cell_meanings(rule, policy), strict=True)
                },
                REASON: CellText(reasons[rule.id], None),
            }
            for rule, row in zip(policy.rules, rule_table.rows, strict=True)
        },
    )


def _cell_meanings(rule: Rule, policy: Policy) -> list[str]:
    """Return the meanings of a row's cells."""
    conditions = rule.cells if policy.form == "table" else (rule.when,)
    outcomes = rule.then or (("",) if policy.otherwise is not None else ())  # a rule that counts gives nothing
    return [repr(each) for each in (*conditions, *outcomes)]


def _merged_grid(old: Policy | None, before: Explanation | None, new: Policy, after: Explanation) -> MergedTable | None:
    """Return two cross tables merged, or a new one; None for other forms."""
    if after.grid is None or (old is not None and (old.cross is None or old.inputs != new.inputs)):
        return None
    return merge(_grid(old, before) if old and before else EMPTY_GRID, _grid(new, after))


def _grid(policy: Policy, prose: Explanation) -> Grid:
    """Return a cross table whose lines are identified by name and condition, so that different ones stay apart."""
    cross, grid = policy.cross, prose.grid
    if cross is None or grid is None:
        return EMPTY_GRID
    columns = [f"{line.id} {line.when!r}" for line in cross.columns]
    meanings = {rule.id: repr(rule.then) for rule in policy.rules}
    rows = {
        f"{line.id} {line.when!r}": {
            RULE: CellText(row.head, None),
            **{
                column: CellText(cell.text, meanings.get(cell.rule or ""))
                for column, cell in zip(columns, cells, strict=True)
            },
        }
        for line, (row, cells) in zip(cross.rows, grid.rows, strict=True)
    }
    headers = dict(zip(columns, (column.head for column in grid.columns), strict=True))
    return Grid({RULE: grid.corner, **headers}, rows)


def bands_grid(policy: Policy, prose: Explanation, lang: Language) -> Grid:
    """Return the bands of a scorecard, with their reasons."""
    if prose.bands is None or policy.scorecard is None:
        return EMPTY_GRID
    keys = ["score", *(f"outcome {name}" for name in policy.outcomes)]
    reasons = {band.id: band.because for band in prose.band_rules}
    headers = prose.bands.headers
    columns = {RULE: headers[0], **dict(zip(keys, headers[1:], strict=True)), REASON: LABELS[lang].reason}
    rows = {}
    for band, row in zip(policy.scorecard.bands, prose.bands.rows, strict=True):
        meanings = [repr(each) for each in (band.when, *band.then)]
        cells = {key: CellText(cell, each) for key, cell, each in zip(keys, row[1:], meanings, strict=True)}
        rows[band.id] = {RULE: CellText(row[0], band.id), **cells, REASON: CellText(reasons[band.id], None)}
    return Grid(columns, rows)


def _merged_declarations(
    before: Explanation | None, after: Explanation, of: Callable[[Explanation], Table]
) -> MergedTable:
    """Return facts or outcomes, identified by name."""
    return merge(_grid_by_name(of(before)) if before else EMPTY_GRID, _grid_by_name(of(after)))


def _grid_by_name(declarations: Table) -> Grid:
    keys = [str(position) for position in range(len(declarations.headers))]
    rows = {
        row[1]: {key: CellText(cell, None) for key, cell in zip(keys, row, strict=True)} for row in declarations.rows
    }
    return Grid(dict(zip(keys, declarations.headers, strict=True)), rows)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side, in stored form."""

    sentences: tuple[str, ...]
    alters: bool
    differs: bool
    tables: MergedTables


@cached_by_digest
def compare_versions(old: Policy, new: Policy, lang: Language) -> Comparison:
    """Return two versions side by side."""
    result = difference(old, new)
    return Comparison(
        tuple(result.sentences(lang)), result.alters, bool(result.alterations), merged_tables(result, lang).folded()
    )

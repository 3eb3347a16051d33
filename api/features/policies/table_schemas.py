"""The shapes of two versions laid over each other, table by table and cell by cell."""

from typing import Annotated

from pydantic import ConfigDict, Field

from api.features.policies.schemas import SideModel
from api.web.schemas import Model
from policy_service.analysis.difference import Difference
from policy_service.analysis.table_difference import DiffStatus, MergedTable, Row, merged_tables
from policy_service.language.policy import Language, Policy


class ColumnModel(Model):
    """A column of either table."""

    title: str
    status: DiffStatus


class CellModel(Model):
    """A cell before and after; null where the row or the column was not there."""

    before: str | None
    after: str | None
    changed: bool
    wording_only: Annotated[bool, Field(description="it means what it meant, in other words")]


class RowModel(Model):
    """A row of either table, in the order of the new version."""

    status: DiffStatus
    moved_from: Annotated[str | None, Field(description="where the row stood before, when it was moved")]
    cells: list[CellModel]


class TableModel(Model):
    """Two tables in one."""

    columns: list[ColumnModel]
    rows: list[RowModel]


class TableDifference(Model):
    """All that two versions say in tables; null where neither has such a table."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    policy: str
    from_: Annotated[SideModel, Field(alias="from")]
    to: SideModel
    lang: Language
    rules: TableModel
    grid: Annotated[TableModel | None, Field(description="the rules of cross tables as one grid")]
    bands: TableModel | None
    facts: TableModel
    outcomes: TableModel


def table_difference(old: Policy, new: Policy, difference: Difference, lang: Language) -> TableDifference:
    """Two versions laid over each other."""
    tables = merged_tables(difference, lang)
    return TableDifference(
        policy=new.id,
        from_=SideModel(version=old.version, digest=old.digest),
        to=SideModel(version=new.version, digest=new.digest),
        lang=lang,
        rules=_table(tables.rules),
        grid=_table(tables.grid) if tables.grid else None,
        bands=_table(tables.bands) if tables.bands else None,
        facts=_table(tables.facts),
        outcomes=_table(tables.outcomes),
    )


def _table(table: MergedTable) -> TableModel:
    return TableModel(
        columns=[ColumnModel(title=each.title, status=each.status) for each in table.columns],
        rows=list(map(_row, table.rows)),
    )


def _row(row: Row) -> RowModel:
    cells = [
        CellModel(
            before=each.before,
            after=each.after,
            changed=each.changed,
            wording_only=each.changed and each.is_wording,
        )
        for each in row.cells
    ]
    return RowModel(status=row.status, moved_from=row.previous_position or None, cells=cells)

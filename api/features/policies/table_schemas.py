"""The shapes of two versions laid over each other, table by table and cell by cell."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from api.features.policies.schemas import SideModel
from api.web.schemas import Answer, attribute
from policy_service.analysis.difference import Difference
from policy_service.analysis.table_difference import DiffStatus, merged_tables
from policy_service.language.policy import Language, Policy


class ColumnModel(Answer):
    """A column of either table."""

    title: str
    status: DiffStatus


class CellModel(Answer):
    """A cell before and after; null where the row or the column was not there."""

    before: str | None
    after: str | None
    changed: bool
    wording_only: Annotated[bool, attribute("is_wording", "it means what it meant, in other words")]


class RowModel(Answer):
    """A row of either table, in the order of the new version."""

    status: DiffStatus
    moved_from: Annotated[
        str | None,
        attribute("previous_position", "where the row stood before, when it was moved"),
        BeforeValidator(lambda position: position or None),
    ]
    cells: list[CellModel]


class TableModel(Answer):
    """Two tables in one."""

    columns: list[ColumnModel]
    rows: list[RowModel]


class TableDifference(Answer):
    """All that two versions say in tables; null where neither has such a table."""

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
    return TableDifference.from_value(merged_tables(difference, lang), policy=new.id, from_=old, to=new, lang=lang)

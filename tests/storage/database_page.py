"""The list of tables on the page about the database, made from the tables as declared."""

from __future__ import annotations

from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.append_only import APPEND_ONLY_TABLES, unique_keys
from policy_service.audit.coverage import DERIVED, EXCLUDED_COLUMNS, KEYED, NOT_SECURITY
from tests.architecture.project import ROOT

PAGE = ROOT / "docs" / "reference" / "database.md"
BEGIN = "<!-- written by `python -m tests.storage.write_migration` -->\n"
END = "<!-- the end -->\n"


def written() -> str:
    """The list that is on the page."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


def listed() -> str:
    """The list as it must be: a line a table, in the order of their packages."""
    declared = [each for each in SQLModel._sa_registry.mappers if each.class_.metadata is SQLModel.metadata]
    mappers = sorted(declared, key=lambda each: (each.class_.__module__, str(each.local_table)))
    lines = ["| table | append-only | only one row has the same | a row is | in the log |", "|---|---|---|---|---|"]
    for each in mappers:
        table = SQLModel.metadata.tables[str(each.local_table)]
        keys = "; ".join(", ".join(f"`{column}`" for column in key) for key in unique_keys(table))
        says = (each.class_.__doc__ or "").strip().splitlines()[0]
        cells = (
            f"`{table.name}`",
            "yes" if table.name in APPEND_ONLY_TABLES else "no",
            keys,
            says,
            _in_the_log(table.name),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _in_the_log(table: str) -> str:
    """How the log vouches for the rows of a table, or why it does not."""
    if (why := NOT_SECURITY.get(table)) is not None:
        return f"*no*: {why}"
    kind = "digest of each row, made with the log's key" if table in KEYED else "digest of each row"
    kind = DERIVED.get(table, kind)
    left_out = [f"`{column}` is left out: {why}" for (name, column), why in EXCLUDED_COLUMNS.items() if name == table]
    return "; ".join([kind, *left_out])


def write() -> None:
    """Puts the list on the page."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(before + BEGIN + listed() + END + rest.partition(END)[2], "utf-8")

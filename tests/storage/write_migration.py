"""Writes the first migrations from the tables as declared, a file a package: `python -m tests.storage.write_migration`.

The list of tables in `docs/reference/database.md` is written with them. Migrations are written like this only until
the first release: what was released is never edited, and later steps are written by hand (the tests compare the schema
they make with the tables as declared).
"""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Literal

import sqlalchemy
from alembic.autogenerate import render_python_code
from alembic.operations.ops import CreateIndexOp, CreateTableOp, UpgradeOps
from sqlalchemy import Table
from sqlalchemy.types import String, TypeDecorator
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service import migrations
from policy_service.append_only import TABLES, unique
from policy_service.clock import timestamp
from policy_service.database import first_rows
from tests.storage import database_page

FOLDER = Path(migrations.__file__).parent / "versions"
ORDER = ("database", "idempotency", "audit", "registry", "identity", "approval", "decisions", "population")
"""The packages, those first whose tables others refer to."""


def write() -> list[Path]:
    """Writes the files anew."""
    for old in FOLDER.glob("v*.py"):
        old.unlink()
    order = {table.name: place for place, table in enumerate(SQLModel.metadata.sorted_tables)}
    tables = sorted(_declared(), key=lambda each: (ORDER.index(each[0]), order[each[1].name]))
    files = []
    for number, (package, group) in enumerate(groupby(tables, key=lambda each: each[0]), 1):
        file = FOLDER / f"v{number:04}_{package}.py"
        file.write_text(_migration(number, package, [table for _, table in group]), "utf-8")
        files.append(file)
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", "--select", "I,F401", *files], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", *files], check=True)
    return files


def _declared() -> list[tuple[str, Table]]:
    mappers = SQLModel._sa_registry.mappers
    found = {each.local_table: each.class_.__module__.split(".")[1] for each in mappers}
    assert set(found) == set(SQLModel.metadata.tables.values())
    return [(package, table) for table, package in found.items() if isinstance(table, Table)]


def _migration(number: int, package: str, tables: list[Table]) -> str:
    functions = "\n\n\n".join(_function(table) for table in tables)
    calls = "\n".join(f"    _{table.name}()" for table in tables)
    names = sorted(name for name in set(re.findall(r"\b[A-Z]\w+(?=\()", functions)) if hasattr(sqlalchemy, name))
    before = None if number == 1 else f"{number - 1:04}"
    return f'''"""The tables of `{package}`."""

from alembic import op
from sqlalchemy import {", ".join(names)}

from policy_service.append_only import protect

revision = "{number:04}"
down_revision = {before!r}


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
{calls}


{functions}
'''


def _function(table: Table) -> str:
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    operations = [CreateTableOp.from_table(table), *(CreateIndexOp.from_index(index) for index in indexes)]
    code = render_python_code(
        UpgradeOps(operations), sqlalchemy_module_prefix="", alembic_module_prefix="op.", render_item=_type
    )
    code = re.sub(r",(\s*\))", r"\1", code)
    lines = [line for line in code.splitlines() if not line.lstrip().startswith("#")]
    if table.name in TABLES:
        keys = ", ".join(repr(key) for key in unique(table))
        lines.append(f"protect(op.get_bind(), {table.name!r}, {keys})")
    if table.name == "lane":
        rows = [f"('{row.name}', {row.count}, '{timestamp(row.at)}')" for row in first_rows()]
        insert = "INSERT INTO lane (name, count, at) VALUES"
        lines.extend(f'op.execute("{insert} {row}")' for row in rows)
    return f"def _{table.name}() -> None:\n    " + "\n    ".join(line.strip() for line in lines)


def _type(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Writes a type as the database knows it, so that a migration does not change when ours do."""
    plain = value.impl if isinstance(value, TypeDecorator) else value
    if kind != "type" or not isinstance(plain, String):
        return False
    return f"{type(plain).__name__}({plain.length or ''})"


if __name__ == "__main__":
    for written in write():
        print(written)  # noqa: T201  # a command
    database_page.write()
    print(database_page.PAGE)  # noqa: T201  # the same

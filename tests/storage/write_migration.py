"""Writes the next step of the migrations, from what the tables as declared have and the steps so far do not make.

    python -m tests.storage.write_migration NAME

A step that is there is never written again: databases have taken it, and would not take it twice. What is written is a
draft. Whoever asked for it says in its first line what it does, and adds the rows that a new table needs from what is
on record. The list of tables in `docs/reference/database.md` is written with it, without a NAME it alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import sqlalchemy
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations.ops import CreateTableOp
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.types import String, TypeDecorator
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service import migrations
from policy_service.append_only import APPEND_ONLY_TABLES, unique_keys
from policy_service.database import Database
from tests.storage import database_page

FOLDER = Path(migrations.__file__).parent / "versions"


def write(name: str) -> Path | None:
    """Writes the next step; gives its file, or None when nothing is missing."""
    number = len(migrations.steps()) + 1
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/steps.db")
        migrations.upgrade(database)
        with database.engine.connect() as connection:
            text = drafted(connection, number)
        database.close()
    if text is None:
        return None
    file = FOLDER / f"v{number:04}_{name}.py"
    file.write_text(text, "utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", "--select", "I,F401", file], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", file], check=True)
    return file


def drafted(connection: Connection, number: int) -> str | None:
    """The step that makes of a database what the tables declare; None when it is that."""
    operations = produce_migrations(MigrationContext.configure(connection), SQLModel.metadata).upgrade_ops
    if operations is None or operations.is_empty():
        return None
    code = render_python_code(operations, sqlalchemy_module_prefix="", alembic_module_prefix="op.", render_item=_type)
    code = re.sub(r",(\s*\))", r"\1", code)
    lines = [line.removeprefix("    ") for line in code.splitlines() if not line.lstrip().startswith("#")]
    made = [each.table_name for each in operations.ops if isinstance(each, CreateTableOp)]
    for table in (SQLModel.metadata.tables[name] for name in made if name in APPEND_ONLY_TABLES):
        keys = ", ".join(repr(key) for key in unique_keys(table))
        lines.append(f"create_triggers(op.get_bind(), {table.name!r}, {keys})")
    names = sorted(each for each in set(re.findall(r"\b[A-Z]\w+(?=\()", code)) if hasattr(sqlalchemy, each))
    taken = f"from sqlalchemy import {', '.join(names)}\n" if names else ""
    body = "\n".join(f"    {line}" if line.strip() else "" for line in lines)
    return f'''"""What this step does."""

from alembic import op
{taken}
from policy_service.append_only import create_triggers

revision = "{number:04}"
down_revision = "{number - 1:04}"


def upgrade() -> None:
    """Makes what is new."""
{body}
'''


def _type(kind: str, value: object, _context: object) -> str | Literal[False]:
    """Writes a type as the database knows it, so that a migration does not change when ours do."""
    plain = value.impl if isinstance(value, TypeDecorator) else value
    if kind != "type" or not isinstance(plain, String):
        return False
    return f"{type(plain).__name__}({plain.length or ''})"


if __name__ == "__main__":
    for step in sys.argv[1:2]:
        print(write(step) or "the steps make all that is declared")  # noqa: T201  # a command
    database_page.write()
    print(database_page.PAGE)  # noqa: T201  # the same

"""Options and arguments common to several commands."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

file_option = partial(typer.Option, metavar="FILE", exists=True, dir_okay=False)
"""An option that names a file, which must exist."""
FILES = "Policy files or folders; default: the shipped policies."
Paths = Annotated[list[Path] | None, typer.Argument(metavar="PATH", help=FILES, exists=True)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--policies",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="A folder of policy files; default: the shipped policies.",
    ),
]
BenchmarkFile = Annotated[
    Path | None, file_option("--benchmark-set", help="A benchmark set, which fills benchmark facts.")
]
PopulationAddress = Annotated[
    str,
    typer.Option(
        "--population",
        metavar="FILE",
        help="CSV, Parquet, xlsx or DuckDB, the address of a PostgreSQL database, `records`: the service's own, or "
        "`registered:NAME`.",
    ),
]
TableName = Annotated[str | None, typer.Option("--table", metavar="NAME", help="The table of a database.")]
MAX_DAYS = 36_525
"""Maximum age in days, a century, so that no date is out of range."""
MAX_SUBJECTS = 1_000_000_000
"""Maximum size of a group."""
MaxAge = Annotated[
    int | None,
    typer.Option("--max-age", metavar="DAYS", min=0, max=MAX_DAYS, help="Of the latest decision, with `records`."),
]
MappingFile = Annotated[Path | None, file_option("--mapping", help="Which column is which fact, as YAML.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="The day of the decisions; default: today.")]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="The kind of subject.")]


class Lang(StrEnum):
    """A language of texts."""

    zh = "zh"
    en = "en"

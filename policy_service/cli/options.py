"""Options and arguments that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

FILES = "Policy files or folders; default: the shipped policies."
Paths = Annotated[list[Path] | None, typer.Argument(metavar="PATH", help=FILES, exists=True, show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--policies",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="A folder of policy files; default: the shipped policies.",
        show_default=False,
    ),
]
BenchmarkFile = Annotated[
    Path | None,
    typer.Option(
        "--benchmark-set",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A benchmark set, which fills benchmark facts.",
        show_default=False,
    ),
]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="The kind of subject.")]


class Lang(StrEnum):
    """A language of texts."""

    zh = "zh"
    en = "en"

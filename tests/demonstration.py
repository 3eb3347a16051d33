"""A clone as `make` sets it up, and what `make run` makes there before it serves: once a process, by its commands."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.architecture.project import ROOT

RECIPE = re.compile(r"^run:.*\n((?:\t.*\n)+)", re.MULTILINE)
COMMAND = "from policy_service.cli import main; main()"


def clone(folder: Path) -> Path:
    """The folder, with the programs of an environment."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, arguments in (("policy-service", f"-c '{COMMAND}'"), ("python3", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    return folder


def demonstration(folder: Path) -> Path:
    """A copy of a clone in which all is done that `make run` does before it serves."""
    return shutil.copytree(_made(), folder)


@cache
def _made() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="policy-service-tests-")
    atexit.register(folder.cleanup)
    here = clone(Path(folder.name) / "clone")
    for command in commands_of_make_run()[:-1]:
        subprocess.run(command, cwd=here, env=environment(), check=True, timeout=200)
    return here


def environment() -> dict[str, str]:
    """The environment of a terminal there: no setting, and no other installation of the service."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("POLICY_SERVICE_", "DATABASE_URL"))}
    others = [each for each in own["PATH"].split(os.pathsep) if not (Path(each) / "policy-service").exists()]
    return {**own, "PATH": os.pathsep.join(others), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


def commands_of_make_run(port: int = 0) -> list[list[str]]:
    """The commands of `make run`, of which the last serves."""
    recipe = RECIPE.search((ROOT / "Makefile").read_text("utf-8"))
    assert recipe is not None
    values = {"$(BIN)": ".venv/bin", "$(HOST)": "127.0.0.1", "$(PORT)": str(port)}
    text = recipe[1]
    for name, value in values.items():
        text = text.replace(name, value)
    return [line.split() for line in text.splitlines()]

"""The golden pages: which policies are told, where their pages stand, and how they are written anew.

    UPDATE_GOLDEN=1 pytest tests/compilers/prose/test_golden.py

writes every page anew, for a person to read before it is kept. Where CI is set nothing is ever written.
"""

from __future__ import annotations

import os
from pathlib import Path

from policy_service.language.load import load, load_bytes
from policy_service.language.policy import Policy
from policy_service.shipped import shipped_policies

FOLDER = Path(__file__).resolve().parent
GOLDEN = FOLDER / "golden"
WRITTEN = sorted((FOLDER / "policies").glob("*.yaml"))
SHIPPED = sorted(shipped_policies().glob("*/*/*.yaml"))


def written_policy(name: str) -> Policy:
    """A policy of this folder, each of which shows one thing."""
    path = FOLDER / "policies" / f"{name}.yaml"
    return load_bytes(path.read_bytes(), path.name)


def policy_at(path: Path) -> Policy:
    """A policy of this folder or a shipped one."""
    return written_policy(path.stem) if path in WRITTEN else load(path)


def name_of(path: Path) -> str:
    """The name of a policy's golden pages: `table`, or `tiering.rfm_value.1.0.0` for a shipped one."""
    return path.stem if path in WRITTEN else ".".join((*path.parts[-3:-1], path.stem))


def golden(name: str, text: str) -> str:
    """The page as it was read and kept, `name` with its language; written anew when UPDATE_GOLDEN is set.

    Raises:
        RuntimeError: a page would be written where nobody reads it.
    """
    path = GOLDEN / f"{name}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        if os.environ.get("CI"):
            raise RuntimeError("golden pages are written by hand and read by a person, never in CI")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return path.read_text("utf-8")

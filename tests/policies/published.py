"""The list of published policy files: a file in it is never edited, and adding one is all that can be done to it.

    python -m tests.policies.published    # adds the files that are not listed yet

`policies/published.sha256` has one line a file, sorted, in the format of `sha256sum --check`.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from policy_service.language.load import load
from policy_service.shipped import shipped_policies

LIST = "published.sha256"


class Edited(Exception):
    """Published files are not what they were, one a line."""


def published(folder: Path) -> dict[str, str]:
    """The digest each published file has for ever, by its path."""
    file = folder / LIST
    lines = file.read_text("ascii").splitlines() if file.exists() else []
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def shipped(folder: Path) -> dict[str, str]:
    """The digest each policy file has now, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*/*/*.yaml"))
    }


def edited(folder: Path) -> list[str]:
    """A sentence for every published file that is not what it was."""
    now = shipped(folder)
    return [
        f"{path} was published as {digest} and is {now.get(path, 'gone')}: "
        "put it back, and give the text a higher version"
        for path, digest in published(folder).items()
        if now.get(path) != digest
    ]


def publish(folder: Path) -> list[str]:
    """Adds the files that are not listed yet, and gives their paths. Raises Edited, PolicyError."""
    if faults := edited(folder):
        raise Edited("\n".join(faults))
    listed, now = published(folder), shipped(folder)
    new = [path for path in now if path not in listed]
    for path in new:
        load(folder / path)
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted({**now, **listed}.items()))
    (folder / LIST).write_text(lines, "ascii", newline="\n")
    return new


if __name__ == "__main__":
    try:
        sys.stdout.writelines(f"published {path}\n" for path in publish(shipped_policies()))
    except Edited as fault:
        sys.exit(str(fault))

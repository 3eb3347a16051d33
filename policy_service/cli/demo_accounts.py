"""The file of demo passwords, written by `init --demo` for people who try the service.

    demo-author       correct-horse-battery
    demo-integration  psk_…

A line has a name and its secret. The file is readable only by its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policy_service.cli.output import print_line
from policy_service.private_file import private_file

FILE = "demo-accounts.txt"


def demo_file(keys: Path) -> Path:
    """Return the path of the file, beside the folder of the keys."""
    return keys.parent / FILE


def save(file: Path, secrets: Mapping[str, str]) -> None:
    """Add names and their secrets, replacing earlier ones. Raises OSError."""
    merged = {**read(file), **secrets}
    width = max(map(len, merged), default=0)
    lines = "".join(f"{name:<{width}}  {secret}\n" for name, secret in sorted(merged.items()))
    with private_file(file) as output:
        output.write(lines.encode())


def read(file: Path) -> dict[str, str]:
    """Return the secrets by name; empty if there is no file."""
    if not file.exists():
        return {}
    lines = (line.split() for line in file.read_text("utf-8").splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004  # a name and its secret


def print_accounts(file: Path) -> None:
    """Print the stored accounts, or what to do if there are none."""
    secrets = read(file)
    if not secrets:
        print_line("the demo passwords are not kept any more: `policy-service account password NAME` gives another")
        return
    print_line(f"demo accounts, with their passwords, and the API key, as kept in {file}:")
    for name, secret in secrets.items():
        print_line(f"  {name:<22}  {secret}")

"""Checks that the registry says what it said when it was written, and that no submitted file was edited since."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, col, select

from policy_service.canonical import digest
from policy_service.messages import Message
from policy_service.registry.service import versions
from policy_service.registry.tables import ActivationRow, VersionRow


def check_files(session: Session, folder: Path) -> list[str]:
    """A sentence for every file `<domain>/<policy>/<version>.yaml` whose text is not the one that was submitted.

    Raises OSError when a file cannot be read.
    """
    problems: list[str] = []
    for row in versions(session):
        path = folder / row.policy / f"{row.version}.yaml"
        if path.is_file() and (current := digest(path.read_bytes())) != row.digest:
            problems.append(
                Message(
                    "{file} was edited after {policy} {version} was submitted: it was {digest}, it is {now}; "
                    "give the new text a higher version",
                    file=str(path),
                    policy=row.policy,
                    version=row.version,
                    digest=row.digest,
                    now=current,
                )
            )
    return problems


def verify_versions(session: Session) -> list[str]:
    """A sentence for every version whose bytes are not those of its digest, and every activation of another version."""
    rows = {row.digest: row for row in versions(session)}
    problems: list[str] = [
        Message(
            "{policy} {version} is not what was submitted: its text has the digest {now}, not {digest}",
            policy=row.policy,
            version=row.version,
            now=current,
            digest=row.digest,
        )
        for row in rows.values()
        if (current := digest(row.content)) != row.digest
    ]
    for activation in session.exec(select(ActivationRow).order_by(col(ActivationRow.seq))):
        version: VersionRow | None = rows.get(activation.digest)
        if version is None or (version.policy, version.version) != (activation.policy, activation.version):
            problems.append(
                Message(
                    "activation {activation} names {policy} {version}, "
                    "but its digest {digest} is not that of this version",
                    activation=activation.id,
                    policy=activation.policy,
                    version=activation.version,
                    digest=activation.digest,
                )
            )
    return problems

"""Checks that the registry was not altered, and that no submitted file was edited since."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from sqlmodel import Session, col, select

from policy_service.canonical import digest
from policy_service.database import Database, DatabaseUnavailable
from policy_service.database.file_check import damage_of, file_faults
from policy_service.messages import Message
from policy_service.registry.tables import ActivationRow, VersionRow

_BY_NAME = (col(VersionRow.policy), col(VersionRow.version))


def check_files(session: Session, folder: Path) -> list[str]:
    """Return a message for each file `<domain>/<policy>/<version>.yaml` whose text differs from the submitted one."""
    problems: list[str] = []
    files = {(f"{each.parts[-3]}/{each.parts[-2]}", each.stem): each for each in folder.glob("*/*/*.yaml")}
    columns = (VersionRow.policy, VersionRow.version, VersionRow.digest)
    with_files = col(VersionRow.policy).in_({policy for policy, _ in files})
    for policy, version, submitted in session.exec(select(*columns).where(with_files).order_by(*_BY_NAME)):
        path = files.get((policy, version))
        if path is not None and (current := digest(path.read_bytes())) != submitted:
            problems.append(
                Message(
                    "{file} was edited after {policy} {version} was submitted: it was {digest}, it is {now}; "
                    "give the new text a higher version",
                    file=str(path),
                    policy=policy,
                    version=version,
                    digest=submitted,
                    now=current,
                )
            )
    return problems


def verify_versions(session: Session) -> list[str]:
    """Return a message for each version that does not match its digest, and each activation of a missing version."""
    names: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    texts = select(VersionRow.policy, VersionRow.version, VersionRow.digest, VersionRow.content)
    for policy, version, submitted, content in session.exec(texts.order_by(*_BY_NAME)):
        names[submitted] = policy, version
        current = "none"
        with suppress(TypeError):  # text was written in place of bytes
            current = digest(content)
        if current != submitted:
            problems.append(
                Message(
                    "{policy} {version} is not what was submitted: its text has the digest {now}, not {digest}",
                    policy=policy,
                    version=version,
                    now=current,
                    digest=submitted,
                )
            )
    columns = (ActivationRow.id, ActivationRow.policy, ActivationRow.version, ActivationRow.digest)
    for id_, policy, version, named in session.exec(select(*columns).order_by(col(ActivationRow.seq))):
        if names.get(named) != (policy, version):
            problems.append(
                Message(
                    "activation {activation} names {policy} {version}, "
                    "but its digest {digest} is not that of this version",
                    activation=id_,
                    policy=policy,
                    version=version,
                    digest=named,
                )
            )
    return problems


def read_whole_file(url: str) -> list[str]:
    """Read every page of a SQLite file, and every version; return a message per fault. Raises DatabaseUnavailable."""
    try:
        with closing(Database(url)) as database, database.read() as session:
            return [*file_faults(session.connection(), "quick_check"), *verify_versions(session)]
    except DatabaseUnavailable as error:
        if (damage := damage_of(error)) is None:
            raise
        return [damage]

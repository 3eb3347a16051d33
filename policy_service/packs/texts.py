"""The versions of a pack: the files to the byte, each in sentences, and each against the one before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, get_args

from sqlmodel import Session

from policy_service.analysis.difference import difference
from policy_service.compilers.prose import explain
from policy_service.compilers.prose.table import one_line
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Language, Policy
from policy_service.packs.archive import Archive
from policy_service.packs.collecting import Collected
from policy_service.registry.service import load_version
from policy_service.registry.tables import VersionRow

LANGUAGES: tuple[Language, ...] = get_args(Language)
Step = Callable[[], None]
_HEADINGS = {"zh": "# {policy}：{old} 与 {new} 的差异", "en": "# {policy}: {new} against {old}"}


def write_versions(archive: Archive, session: Session, found: Collected, step: Step) -> list[dict[str, Any]]:
    """Writes every version; gives the list of them for the manifest."""
    listed = []
    for row in found.versions:
        name = f"versions/{row.policy}/{row.version}"
        archive.add(f"{name}.yaml", row.content)
        listed.append({"policy": row.policy, "version": row.version, "digest": row.digest, "file": f"{name}.yaml"})
        policy = _loaded(session, row, found)
        if policy is not None:
            for lang in LANGUAGES:
                archive.add_text(f"{name}.{lang}.md", explain(policy, lang))
        step()
    return listed


def write_differences(archive: Archive, session: Session, found: Collected, step: Step) -> None:
    """Writes how each version differs from the one before it in the pack."""
    for before, row in pairwise([None, *found.versions]):
        step()
        if before is None or row is None or before.policy != row.policy:
            continue
        old, new = _loaded(session, before, None), _loaded(session, row, None)
        if old is not None and new is not None:
            _write(archive, old, new)


def _write(archive: Archive, old: Policy, new: Policy) -> None:
    told = difference(old, new)
    name = f"differences/{new.id}/{old.version}..{new.version}"
    archive.add_json(f"{name}.json", told.to_dict())
    for lang in LANGUAGES:
        head = _HEADINGS[lang].format(policy=new.id, old=old.version, new=new.version)
        archive.add_text(
            f"{name}.{lang}.md", "\n".join([head, "", *(f"- {one_line(each)}" for each in told.sentences(lang))]) + "\n"
        )


def _loaded(session: Session, row: VersionRow, found: Collected | None) -> Policy | None:
    """The version as a policy; None when the language of today cannot read it, which is said once."""
    try:
        return load_version(session, row.digest)
    except PolicyError:
        if found is not None:
            found.leave_out(
                f"{row.policy} {row.version} 无法以现行语言读取，仅收录原文。",
                f"{row.policy} {row.version} cannot be read by the language of today: only its text is in the pack.",
            )
        return None

"""The versions of a pack: the original files, each in words, and the differences between successive versions."""

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
from policy_service.packs.contents import PackContents
from policy_service.registry.service import load_version
from policy_service.registry.tables import VersionRow

LANGUAGES: tuple[Language, ...] = get_args(Language)
StepCallback = Callable[[], None]
_HEADINGS = {"zh": "# {policy}：{old} 与 {new} 的差异", "en": "# {policy}: {new} against {old}"}


def write_versions(
    archive: Archive, session: Session, contents: PackContents, step: StepCallback
) -> list[dict[str, Any]]:
    """Write every version; return the list of them for the manifest."""
    entries = []
    for row in contents.versions:
        name = f"versions/{row.policy}/{row.version}"
        archive.add(f"{name}.yaml", row.content)
        entries.append({"policy": row.policy, "version": row.version, "digest": row.digest, "file": f"{name}.yaml"})
        policy = _load_policy(session, row, contents)
        if policy is not None:
            for lang in LANGUAGES:
                archive.add_text(f"{name}.{lang}.md", explain(policy, lang))
        step()
    return entries


def write_differences(archive: Archive, session: Session, contents: PackContents, step: StepCallback) -> None:
    """Write how each version differs from the one before it in the pack."""
    for previous, row in pairwise([None, *contents.versions]):
        step()
        if previous is None or row is None or previous.policy != row.policy:
            continue
        old, new = _load_policy(session, previous, None), _load_policy(session, row, None)
        if old is not None and new is not None:
            _write(archive, old, new)


def _write(archive: Archive, old: Policy, new: Policy) -> None:
    diff = difference(old, new)
    name = f"differences/{new.id}/{old.version}..{new.version}"
    archive.add_json(f"{name}.json", diff.to_dict())
    for lang in LANGUAGES:
        head = _HEADINGS[lang].format(policy=new.id, old=old.version, new=new.version)
        archive.add_text(
            f"{name}.{lang}.md", "\n".join([head, "", *(f"- {one_line(each)}" for each in diff.sentences(lang))]) + "\n"
        )


def _load_policy(session: Session, row: VersionRow, contents: PackContents | None) -> Policy | None:
    """Return the version as a policy; None if today's language cannot parse it, which is noted once."""
    try:
        return load_version(session, row.digest)
    except PolicyError:
        if contents is not None:
            contents.add_omission(
                f"{row.policy} {row.version} 无法以现行语言读取，仅收录原文。",
                f"{row.policy} {row.version} cannot be read by the language of today: only its text is in the pack.",
            )
        return None

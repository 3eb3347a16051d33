"""Builds a pack: collects its contents, writes them part by part, and signs the list of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.audit.keys import PublicKey, Signer
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.decisions.subjects import FactCipher
from policy_service.packs.archive import Archive, pretty
from policy_service.packs.contents import PackContents, collect
from policy_service.packs.decision_records import write_decisions
from policy_service.packs.entries import Proofs
from policy_service.packs.governance import write_changes, write_overrides, write_suspensions, write_timeline
from policy_service.packs.log import write_log
from policy_service.packs.readme import write_readme
from policy_service.packs.scope import Scope
from policy_service.packs.site import write_site
from policy_service.packs.texts import write_differences, write_versions

FORMAT = 2
"""The format of the pack; from 2 on it includes the log entry of everything shown."""
KIND = "pack"
MANIFEST, SIGNATURE = "manifest.json", "manifest.signature.json"
PackProgress = Callable[[int, int], None]
"""Progress callback: items written, items in total."""


@dataclass(frozen=True, slots=True)
class PackContext:
    """The context of a pack: its requester, the instant, and the key that signs its manifest."""

    fact_cipher: FactCipher
    signer: Signer
    by: str
    """The printed name of the requester."""
    now: datetime
    zone: ZoneInfo
    """The company's time zone, shown first."""


def make_pack(
    session: Session, context: PackContext, scope: Scope, file: Path, on_progress: PackProgress
) -> dict[str, Any]:
    """Write a pack, and return its manifest. Raises LogNotSigned, InvalidSubject."""
    contents = collect(session, scope, context.now)
    proofs = Proofs(session)
    total = 2 * len(contents.versions) + len(contents.changes) + len(contents.sample.rows) + len(contents.entries)
    progress = _Progress(on_progress, total)
    with Archive(file) as archive:
        versions = write_versions(archive, session, contents, progress.step)
        write_differences(archive, session, contents, progress.step)
        signatures = write_changes(archive, session, contents, context.zone, progress.step)
        write_suspensions(archive, contents)
        write_timeline(archive, contents)
        write_overrides(archive, contents)
        decisions = write_decisions(
            archive, session, contents, proofs, context.fact_cipher, context.zone, progress.step
        )
        unsigned = write_log(archive, session, contents, proofs, context.zone, progress.step)
        verdicts = Counter(each.verdict for each in decisions)
        counts = {
            "versions": len(contents.versions),
            "changes": len(contents.changes),
            "signatures": signatures,
            "suspensions": len(contents.suspensions),
            "activations": len(contents.activations),
            "overrides": len(contents.overrides),
            "decisions": len(contents.sample.rows),
            "entries": len(contents.entries),
            "entries_without_proof": unsigned,
            **{f"replayed_{verdict}": number for verdict, number in sorted(verdicts.items())},
        }
        head = _manifest_head(context, scope, contents, proofs, counts)
        write_readme(archive, head, context.signer.public)
        write_site(archive, session, contents, head, decisions, context.signer.public.id)
        manifest = {**head, "versions": versions, "files": archive.files}
        _sign(archive, manifest, context)
    return manifest


def _manifest_head(
    context: PackContext, scope: Scope, contents: PackContents, proofs: Proofs, counts: dict[str, int]
) -> dict[str, Any]:
    """Return the head of the manifest, before its lists."""
    extent = proofs.checkpoint.extent
    return {
        "kind": KIND,
        "format": FORMAT,
        "made_at": timestamp(context.now),
        "made_for": context.by,
        "zone": context.zone.key,
        "scope": scope.to_dict(),
        "log": {
            "id": proofs.log,
            "size": extent.size,
            "root": extent.root,
            "head": extent.head,
            "signed_at": proofs.checkpoint.at,
        },
        "counts": counts,
        "cut": sorted(contents.truncated_kinds),
        "left_out": [each.to_dict() for each in contents.omissions],
    }


def _sign(archive: Archive, manifest: dict[str, Any], context: PackContext) -> None:
    """Add the manifest and the signature on its digest."""
    content = pretty(manifest)
    archive.add_unlisted(MANIFEST, content)
    payload = {"kind": KIND, "manifest": digest(content), "at": timestamp(context.now)}
    archive.add_unlisted(SIGNATURE, context.signer.sign_line(payload))


def is_signed(line: dict[str, Any], manifest: bytes, key: PublicKey) -> bool:
    """Return True if the signature of a manifest is this key's."""
    return line.get("manifest") == digest(manifest) and line.get("key") == key.id and key.verifies(line)


class _Progress:
    """Counts what was written."""

    def __init__(self, on_progress: PackProgress, total: int) -> None:
        self._tick, self._total, self._done = on_progress, total, 0
        on_progress(0, total)

    def step(self) -> None:
        """Count one more item."""
        self._done += 1
        self._tick(self._done, self._total)

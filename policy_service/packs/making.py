"""Makes a pack: collects what concerns it, writes it part by part, and signs the list of all that was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from policy_service.audit.keys import PublicKey, Signer
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.decisions.subjects import Secrets
from policy_service.packs.archive import Archive, pretty
from policy_service.packs.collecting import Collected, collect
from policy_service.packs.entries import Proofs
from policy_service.packs.governance import write_changes, write_overrides, write_suspensions, write_timeline
from policy_service.packs.log import write_log
from policy_service.packs.readme import write_readme
from policy_service.packs.recorded import write_decisions
from policy_service.packs.scope import Scope
from policy_service.packs.texts import write_differences, write_versions

FORMAT = 2
"""From 2 on a pack has the entry of everything that it shows."""
KIND = "pack"
MANIFEST, SIGNATURE = "manifest.json", "manifest.signature.json"
Tick = Callable[[int, int], None]
"""Is told how many things are written, and how many there are."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What a pack is made with: who asked for it, when, and the key that its manifest is signed with."""

    secrets: Secrets
    signing: Signer
    by: str
    """The printed name of who asked for it."""
    now: datetime


def make_pack(session: Session, maker: Maker, scope: Scope, file: Path, tick: Tick) -> dict[str, Any]:
    """Writes a pack, and gives its manifest. Raises NotSigned, InvalidSubject."""
    found = collect(session, scope, maker.now)
    proofs = Proofs(session)
    total = 2 * len(found.versions) + len(found.changes) + len(found.sample.rows) + len(found.entries)
    progress = _Progress(tick, total)
    with Archive(file) as archive:
        versions = write_versions(archive, session, found, progress.step)
        write_differences(archive, session, found, progress.step)
        signatures = write_changes(archive, session, found, progress.step)
        write_suspensions(archive, found)
        write_timeline(archive, found)
        write_overrides(archive, found)
        verdicts = write_decisions(archive, session, found, proofs, maker.secrets, progress.step)
        unsigned = write_log(archive, session, found, proofs, progress.step)
        counts = {
            "versions": len(found.versions),
            "changes": len(found.changes),
            "signatures": signatures,
            "suspensions": len(found.suspensions),
            "activations": len(found.activations),
            "overrides": len(found.overrides),
            "decisions": len(found.sample.rows),
            "entries": len(found.entries),
            "entries_without_proof": unsigned,
            **{f"replayed_{verdict}": number for verdict, number in verdicts.items()},
        }
        head = _head(maker, scope, found, proofs, counts)
        write_readme(archive, head, maker.signing.public)
        manifest = {**head, "versions": versions, "files": archive.files}
        _sign(archive, manifest, maker)
    return manifest


def _head(maker: Maker, scope: Scope, found: Collected, proofs: Proofs, counts: dict[str, int]) -> dict[str, Any]:
    """What the manifest says before it lists anything."""
    extent = proofs.checkpoint.extent
    return {
        "kind": KIND,
        "format": FORMAT,
        "made_at": timestamp(maker.now),
        "made_for": maker.by,
        "scope": scope.to_dict(),
        "log": {
            "id": proofs.log,
            "size": extent.size,
            "root": extent.root,
            "head": extent.head,
            "signed_at": proofs.checkpoint.at,
        },
        "counts": counts,
        "cut": sorted(found.cut),
        "left_out": [each.to_dict() for each in found.left_out],
    }


def _sign(archive: Archive, manifest: dict[str, Any], maker: Maker) -> None:
    """Adds the manifest and the signature on its digest."""
    content = pretty(manifest)
    archive.add_unlisted(MANIFEST, content)
    said = {"kind": KIND, "manifest": digest(content), "at": timestamp(maker.now)}
    archive.add_unlisted(SIGNATURE, maker.signing.line(said))


def is_signed(line: dict[str, Any], manifest: bytes, key: PublicKey) -> bool:
    """Whether the signature of a manifest is this key's."""
    return line.get("manifest") == digest(manifest) and line.get("key") == key.id and key.signed(line)


class _Progress:
    """Counts what was written."""

    def __init__(self, tick: Tick, total: int) -> None:
        self._tick, self._total, self._done = tick, total, 0
        tick(0, total)

    def step(self) -> None:
        """One thing more."""
        self._done += 1
        self._tick(self._done, self._total)

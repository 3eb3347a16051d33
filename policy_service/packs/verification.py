"""Verifies a pack with nothing but a public key: its list, its signature, and the consistency of its parts."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from policy_service.audit.export import read_keys
from policy_service.audit.keys import InvalidSignedLine, PublicKey, read_signed
from policy_service.audit.verdict import VerificationFailed
from policy_service.integrity import JSON_ERRORS
from policy_service.packs.builder import FORMAT, KIND, MANIFEST, SIGNATURE, is_signed
from policy_service.packs.checks import (
    PackFiles,
    check_changes,
    check_counts,
    check_decisions,
    check_entries,
    check_log,
    check_versions,
)
from policy_service.packs.governance_checks import check_governance
from policy_service.packs.log import KEYS

MAX_FILES = 20_000
MAX_BYTES = 4 * 2**30
"""Maximum unpacked size of all files, bytes."""
MAX_FAULTS = 200
VerifyProgress = Callable[[int, int], None]


class InvalidPack(ValueError):
    """The file is not a pack; the message says why."""


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """The extent verified, and every fault found, as messages that name the file."""

    files: int
    manifest: Mapping[str, Any]
    faults: tuple[str, ...]

    @property
    def is_fine(self) -> bool:
        """True if no fault was found."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        fields = {
            name: self.manifest.get(name) for name in ("made_at", "made_for", "scope", "log", "counts", "left_out")
        }
        return {"fine": self.is_fine, "files": self.files, **fields, "faults": list(self.faults)}


def verify_pack(
    file: Path, trusted: Sequence[PublicKey], on_progress: VerifyProgress = lambda _done, _of: None
) -> PackVerdict:
    """Verify every file of a pack. Raises InvalidPack, OSError."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _verify(archive, trusted, on_progress)
    except zipfile.BadZipFile:
        raise InvalidPack("it is no zip, or a damaged one") from None


def _verify(archive: zipfile.ZipFile, trusted: Sequence[PublicKey], on_progress: VerifyProgress) -> PackVerdict:
    names = _names(archive)
    content = _read(archive, MANIFEST)
    manifest = _manifest(content)
    pack = PackFiles(archive, manifest["files"])
    faults = _signature_faults(archive, content, trusted, pack)
    faults += _listed_faults(names, pack, on_progress)
    for check in (
        check_entries,
        check_log,
        check_versions,
        check_changes,
        check_governance,
        check_decisions,
        check_counts,
    ):
        faults += check(pack, manifest, trusted)
    return PackVerdict(len(names), manifest, tuple(dict.fromkeys(faults))[:MAX_FAULTS])


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the files. Raises InvalidPack if required ones are missing, or there are too many."""
    infos = archive.infolist()
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_BYTES:
        raise InvalidPack("it holds more than any pack does")
    names = [info.filename for info in infos]
    if MANIFEST not in names:
        raise InvalidPack(f"it holds no {MANIFEST}")
    return names


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a file that everything else depends on. Raises InvalidPack, KeyError."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise InvalidPack(f"its {name} cannot be read") from None


def _manifest(content: bytes) -> dict[str, Any]:
    """Return the list of a pack. Raises InvalidPack."""
    try:
        payload = msgspec.json.decode(content)
        if (
            payload["kind"] == KIND
            and payload["format"] in {1, FORMAT}
            and _is_list(payload["files"])
            and "counts" in payload
        ):
            manifest: dict[str, Any] = payload
            return manifest
    except (*JSON_ERRORS, KeyError, TypeError):
        pass
    raise InvalidPack(f"{MANIFEST} is not the list of a pack")


def _is_list(files: Any) -> bool:  # noqa: ANN401  # whatever JSON says
    return isinstance(files, dict) and all(isinstance(each, dict) for each in files.values())


def _signature_faults(
    archive: zipfile.ZipFile, manifest: bytes, trusted: Sequence[PublicKey], pack: PackFiles
) -> list[str]:
    """List the faults of the list's signature: by the key in use, trusted or endorsed from a trusted one."""
    try:
        payload = read_signed(_read(archive, SIGNATURE), KIND)
    except (InvalidSignedLine, KeyError):
        return [f"{SIGNATURE} is not there, or was altered"]
    try:
        keys = read_keys(pack.lines(KEYS), trusted)
    except VerificationFailed as error:
        return [f"{KEYS}: {error.fault.message}"]
    if keys.in_use is None or not keys.is_trusted():
        return [f"{KEYS}: no key in it is trusted, or endorsed from one that is"]
    if not is_signed(payload, manifest, keys.in_use):
        return [f"{MANIFEST} was altered: it is not the one that was signed"]
    return []


def _listed_faults(names: Sequence[str], pack: PackFiles, on_progress: VerifyProgress) -> list[str]:
    """Return the faults of files that differ from the list, are missing, or are not in it."""
    faults = [f"{name} stands in it twice" for name in {name for name in names if names.count(name) > 1}]
    listed = pack.listed
    faults += [f"{name} is not on the list of the pack" for name in names if name not in {*listed, MANIFEST, SIGNATURE}]
    for number, name in enumerate(listed, 1):
        if name not in names:
            faults.append(f"{name} was removed")
        elif not pack.matches_listing(name):
            faults.append(f"{name} was altered: it does not have the digest that the list says")
        on_progress(number, len(listed))
    return faults

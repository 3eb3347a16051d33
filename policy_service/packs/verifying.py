"""Verifies a pack by itself and a public key: its list, its signature, and what its parts say of each other."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from policy_service.audit.export import read_keys
from policy_service.audit.keys import Damaged, PublicKey, read_signed
from policy_service.audit.verdict import Broken
from policy_service.packs.checks import (
    Opened,
    check_changes,
    check_counts,
    check_decisions,
    check_entries,
    check_log,
    check_versions,
)
from policy_service.packs.log import KEYS
from policy_service.packs.making import FORMAT, KIND, MANIFEST, SIGNATURE, is_signed
from policy_service.packs.shown import check_shown

MAX_FILES = 20_000
MAX_BYTES = 4 * 2**30
"""Bytes of all files unpacked; what is larger is no pack."""
MAX_FAULTS = 200
Tick = Callable[[int, int], None]


class NotAPack(ValueError):
    """The file is no pack at all; the message says why."""


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What was looked at, and every fault that was found, as a sentence that names the file."""

    files: int
    manifest: Mapping[str, Any]
    faults: tuple[str, ...]

    @property
    def is_fine(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        said = {name: self.manifest.get(name) for name in ("made_at", "made_for", "scope", "log", "counts", "left_out")}
        return {"fine": self.is_fine, "files": self.files, **said, "faults": list(self.faults)}


def verify_pack(file: Path, trusted: Sequence[PublicKey], tick: Tick = lambda _done, _of: None) -> PackVerdict:
    """Looks at every file of a pack. Raises NotAPack, OSError."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _verify(archive, trusted, tick)
    except zipfile.BadZipFile:
        raise NotAPack("it is no zip, or a damaged one") from None


def _verify(archive: zipfile.ZipFile, trusted: Sequence[PublicKey], tick: Tick) -> PackVerdict:
    names = _names(archive)
    content = _read(archive, MANIFEST)
    manifest = _manifest(content)
    opened = Opened(archive, manifest["files"])
    faults = _signature_faults(archive, content, trusted, opened)
    faults += _listed_faults(names, opened, tick)
    for check in (check_entries, check_log, check_versions, check_changes, check_shown, check_decisions, check_counts):
        faults += check(opened, manifest, trusted)
    return PackVerdict(len(names), manifest, tuple(dict.fromkeys(faults))[:MAX_FAULTS])


def _names(archive: zipfile.ZipFile) -> list[str]:
    """The names of the files. Raises NotAPack when there are none to verify by, or too many."""
    infos = archive.infolist()
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_BYTES:
        raise NotAPack("it holds more than any pack does")
    names = [info.filename for info in infos]
    if MANIFEST not in names:
        raise NotAPack(f"it holds no {MANIFEST}")
    return names


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """What stands in a file that everything else hangs on. Raises NotAPack, KeyError."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise NotAPack(f"its {name} cannot be read") from None


def _manifest(content: bytes) -> dict[str, Any]:
    """The list of a pack. Raises NotAPack."""
    try:
        said = msgspec.json.decode(content)
        if said["kind"] == KIND and said["format"] in {1, FORMAT} and _is_list(said["files"]) and "counts" in said:
            manifest: dict[str, Any] = said
            return manifest
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError):
        pass
    raise NotAPack(f"{MANIFEST} is not the list of a pack")


def _is_list(files: Any) -> bool:  # noqa: ANN401  # whatever JSON says
    return isinstance(files, dict) and all(isinstance(each, dict) for each in files.values())


def _signature_faults(
    archive: zipfile.ZipFile, manifest: bytes, trusted: Sequence[PublicKey], opened: Opened
) -> list[str]:
    """What is wrong with the signature on the list: it is by the key in use, trusted or endorsed from one that is."""
    try:
        said = read_signed(_read(archive, SIGNATURE), KIND)
    except (Damaged, KeyError):
        return [f"{SIGNATURE} is not there, or was altered"]
    try:
        keys = read_keys(opened.lines(KEYS), trusted)
    except Broken as broken:
        return [f"{KEYS}: {broken.fault.sentence}"]
    if keys.in_use is None or not keys.is_trusted():
        return [f"{KEYS}: no key in it is trusted, or endorsed from one that is"]
    if not is_signed(said, manifest, keys.in_use):
        return [f"{MANIFEST} was altered: it is not the one that was signed"]
    return []


def _listed_faults(names: Sequence[str], opened: Opened, tick: Tick) -> list[str]:
    """Files that are not what the list says, missing, or not on it."""
    faults = [f"{name} stands in it twice" for name in {name for name in names if names.count(name) > 1}]
    listed = opened.listed
    faults += [f"{name} is not on the list of the pack" for name in names if name not in {*listed, MANIFEST, SIGNATURE}]
    for number, name in enumerate(listed, 1):
        if name not in names:
            faults.append(f"{name} was removed")
        elif not opened.is_as_listed(name):
            faults.append(f"{name} was altered: it does not have the digest that the list says")
        tick(number, len(listed))
    return faults

"""What the parts of a pack must say of each other: entries and their proofs, versions, signatures, decisions.

Each check gives a sentence for everything that is not right, and begins it with the name of the file.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from policy_service.audit.chain import Entry, NotAnEntry, read_entry
from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.export import read_keys
from policy_service.audit.keys import Damaged, PublicKey
from policy_service.audit.proofs import KIND, NotProved, verify_proof
from policy_service.audit.verdict import Broken
from policy_service.audit.verify import Keys
from policy_service.canonical import NotCanonicalError, digest, digest_of
from policy_service.decisions.record import read_record
from policy_service.packs.archive import table
from policy_service.packs.log import CHECKPOINT, CHECKPOINTS, ENTRIES, HEADINGS, KEYS, TABLE, cells
from policy_service.packs.recorded import DECISIONS, decision_cells, readable
from policy_service.packs.recorded import HEADINGS as DECISION_HEADINGS

SUBMITTED = ("version_submitted", "version_imported")
SIGNED = "change_signed_off"
Json = Mapping[str, Any]


class Opened:
    """The files of a pack, and the list of them. One that cannot be read is empty, and so not what the list says."""

    def __init__(self, archive: zipfile.ZipFile, listed: Mapping[str, Json]) -> None:
        self._archive = archive
        self.listed = listed
        self.entries: list[Entry] = []
        """The entries whose lines are right, in the order of the log."""

    def read(self, name: str) -> bytes:
        """What stands in a file."""
        try:
            return self._archive.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            return b""

    def lines(self, name: str) -> list[bytes]:
        """The lines of a file."""
        return self.read(name).splitlines()

    def json(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON says
        """What a file says; None when it is no JSON."""
        try:
            return msgspec.json.decode(self.read(name))
        except (msgspec.MsgspecError, RecursionError):
            return None

    def named(self, folder: str, end: str) -> list[str]:
        """The listed files in a folder whose names end like that."""
        return [name for name in self.listed if name.startswith(f"{folder}/") and name.endswith(end)]

    def is_as_listed(self, name: str) -> bool:
        """Whether a file has the digest and the size that the list says."""
        content = self.read(name)
        said = self.listed[name]
        return (said.get("sha256"), said.get("size")) == (hashlib.sha256(content).hexdigest(), len(content))


def check_entries(opened: Opened, _: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """Every entry is one, and in the log that the checkpoint was signed for."""
    checkpoint = opened.read(CHECKPOINT).decode(errors="replace")
    keys = [line.decode(errors="replace") for line in opened.lines(KEYS)]
    for number, line in enumerate(opened.lines(ENTRIES), 1):
        listed = _entry(line)
        if listed is None:
            yield f"{ENTRIES}: line {number} was altered: it holds no entry"
            continue
        said, entry = listed
        opened.entries.append(entry)
        if said["path"] is None:
            continue  # it is counted as one without a proof
        proof = {"kind": KIND, "seq": entry.seq, "entry": said["entry"], "path": said["path"]}
        try:
            verify_proof({**proof, "checkpoint": checkpoint, "keys": keys}, trusted)
        except NotProved as fault:
            yield f"{ENTRIES}: entry {entry.seq}: {fault}"


def _entry(line: bytes) -> tuple[Json, Entry] | None:
    """What a line says, and the entry in it; None when it holds none."""
    try:
        said = msgspec.json.decode(line)
        entry = read_entry(said["entry"].encode())
        return (said, entry) if (said["seq"], "path" in said) == (entry.seq, True) else None
    except (msgspec.MsgspecError, NotAnEntry, KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None


def check_versions(opened: Opened, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """Every policy file has its digest, and an entry of the log names it."""
    told = {(said.get("policy"), said.get("version"), said.get("digest")) for said in _events(opened, *SUBMITTED)}
    for version in objects(manifest.get("versions")):
        file = str(version.get("file"))
        if digest(opened.read(file)) != version.get("digest"):
            yield f"{file} was altered: it does not have the digest of the version"
        if (version.get("policy"), version.get("version"), version.get("digest")) not in told:
            yield f"{file}: no entry of the log says that it was submitted or imported"


def check_changes(opened: Opened, _: Json, __: Sequence[PublicKey]) -> Iterator[str]:
    """Every signature is on the digest of what was submitted, and in the log; every report is as it was frozen."""
    signed = {_signature(said.get("change"), said, said.get("printed_name")) for said in _events(opened, SIGNED)}
    for file in opened.named("changes", "/change.json"):
        change = opened.json(file)
        if isinstance(change, dict):
            yield from (f"{file}{fault}" for fault in _change_faults(change, file.split("/")[-2], signed))
        else:
            yield f"{file} was altered: it holds no change"
    for file in opened.named("changes", ".json"):
        name = file.rpartition("/")[2].removesuffix(".json")
        if "/reports/" in file and digest(opened.read(file)) != f"sha256:{name}":
            yield f"{file} was altered: it does not have the digest of the report"


def _change_faults(change: Json, name: str, signed: Collection[tuple[object, ...]]) -> Iterator[str]:
    """What is wrong with the submissions and the signatures of a change; `signed` are those that the log tells of."""
    if change.get("change") != name:
        yield " was altered: it is about another change"
    submitted, given = set(), set()
    for each in objects(change.get("submissions")):
        said = each.get("submission")
        if _digest_of({"change": change.get("change"), **(said if isinstance(said, dict) else {})}) != each.get(
            "digest"
        ):
            yield f" was altered: what was submitted does not have the digest {each.get('digest')}"
        submitted.add(each.get("digest"))
    for acted in objects(change.get("actions")):
        if acted.get("action") != "sign_off":
            continue
        by = acted["by"].get("printed_name") if isinstance(acted.get("by"), dict) else None
        if acted.get("digest") not in submitted:
            yield f": {by} signed {acted.get('digest')}, which was never submitted"
        given.add(signature := _signature(name, acted, by))
        if signature not in signed:
            yield f": no entry of the log says that {by} signed as {acted.get('role')}"
    for signature in signed:
        if signature[0] == name and signature not in given:
            yield f" was altered: it does not tell that {signature[-1]} signed as {signature[2]}"


def check_log(opened: Opened, manifest: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """The checkpoints are signed and of one log, and what is shown beside entries and keys is what they say."""
    keys = Keys(trusted)
    with suppress(Broken):
        keys = read_keys(opened.lines(KEYS), trusted)
    log = (manifest.get("log") or {}).get("id")
    for number, line in enumerate([*opened.lines(CHECKPOINTS), opened.read(CHECKPOINT)], 1):
        try:
            checkpoint = read_checkpoint(line)
        except Damaged:
            yield f"{CHECKPOINTS}: line {number} was altered: it holds no checkpoint"
            continue
        if not any(checkpoint.is_by(key) for key in keys.named.values()):
            yield f"{CHECKPOINTS}: line {number} is signed with no key of the log"
        if checkpoint.log not in {None, log} and log is not None:
            yield f"{CHECKPOINTS}: line {number} is of another log, {checkpoint.log}; the pack is of {log}"
    for number, key in enumerate(keys.named.values(), 1):
        if opened.read(name := f"audit/public-key-{number}.pem") != key.to_pem().encode():
            yield f"{name} was altered: it is not key {number} of the log"
    if opened.lines(CHECKPOINTS)[:1] != opened.lines(CHECKPOINT):
        yield f"{CHECKPOINTS} was altered: the newest is not {CHECKPOINT}"
    if opened.read(TABLE) != _table(opened.entries):
        yield f"{TABLE} was altered: it does not show what {ENTRIES} does"


def _table(entries: Sequence[Entry]) -> bytes | None:
    """The entries as a table; None when one of them is none of the events there are."""
    try:
        return table(HEADINGS, map(cells, entries))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return None


def check_counts(opened: Opened, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """The figures of the manifest are those of what is there."""
    signatures = sum(
        action.get("action") == "sign_off"
        for name in opened.named("changes", "/change.json")
        if isinstance(change := opened.json(name), dict)
        for action in objects(change.get("actions"))
    )
    found = {
        "versions": len(objects(manifest.get("versions"))),
        "changes": len(opened.named("changes", "/change.json")),
        "signatures": signatures,
        "suspensions": len(opened.named("suspensions", ".json")),
        "activations": len(objects(opened.json("timeline.json"))),
        "overrides": len(objects(opened.json("overrides.json"))),
        "decisions": len(opened.named("decisions", "/record.json")),
        "entries": len(opened.entries),
    }
    counts = manifest["counts"] if isinstance(manifest["counts"], dict) else {}
    for name, count in found.items():
        if counts.get(name) != count:
            yield f"the manifest counts {counts.get(name)} {name}, and {count} are there"


def check_decisions(opened: Opened, _: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """Every proof holds, every record says what was sealed, and the table shows what they do."""
    yield from _decision_table(opened)
    for file in opened.named("decisions", "/proof.json"):
        try:
            sealed = _sealed(opened.json(file) or {}, trusted)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:  # also NotProved
            yield f"{file}: {fault}"
            continue
        folder = file.rpartition("/")[0]
        if opened.json(f"{folder}/record.json") != sealed:
            yield f"{folder}/record.json was altered: it does not say what was sealed"
        replayed = opened.json(f"{folder}/replay.json")
        if not isinstance(replayed, dict) or replayed.get("decision_id") != sealed["decision_id"]:
            yield f"{folder}/replay.json was altered: it is about another decision"


def _decision_table(opened: Opened) -> Iterator[str]:
    rows = []
    for file in opened.named("decisions", "/record.json"):
        folder = file.rpartition("/")[0]
        replayed = opened.json(f"{folder}/replay.json")
        verdict = replayed.get("verdict") if isinstance(replayed, dict) else None
        try:
            rows.append(decision_cells(opened.json(file), verdict, is_proved=f"{folder}/proof.json" in opened.listed))
        except (KeyError, TypeError, AttributeError, ValueError):
            yield f"{file} was altered: it holds no record"
            return
    if rows and opened.read(DECISIONS) != table(DECISION_HEADINGS, rows):
        yield f"{DECISIONS} was altered: it does not show what the records do"


def _sealed(proof: Json, trusted: Sequence[PublicKey]) -> Json:
    """The record that a proof holds, as it is shown. Raises NotProved, and others when it holds none."""
    proved = verify_proof(proof, trusted).record
    if proved is None:
        raise NotProved("it is the proof of no record")
    shown: Json = msgspec.json.decode(msgspec.json.encode(readable(read_record(proved.line.encode()))))
    return shown


def _events(opened: Opened, *names: str) -> Iterator[Json]:
    return (each.body for each in opened.entries if each.event in names)


def _signature(change: object, said: Json, printed_name: object) -> tuple[object, ...]:
    """What tells one signature from another."""
    return (change, said.get("digest"), said.get("role"), said.get("meaning"), printed_name)


def objects(listed: object) -> list[Json]:
    """The objects of a list; nothing else that may stand in it."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _digest_of(value: object) -> str | None:
    try:
        return digest_of(value)
    except NotCanonicalError:
        return None

"""Checks that the parts of a pack are consistent: entries and their proofs, versions, signatures, decisions.

Each check yields a message for every fault, beginning with the name of the file.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from policy_service.audit.chain import Entry, InvalidEntry, read_entry
from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.export import read_keys
from policy_service.audit.keys import InvalidSignedLine, PublicKey
from policy_service.audit.proofs import KIND, InvalidProof, verify_proof
from policy_service.audit.verdict import VerificationFailed
from policy_service.audit.verify import KeyChain
from policy_service.canonical import NotCanonicalError, digest, digest_of
from policy_service.decisions.record import read_record
from policy_service.integrity import JSON_ERRORS
from policy_service.packs.archive import table
from policy_service.packs.decision_records import DECISIONS, decision_cells, readable
from policy_service.packs.decision_records import HEADINGS as DECISION_HEADINGS
from policy_service.packs.log import CHECKPOINT, CHECKPOINTS, ENTRIES, HEADINGS, KEYS, OLD_HEADINGS, TABLE, cells
from policy_service.packs.times import zone_of

SUBMITTED = ("version_submitted", "version_imported")
SIGNED = "change_signed_off"
Json = Mapping[str, Any]


class PackFiles:
    """The files of a pack, and the list of them. An unreadable file reads as empty, and so does not match the list."""

    def __init__(self, archive: zipfile.ZipFile, listed: Mapping[str, Json]) -> None:
        self._archive = archive
        self.listed = listed
        self.entries: list[Entry] = []
        """The valid entries, in the order of the log."""

    def read(self, name: str) -> bytes:
        """Read the bytes of a file."""
        try:
            return self._archive.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            return b""

    def lines(self, name: str) -> list[bytes]:
        """Return the lines of a file."""
        return self.read(name).splitlines()

    def json(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON says
        """Parse a file; return None if it is no JSON."""
        try:
            return msgspec.json.decode(self.read(name))
        except JSON_ERRORS:
            return None

    def files_in(self, folder: str, end: str) -> list[str]:
        """Return the listed files in a folder whose names have an ending."""
        return [name for name in self.listed if name.startswith(f"{folder}/") and name.endswith(end)]

    def matches_listing(self, name: str) -> bool:
        """Return True if a file has the listed digest and size."""
        content = self.read(name)
        listing = self.listed[name]
        return (listing.get("sha256"), listing.get("size")) == (hashlib.sha256(content).hexdigest(), len(content))


def check_entries(pack: PackFiles, _: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """Check that every entry is valid, and proved to be in the log that the checkpoint signs."""
    checkpoint = pack.read(CHECKPOINT).decode(errors="replace")
    keys = [line.decode(errors="replace") for line in pack.lines(KEYS)]
    for number, line in enumerate(pack.lines(ENTRIES), 1):
        parsed = _entry(line)
        if parsed is None:
            yield f"{ENTRIES}: line {number} was altered: it holds no entry"
            continue
        proof_json, entry = parsed
        pack.entries.append(entry)
        if proof_json["path"] is None:
            continue  # it is counted as one without a proof
        proof = {"kind": KIND, "seq": entry.seq, "entry": proof_json["entry"], "path": proof_json["path"]}
        try:
            verify_proof({**proof, "checkpoint": checkpoint, "keys": keys}, trusted)
        except InvalidProof as error:
            yield f"{ENTRIES}: entry {entry.seq}: {error}"


def _entry(line: bytes) -> tuple[Json, Entry] | None:
    """Parse a line and the entry in it; return None if it holds none."""
    try:
        payload = msgspec.json.decode(line)
        entry = read_entry(payload["entry"].encode())
        return (payload, entry) if (payload["seq"], "path" in payload) == (entry.seq, True) else None
    except (*JSON_ERRORS, InvalidEntry, KeyError, TypeError, AttributeError, UnicodeEncodeError):
        return None


def check_versions(pack: PackFiles, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """Check that every policy file matches its digest, which an entry of the log names."""
    logged = {(body.get("policy"), body.get("version"), body.get("digest")) for body in _events(pack, *SUBMITTED)}
    for version in objects(manifest.get("versions")):
        file = str(version.get("file"))
        if digest(pack.read(file)) != version.get("digest"):
            yield f"{file} was altered: it does not have the digest of the version"
        if (version.get("policy"), version.get("version"), version.get("digest")) not in logged:
            yield f"{file}: no entry of the log says that it was submitted or imported"


def check_changes(pack: PackFiles, _: Json, __: Sequence[PublicKey]) -> Iterator[str]:
    """Check that every signature is on a submitted digest and in the log, and every report and evidence unaltered."""
    logged_signatures = {
        _signature(body.get("change"), body, body.get("printed_name")) for body in _events(pack, SIGNED)
    }
    for file in pack.files_in("changes", "/change.json"):
        change = pack.json(file)
        if isinstance(change, dict):
            yield from (f"{file}{fault}" for fault in _change_faults(change, file.split("/")[-2], logged_signatures))
        else:
            yield f"{file} was altered: it holds no change"
    for file in pack.files_in("changes", ""):
        name = file.rpartition("/")[2].partition(".")[0]
        if "/evidence/" in file and digest(pack.read(file)) != f"sha256:{name}":
            yield f"{file} was altered: it does not have the digest of the evidence"
    for file in pack.files_in("changes", ".json"):
        name = file.rpartition("/")[2].removesuffix(".json")
        if "/reports/" in file and digest(pack.read(file)) != f"sha256:{name}":
            yield f"{file} was altered: it does not have the digest of the report"


def _change_faults(change: Json, name: str, logged_signatures: Collection[tuple[object, ...]]) -> Iterator[str]:
    """Yield the faults of a change's submissions and signatures, compared with the logged signatures."""
    if change.get("change") != name:
        yield " was altered: it is about another change"
    submitted, listed_signatures = set(), set()
    for each in objects(change.get("submissions")):
        submission = each.get("submission")
        if _digest_of(
            {"change": change.get("change"), **(submission if isinstance(submission, dict) else {})}
        ) != each.get("digest"):
            yield f" was altered: what was submitted does not have the digest {each.get('digest')}"
        submitted.add(each.get("digest"))
    for action in objects(change.get("actions")):
        if action.get("action") != "sign_off":
            continue
        signer = action["by"].get("printed_name") if isinstance(action.get("by"), dict) else None
        if action.get("digest") not in submitted:
            yield f": {signer} signed {action.get('digest')}, which was never submitted"
        listed_signatures.add(signature := _signature(name, action, signer))
        if signature not in logged_signatures:
            yield f": no entry of the log says that {signer} signed as {action.get('role')}"
    for signature in logged_signatures:
        if signature[0] == name and signature not in listed_signatures:
            yield f" was altered: it does not tell that {signature[-1]} signed as {signature[2]}"


def check_log(pack: PackFiles, manifest: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """Check that the checkpoints are signed and of one log, and that derived files match the entries and keys."""
    keys = KeyChain(trusted)
    with suppress(VerificationFailed):
        keys = read_keys(pack.lines(KEYS), trusted)
    log = (manifest.get("log") or {}).get("id")
    for number, line in enumerate([*pack.lines(CHECKPOINTS), pack.read(CHECKPOINT)], 1):
        try:
            checkpoint = read_checkpoint(line)
        except InvalidSignedLine:
            yield f"{CHECKPOINTS}: line {number} was altered: it holds no checkpoint"
            continue
        if not any(checkpoint.is_signed_by(key) for key in keys.by_id.values()):
            yield f"{CHECKPOINTS}: line {number} is signed with no key of the log"
        if checkpoint.log not in {None, log} and log is not None:
            yield f"{CHECKPOINTS}: line {number} is of another log, {checkpoint.log}; the pack is of {log}"
    for number, key in enumerate(keys.by_id.values(), 1):
        if pack.read(name := f"audit/public-key-{number}.pem") != key.to_pem().encode():
            yield f"{name} was altered: it is not key {number} of the log"
    if pack.lines(CHECKPOINTS)[:1] != pack.lines(CHECKPOINT):
        yield f"{CHECKPOINTS} was altered: the newest is not {CHECKPOINT}"
    if pack.read(TABLE) != _table(pack.entries, zone_of(manifest.get("zone"))):
        yield f"{TABLE} was altered: it does not show what {ENTRIES} does"


def _table(entries: Sequence[Entry], zone: ZoneInfo | None) -> bytes | None:
    """Return the entries as a table; None if one has an unknown event."""
    try:
        return table(HEADINGS if zone else OLD_HEADINGS, [cells(each, zone) for each in entries])
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return None


def check_counts(pack: PackFiles, manifest: Json, _: Sequence[PublicKey]) -> Iterator[str]:
    """Check that the counts in the manifest match the contents."""
    signatures = sum(
        action.get("action") == "sign_off"
        for name in pack.files_in("changes", "/change.json")
        if isinstance(change := pack.json(name), dict)
        for action in objects(change.get("actions"))
    )
    counted = {
        "versions": len(objects(manifest.get("versions"))),
        "changes": len(pack.files_in("changes", "/change.json")),
        "signatures": signatures,
        "suspensions": len(pack.files_in("suspensions", ".json")),
        "activations": len(objects(pack.json("timeline.json"))),
        "overrides": len(objects(pack.json("overrides.json"))),
        "decisions": len(pack.files_in("decisions", "/record.json")),
        "entries": len(pack.entries),
    }
    counts = manifest["counts"] if isinstance(manifest["counts"], dict) else {}
    for name, count in counted.items():
        if counts.get(name) != count:
            yield f"the manifest counts {counts.get(name)} {name}, and {count} are there"


def check_decisions(pack: PackFiles, manifest: Json, trusted: Sequence[PublicKey]) -> Iterator[str]:
    """Check that every proof is valid, every record is the sealed one, and the table matches them."""
    yield from _decision_table(pack, zone_of(manifest.get("zone")))
    for file in pack.files_in("decisions", "/proof.json"):
        try:
            record = _sealed_record(pack.json(file) or {}, trusted)
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # also InvalidProof
            yield f"{file}: {error}"
            continue
        folder = file.rpartition("/")[0]
        if pack.json(f"{folder}/record.json") != record:
            yield f"{folder}/record.json was altered: it does not say what was sealed"
        replay = pack.json(f"{folder}/replay.json")
        if not isinstance(replay, dict) or replay.get("decision_id") != record["decision_id"]:
            yield f"{folder}/replay.json was altered: it is about another decision"


def _decision_table(pack: PackFiles, zone: ZoneInfo | None) -> Iterator[str]:
    rows = []
    for file in pack.files_in("decisions", "/record.json"):
        folder = file.rpartition("/")[0]
        replay = pack.json(f"{folder}/replay.json")
        verdict = replay.get("verdict") if isinstance(replay, dict) else None
        try:
            rows.append(decision_cells(pack.json(file), verdict, zone, is_proved=f"{folder}/proof.json" in pack.listed))
        except (KeyError, TypeError, AttributeError, ValueError):
            yield f"{file} was altered: it holds no record"
            return
    if rows and pack.read(DECISIONS) != table(DECISION_HEADINGS, rows):
        yield f"{DECISIONS} was altered: it does not show what the records do"


def _sealed_record(proof: Json, trusted: Sequence[PublicKey]) -> Json:
    """Return the record in a proof, for display. Raises InvalidProof, and other errors if it holds none."""
    proof_record = verify_proof(proof, trusted).record
    if proof_record is None:
        raise InvalidProof("it is the proof of no record")
    record: Json = msgspec.json.decode(msgspec.json.encode(readable(read_record(proof_record.line.encode()))))
    return record


def _events(pack: PackFiles, *names: str) -> Iterator[Json]:
    return (each.body for each in pack.entries if each.event in names)


def _signature(change: object, body: Json, printed_name: object) -> tuple[object, ...]:
    """Return the identifying fields of a signature."""
    return (change, body.get("digest"), body.get("role"), body.get("meaning"), printed_name)


def objects(listed: object) -> list[Json]:
    """Return the objects in a list, ignoring other values."""
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _digest_of(value: object) -> str | None:
    try:
        return digest_of(value)
    except NotCanonicalError:
        return None

r"""The proof that an entry is in the log, or a record in a sealed block, for a reader who only has a public key.

    {"kind": "proof", "seq": 17,
     "entry": "{\"about\":…}",                        the entry's line
     "path": ["sha256:…", …],                          from it up to the root that the checkpoint tells (RFC 9162)
     "checkpoint": "{\"at\":…}",                       a checkpoint's line, signed
     "keys": ["{\"endorsed_by\":…}", …],               every key of the log so far, each endorsed by the one before
     "record": {"line": "{…}",                         optional: a record that the entry's `decisions_sealed` covers
                "index": 3, "size": 250,               the record's place in its block, and how many are in it
                "path": ["sha256:…", …]}}              from it up to the root in the entry's body

Leaves are digests of lines: of record lines in a block, of entry lines in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlmodel import Session

from policy_service.audit.chain import Entry, InvalidEntry, read_entry
from policy_service.audit.checkpoints import SignedExtent, read_checkpoint
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.export import key_line, read_keys
from policy_service.audit.inclusion_path import find_inclusion_path
from policy_service.audit.keys import InvalidSignedLine, PublicKey
from policy_service.audit.merkle import InvalidPath, root_from_path
from policy_service.audit.service import last_checkpoint, signing_keys
from policy_service.audit.tables import AuditEntry
from policy_service.audit.verdict import VerificationFailed
from policy_service.canonical import digest
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

KIND = "proof"


class ProofUnavailable(PolicyServiceError, LookupError):
    """There is no such entry, no checkpoint covers it yet, or the log differs from what was signed."""

    kind = "conflict"
    retry_seconds = 10


class InvalidProof(ValueError):
    """The proof is invalid; the message says at which step."""


class RecordProof(msgspec.Struct, forbid_unknown_fields=True):
    """The proof that a record is in a block."""

    line: str
    index: int
    size: int
    path: list[str]


class _RecordNumber(msgspec.Struct):
    """The member of a record with its number."""

    seq: int


class Proof(msgspec.Struct, forbid_unknown_fields=True):
    """The proof that an entry is in the log."""

    kind: str
    seq: int
    entry: str
    path: list[str]
    checkpoint: str
    keys: list[str]
    record: RecordProof | None = None


def prove_entry(session: Session, seq: int) -> dict[str, Any]:
    """Return the proof that an entry is in the log, under the newest checkpoint. Raises ProofUnavailable."""
    checkpoint = last_checkpoint(session)
    entry = session.get(AuditEntry, seq)
    if entry is None:
        raise ProofUnavailable(Message("the log has no entry {seq}", seq=seq))
    if checkpoint is None or checkpoint.extent.size < seq:
        raise ProofUnavailable(Message("no checkpoint covers entry {seq} yet", seq=seq))
    try:
        steps = find_inclusion_path(session, digest(entry.line), seq, checkpoint.extent)
    except InvalidPath:
        message = Message("the log is not what was signed: `policy-service audit verify` says where")
        raise ProofUnavailable(message) from None
    return {
        "kind": KIND,
        "seq": seq,
        "entry": entry.line.decode(),
        "path": steps,
        "checkpoint": checkpoint.line.decode(),
        "keys": [key_line(body).decode() for body in signing_keys(session)],
    }


def verify_proof(proof: Mapping[str, Any], trusted: Sequence[PublicKey]) -> Proof:
    """Verify every step from the record or the entry to a trusted signature. Raises InvalidProof."""
    try:
        parsed = msgspec.convert(proof, Proof)
        msgspec.json.encode(parsed)  # half a character is no text, wherever it stands
        entry = read_entry(parsed.entry.encode())
        checkpoint = read_checkpoint(parsed.checkpoint.encode())
    except (msgspec.ValidationError, UnicodeEncodeError, InvalidEntry, InvalidSignedLine):
        raise InvalidProof(Message("this does not have the form of a proof")) from None
    _check_signature(checkpoint, parsed.keys, trusted)
    if (parsed.kind, parsed.seq) != (KIND, entry.seq):
        raise InvalidProof(Message("this is a proof of something else"))
    root = _root(parsed.entry, entry.seq - 1, checkpoint.extent.size, parsed.path)
    if root != checkpoint.extent.root:
        raise InvalidProof(Message("the entry is not in the log that the checkpoint was signed for"))
    if parsed.record is not None:
        _check_record(parsed.record, entry)
    return parsed


def _check_record(record: RecordProof, entry: Entry) -> None:
    body = entry.body
    if entry.event != DecisionsSealed.name or record.size != body["last"] - body["first"] + 1:
        raise InvalidProof(Message("the entry seals no such block of records"))
    if _root(record.line, record.index, record.size, record.path) != body["root"]:
        raise InvalidProof(Message("the record is not in the block that the entry seals"))
    try:
        record_number = msgspec.json.decode(record.line, type=_RecordNumber)
    except msgspec.MsgspecError:
        raise InvalidProof(Message("what was sealed is no record")) from None
    if record_number.seq != body["first"] + record.index:
        raise InvalidProof(Message("the record says that it stands elsewhere than where it was sealed"))


def _check_signature(checkpoint: SignedExtent, lines: Iterable[str], trusted: Sequence[PublicKey]) -> None:
    try:
        keys = read_keys((line.encode() for line in lines), trusted)
    except VerificationFailed as broken:
        raise InvalidProof(broken.fault.message) from None
    if keys.in_use is None or not keys.is_trusted() or not checkpoint.is_signed_by(keys.in_use):
        raise InvalidProof(
            Message("the checkpoint is signed with no key that is trusted, or endorsed from one that is")
        )


def _root(line: str, index: int, size: int, steps: Sequence[str]) -> str:
    try:
        return root_from_path(digest(line.encode()), index, size, steps)
    except InvalidPath as fault:
        raise InvalidProof(Message("the path leads nowhere: {fault}", fault=str(fault))) from None

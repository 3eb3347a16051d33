"""An export: the whole log in a file of lines, which anyone with the file and a public key can verify.

    {"kind":"export", "log":…, "size":…, "root":…, "head":…, "keys":…, "checkpoints":…, …}       the signed header
    {"kind":"key", "signing_key":…, "public_key":…, "endorsed_by":…, "signature":…}              every key in turn
    {"about":[…], …, "seq":1}                                                          every entry, as it is kept
    {"kind":"checkpoint", "size":1, …}                                          each behind the entry it counts to

Every line ends with a line feed, and there is nothing else. The header covers every byte of the file.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from policy_service.audit.checkpoints import Extent, SignedExtent
from policy_service.audit.diagnosis import TruncatedLine
from policy_service.audit.identity import refuse_other_log
from policy_service.audit.keys import InvalidSignedLine, KeyUnavailable, PublicKey, Signer, read_signed
from policy_service.audit.merkle import Tree, digest_bytes
from policy_service.audit.verdict import LogVerdict, VerificationFailed
from policy_service.audit.verify import EntryProgress, KeyChain, LogVerifier
from policy_service.canonical import digest, to_canonical_json
from policy_service.characters import UTF8_BOM, detect_wide_encoding
from policy_service.clock import timestamp
from policy_service.messages import Message

KIND = "export"
FORMATS = {1: False, 2: True}
"""The supported formats of exports, and whether the header names the log."""
_KEY = "key"
_KEY_PREFIX, _KEY_MARK = b'{"endorsed_by":', b'"kind":"key"'
_NAMES = ("endorsed_by", "public_key", "signature", "signing_key")


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    checkpoints: int
    checkpoints_root: str
    exported_at: str
    format: int
    head: str
    key: str
    keys: int
    kind: str
    root: str
    signature: str
    size: int
    log: str | None = None


def header_line(  # noqa: PLR0913, PLR0917  # what a header tells
    extent: Extent, keys: int, checkpoints: Iterable[bytes], at: datetime, signer: Signer, log: str | None = None
) -> bytes:
    """Return the first line of an export.

    `log` is the identity of the log; without it the line has the format before format 2.
    """
    tree = _checkpoint_tree(checkpoints)
    return signer.sign_line(
        {
            "kind": KIND,
            **({"format": 1} if log is None else {"format": 2, "log": log}),
            "size": extent.size,
            "root": extent.root,
            "head": extent.head,
            "keys": keys,
            "checkpoints": tree.size,
            "checkpoints_root": tree.root(),
            "exported_at": timestamp(at),
        }
    )


def key_line(body: dict[str, Any]) -> bytes:
    """Return the line of a key, the body of its `signing_key_added`."""
    return to_canonical_json({"kind": _KEY, **{name: body[name] for name in _NAMES}})


def verify_export(
    lines: Iterable[bytes],
    trusted: Sequence[PublicKey],
    external_checkpoints: Iterable[SignedExtent] = (),
    on_progress: EntryProgress | None = None,
) -> LogVerdict:
    """Verify an export's lines, with their line feeds, up to the first fault.

    `external_checkpoints` are those of the copies; those later than the export are ignored.
    """
    whole_lines = _whole_lines(lines)
    verifier, at = LogVerifier(trusted), None
    try:
        header, payload = _read_header(whole_lines)
        at = header.exported_at
        key_lines, next_lines = _key_lines(whole_lines)
        keys = read_keys(key_lines, trusted)
        _check_header(header, payload, keys)
        earlier = [each for each in external_checkpoints if each.at <= at]
        refuse_other_log(header.log, earlier, [*trusted, *keys.by_id.values()])
        verifier = LogVerifier(trusted, earlier, Extent(header.size, header.root, header.head), keys.by_id.values())
        verifier.verify_lines(itertools.chain(next_lines, whole_lines), on_progress=on_progress)
        verifier.finish()
        _check_lists(header, verifier, keys, next_lines)
    except VerificationFailed as broken:
        return verifier.verdict(broken.fault, at)
    return verifier.verdict(exported_at=at)


def _read_header(lines: Iterator[bytes]) -> tuple[_Header, dict[str, Any]]:
    try:
        line = next(lines, b"").removeprefix(UTF8_BOM)
        if encoding := detect_wide_encoding(line):
            raise VerificationFailed(
                Message("the export was saved as {encoding}: take it again, byte for byte", encoding=encoding)
            )
        payload = read_signed(line, KIND)
        header = msgspec.convert(payload, _Header)
    except (InvalidSignedLine, TruncatedLine, msgspec.ValidationError):
        message = Message("the header was altered: it is not the canonical JSON of an export's header")
        raise VerificationFailed(message) from None
    if FORMATS.get(header.format) is not (header.log is not None):
        raise VerificationFailed(
            Message(
                "the export has format {format}, which this version of the service does not know", format=header.format
            )
        )
    return header, payload


def read_keys(lines: Iterable[bytes], trusted: Iterable[PublicKey]) -> KeyChain:
    """Return the keys in key lines, each endorsed by the previous one. Raises VerificationFailed."""
    keys = KeyChain(trusted)
    for number, line in enumerate(lines, 1):
        try:
            payload = read_signed(line, _KEY)
            keys.add({name: value for name, value in payload.items() if name != "kind"})
        except (InvalidSignedLine, KeyUnavailable):
            message = Message("public key {number} was altered, or is not endorsed by the key before it", number=number)
            raise VerificationFailed(message) from None
    return keys


def _key_lines(lines: Iterator[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the lines that look like keys, altered or not, and the line after them."""
    keys: list[bytes] = []
    with contextlib.suppress(TruncatedLine):
        for line in lines:
            if not (line.startswith(_KEY_PREFIX) or _KEY_MARK in line):
                return keys, [line]
            keys.append(line)
    return keys, []


def _check_header(header: _Header, payload: dict[str, Any], keys: KeyChain) -> None:
    key = keys.in_use
    if key is None or header.key != key.id or not key.verifies(payload):
        raise VerificationFailed(
            Message("the header was altered, or signed with another key than the last of the export")
        )
    if not keys.is_trusted():
        raise VerificationFailed(
            Message(
                "the header is signed with {key}, which is neither trusted nor endorsed from a key that is", key=key.id
            )
        )
    if header.keys != len(keys.by_id):
        raise VerificationFailed(
            Message(
                "the header states {told} public keys, and {found} follow it",
                told=header.keys,
                found=len(keys.by_id),
            )
        )


def _check_lists(header: _Header, verifier: LogVerifier, keys: KeyChain, first: Sequence[bytes]) -> None:
    if header.log is not None and [header.log] != list(map(digest, first)):
        raise VerificationFailed(Message("the header names another log than the one that begins with entry 1"))
    if verifier.keys.bodies != keys.bodies:
        raise VerificationFailed(Message("the public keys are not those that the log names"))
    if header.checkpoints != verifier.checkpoint_tree.size:
        raise VerificationFailed(
            Message(
                "the header states {told} checkpoints, and {found} are there",
                told=header.checkpoints,
                found=verifier.checkpoint_tree.size,
            )
        )
    if header.checkpoints_root != verifier.checkpoint_tree.root():
        raise VerificationFailed(Message("the checkpoints are not those the header was signed for"))


def _whole_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not line.endswith(b"\n"):
            raise TruncatedLine
        yield line[:-1]


def _checkpoint_tree(checkpoints: Iterable[bytes]) -> Tree:
    tree = Tree()
    for line in checkpoints:
        tree.add(digest_bytes(digest(line)))
    return tree

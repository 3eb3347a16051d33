"""An export: the whole log in a file of lines, to be verified by anybody who has the file and a public key.

    {"kind":"export", "log":…, "size":…, "root":…, "head":…, "keys":…, "checkpoints":…, …}       the signed header
    {"kind":"key", "signing_key":…, "public_key":…, "endorsed_by":…, "signature":…}              every key in turn
    {"about":[…], …, "seq":1}                                                          every entry, as it is kept
    {"kind":"checkpoint", "size":1, …}                                          each behind the entry it counts to

Every line ends with a line feed, and there is nothing else. What the header says covers every byte of the file.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from policy_service.audit.checkpoints import Extent, SignedExtent
from policy_service.audit.diagnosis import CutOff
from policy_service.audit.identity import refuse_other_log
from policy_service.audit.keys import Damaged, NoKey, PublicKey, Signer, read_signed
from policy_service.audit.merkle import Tree, raw
from policy_service.audit.verdict import Broken, Verdict
from policy_service.audit.verify import Keys, Tick, Walk
from policy_service.canonical import canonical, digest
from policy_service.characters import UTF8_MARK, wide_encoding
from policy_service.clock import timestamp
from policy_service.sentences import Sentence

KIND = "export"
FORMATS = {1: False, 2: True}
"""The formats of exports that are read, and whether the header names the log."""
_KEY = "key"
_STARTS, _SAYS = b'{"endorsed_by":', b'"kind":"key"'
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
    """The first line of an export; of the log with this identity, or as it was written before format 2."""
    sealed = _sealed(checkpoints)
    return signer.line(
        {
            "kind": KIND,
            **({"format": 1} if log is None else {"format": 2, "log": log}),
            "size": extent.size,
            "root": extent.root,
            "head": extent.head,
            "keys": keys,
            "checkpoints": sealed.size,
            "checkpoints_root": sealed.root(),
            "exported_at": timestamp(at),
        }
    )


def key_line(body: dict[str, Any]) -> bytes:
    """A key, as the body of `signing_key_added` names it."""
    return canonical({"kind": _KEY, **{name: body[name] for name in _NAMES}})


def verify_export(
    lines: Iterable[bytes], trusted: Sequence[PublicKey], kept: Iterable[SignedExtent] = (), tick: Tick | None = None
) -> Verdict:
    """Reads an export's lines, with their line feeds, up to the first fault.

    `kept` are checkpoints kept elsewhere; those later than the export say nothing about it.
    """
    finished = _finished(lines)
    walk, at = Walk(trusted), None
    try:
        header, said = _read_header(finished)
        at = header.exported_at
        listed, behind = _key_lines(finished)
        keys = read_keys(listed, trusted)
        _check_header(header, said, keys)
        earlier = [each for each in kept if each.at <= at]
        refuse_other_log(header.log, earlier, [*trusted, *keys.named.values()])
        walk = Walk(trusted, earlier, Extent(header.size, header.root, header.head), keys.named.values())
        walk.follow(itertools.chain(behind, finished), tick=tick)
        walk.finish()
        _check_lists(header, walk, keys, behind)
    except Broken as broken:
        return walk.verdict(broken.fault, at)
    return walk.verdict(exported_at=at)


def _read_header(lines: Iterator[bytes]) -> tuple[_Header, dict[str, Any]]:
    try:
        line = next(lines, b"").removeprefix(UTF8_MARK)
        if encoding := wide_encoding(line):
            raise Broken(
                Sentence("the export was saved as {encoding}: take it again, byte for byte", encoding=encoding)
            )
        said = read_signed(line, KIND)
        header = msgspec.convert(said, _Header)
    except (Damaged, CutOff, msgspec.ValidationError):
        told = Sentence("the header was altered: it is not the canonical JSON of an export's header")
        raise Broken(told) from None
    if FORMATS.get(header.format) is not (header.log is not None):
        raise Broken(
            Sentence(
                "the export has format {format}, which this version of the service does not know", format=header.format
            )
        )
    return header, said


def read_keys(lines: Iterable[bytes], trusted: Iterable[PublicKey]) -> Keys:
    """The keys of `key_line`, each endorsed by the one before. Raises Broken."""
    keys = Keys(trusted)
    for number, line in enumerate(lines, 1):
        try:
            said = read_signed(line, _KEY)
            keys.add({name: value for name, value in said.items() if name != "kind"})
        except (Damaged, NoKey):
            told = Sentence("public key {number} was altered, or is not endorsed by the key before it", number=number)
            raise Broken(told) from None
    return keys


def _key_lines(lines: Iterator[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The lines that look like keys, altered or not, and the line behind them."""
    keys: list[bytes] = []
    with contextlib.suppress(CutOff):
        for line in lines:
            if not (line.startswith(_STARTS) or _SAYS in line):
                return keys, [line]
            keys.append(line)
    return keys, []


def _check_header(header: _Header, said: dict[str, Any], keys: Keys) -> None:
    key = keys.in_use
    if key is None or header.key != key.id or not key.signed(said):
        raise Broken(Sentence("the header was altered, or signed with another key than the last of the export"))
    if not keys.is_trusted():
        raise Broken(
            Sentence(
                "the header is signed with {key}, which is neither trusted nor endorsed from a key that is", key=key.id
            )
        )
    if header.keys != len(keys.named):
        raise Broken(
            Sentence(
                "the header tells of {told} public keys, and {found} stand behind it",
                told=header.keys,
                found=len(keys.named),
            )
        )


def _check_lists(header: _Header, walk: Walk, keys: Keys, first: Sequence[bytes]) -> None:
    if header.log is not None and [header.log] != list(map(digest, first)):
        raise Broken(Sentence("the header names another log than the one that begins with entry 1"))
    if walk.keys.bodies != keys.bodies:
        raise Broken(Sentence("the public keys are not those that the log names"))
    if header.checkpoints != walk.sealed.size:
        raise Broken(
            Sentence(
                "the header tells of {told} checkpoints, and {found} are there",
                told=header.checkpoints,
                found=walk.sealed.size,
            )
        )
    if header.checkpoints_root != walk.sealed.root():
        raise Broken(Sentence("the checkpoints are not those the header was signed for"))


def _finished(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not line.endswith(b"\n"):
            raise CutOff
        yield line[:-1]


def _sealed(checkpoints: Iterable[bytes]) -> Tree:
    tree = Tree()
    for line in checkpoints:
        tree.add(raw(digest(line)))
    return tree

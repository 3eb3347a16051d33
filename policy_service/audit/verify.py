"""Verification: the lines of a log, one after the other, up to the first thing that is not right.

Each entry must be canonical bytes, have the next number, hold the digest of the line before, and not be earlier than
it. Each checkpoint must stand behind the entry it counts to, tell the root and the head of all before it, and be signed
with the key in use there. Each new key must be endorsed by the key before it. In the end the key in use must be one the
reader trusts, or one endorsed from it; what it signed covers all before it, and so the older keys, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from policy_service.audit.chain import GENESIS, Entry, NotAnEntry, read_entry
from policy_service.audit.checkpoints import KIND, Extent, SignedExtent, read_checkpoint
from policy_service.audit.diagnosis import CutOff, broken_chain, broken_order, broken_place, cut_short
from policy_service.audit.keys import Damaged, NoKey, PublicKey, public_key
from policy_service.audit.merkle import PREFIX, Tree, raw
from policy_service.audit.verdict import Broken, Fault, Verdict
from policy_service.canonical import digest
from policy_service.sentences import Sentence

EVERY = 1 << 14
"""Entries between two calls of a progress display."""
ENTRY = b'{"about":'
"""How the line of an entry begins."""
KEY_KIND = "signing_key"
OF_HEADER = Sentence("the header was signed for")
OF_CHECKPOINT = Sentence("a checkpoint was signed for")
"""Which entries were meant: the end of a sentence."""
_CHECKPOINT = f'"kind":"{KIND}"'.encode()
Tick = Callable[[int], None]
PartTick = Callable[[str, int], None]
"""Is told how much of which part of a database was read."""
Beside = Callable[[Entry, str], None]


class Endorsed(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `signing_key_added`."""

    signing_key: str
    public_key: str
    endorsed_by: str | None
    signature: str | None


class Keys:
    """The keys a log has named so far: the one in use, and those the reader can trust."""

    def __init__(self, trusted: Iterable[PublicKey]) -> None:
        self.named: dict[str, PublicKey] = {}
        self.trusted = {key.id for key in trusted}
        self.in_use: PublicKey | None = None
        self.bodies: list[dict[str, object]] = []

    def add(self, body: Mapping[str, object]) -> None:
        """Takes a new key into use. Raises NoKey when the key before does not endorse it."""
        try:
            said = msgspec.convert(body, Endorsed)
        except msgspec.ValidationError:
            raise NoKey(Sentence("this names no key")) from None
        key, before, unsigned = public_key(said.public_key), self.in_use, said.signature is None
        if key.id != said.signing_key or said.endorsed_by != (before.id if before else None):
            raise NoKey(Sentence("this is not the key that follows"))
        if not (before.signed(endorsement(key, before) | {"signature": said.signature}) if before else unsigned):
            raise NoKey(Sentence("the key before does not endorse it"))
        if before and before.id in self.trusted:
            self.trusted.add(key.id)
        self.named[key.id] = self.in_use = key
        self.bodies.append(dict(body))

    def is_trusted(self) -> bool:
        """Whether the key in use is trusted, or endorsed from one that is."""
        return self.in_use is not None and self.in_use.id in self.trusted


def say_nothing(_part: str, _done: int) -> None:
    """For whoever does not want to know how far it is."""


def endorsement(key: PublicKey, before: PublicKey) -> dict[str, object]:
    """What the key before signs."""
    return {"kind": KEY_KIND, "signing_key": key.id, "public_key": key.text, "endorsed_by": before.id}


class Walk:
    """A log up to some entry. `end` is the extent that was promised, and `listed` the keys, if any were."""

    def __init__(
        self,
        trusted: Sequence[PublicKey],
        kept: Iterable[SignedExtent] = (),
        end: Extent | None = None,
        listed: Iterable[PublicKey] = (),
    ) -> None:
        self.size, self.head, self.at = 0, GENESIS, ""
        self.tree, self.sealed = Tree(), Tree()
        self.keys = Keys(trusted)
        self.confirmed = 0
        self.end = end
        self._before = Tree()
        self._known = (*trusted, *listed)
        self._kept: dict[int, list[SignedExtent]] = {}
        for checkpoint in kept:
            self._kept.setdefault(checkpoint.extent.size, []).append(checkpoint)

    def follow(self, lines: Iterator[bytes], beside: Beside | None = None, tick: Tick | None = None) -> None:
        """Goes on to the end of the lines. Raises Broken."""
        try:
            for line in lines:
                if line.startswith(ENTRY):
                    self._entry(line, lines, beside)
                    if tick is not None and not self.size % EVERY:
                        tick(self.size)
                elif _CHECKPOINT in line:
                    self._checkpoint(line, lines)
                else:
                    raise _unreadable(self.size + 1)
        except CutOff:
            told = Sentence("after entry {seq} the lines break off in the middle of one", seq=self.size)
            raise Broken(told, self.size + 1) from None

    def finish(self) -> None:
        """Compares the end with what was promised and with what was kept elsewhere. Raises Broken."""
        if self.end is not None:
            if self.size < self.end.size:
                raise cut_short(self.size, self.end.size, Sentence("the header"))
            if self.size > self.end.size:
                seq = self.end.size + 1
                raise Broken(
                    Sentence(
                        "entry {seq} was added behind the end: the header tells of {count} entries",
                        seq=seq,
                        count=seq - 1,
                    ),
                    seq,
                )
            self._compare(self.end, OF_HEADER)
        beyond = min((size for size in self._kept if size > self.size), default=None)
        if beyond is not None:
            (checkpoint, *_) = self._kept[beyond]
            if not any(checkpoint.is_by(key) for key in self.keys.named.values()):
                raise Broken(
                    Sentence(
                        "the checkpoint of {count} entries kept elsewhere is signed with a key unknown here",
                        count=beyond,
                    )
                )
            raise cut_short(self.size, beyond, Sentence("a checkpoint kept elsewhere"))
        if not self.keys.is_trusted():
            key = self.keys.in_use.id if self.keys.in_use else Sentence("no key")
            raise Broken(Sentence("{key} is in use, which is neither trusted nor endorsed from one that is", key=key))

    def verdict(self, fault: Fault | None = None, exported_at: str | None = None) -> Verdict:
        """What was found so far."""
        key = self.keys.in_use.id if self.keys.in_use else None
        size = self.end.size if self.end is not None and fault is None else self.confirmed
        return Verdict(self.size, self.sealed.size, self.tree.root(), self.head, key, size, exported_at, fault)

    # ------------------------------------------------------------------------------------------ line by line

    def _entry(self, line: bytes, rest: Iterator[bytes], beside: Beside | None) -> None:
        seq = self.size + 1
        try:
            entry = read_entry(line)
        except NotAnEntry:
            raise _unreadable(seq) from None
        hashed = hashlib.sha256(line)
        here = PREFIX + hashed.hexdigest()
        if beside is not None:
            beside(entry, here)
        if entry.seq != seq:
            raise broken_order(seq, entry, self.head, rest)
        if entry.previous != self.head:
            raise broken_chain(seq, line, rest, self.end)
        if entry.at < self.at:
            raise Broken(Sentence("entry {seq} was altered: it is earlier than the entry before it", seq=seq), seq)
        self._before.size, self._before.peaks = self.size, self.tree.peaks.copy()
        self.tree.add(hashed.digest())
        self.size, self.head, self.at = seq, here, entry.at
        if entry.event == "signing_key_added":
            self._new_key(entry)
        if seq in self._kept:
            for checkpoint in self._kept[seq]:
                self._confirm(checkpoint, Sentence("the checkpoint kept elsewhere"))

    def _new_key(self, entry: Entry) -> None:
        try:
            self.keys.add(entry.body)
        except NoKey:
            told = Sentence("the key of entry {seq} is not endorsed by the key before it", seq=entry.seq)
            raise Broken(told, entry.seq) from None

    def _checkpoint(self, line: bytes, rest: Iterator[bytes]) -> None:
        try:
            checkpoint = read_checkpoint(line)
        except Damaged:
            raise Broken(Sentence("the checkpoint behind entry {seq} was altered", seq=self.size)) from None
        size = checkpoint.extent.size
        if size != self.size:
            signed = any(checkpoint.is_by(key) for key in (*self._known, *self.keys.named.values()))
            raise broken_place(self.size, size, rest, signed=signed)
        self._confirm(checkpoint, Sentence("the checkpoint behind entry {seq}", seq=self.size))
        self.sealed.add(raw(digest(line)))

    def _confirm(self, checkpoint: SignedExtent, which: Sentence) -> None:
        key = self.keys.in_use
        if checkpoint.extent.size != self.size or key is None or not checkpoint.is_by(key):
            if any(checkpoint.is_by(each) for each in self._known):
                self._compare(checkpoint.extent, OF_CHECKPOINT)
            raise Broken(
                Sentence(
                    "{checkpoint} was altered, or signed with another key: "
                    "its signature is not that of the key in use, {key}",
                    checkpoint=which,
                    key=key.id if key else Sentence("of which there is none"),
                )
            )
        self._compare(checkpoint.extent, OF_CHECKPOINT)
        self.confirmed = self.size

    def _compare(self, extent: Extent, signed: Sentence) -> None:
        """Finds the entries that differ from those somebody signed for."""
        size = self.size
        if (extent.root, extent.head) == (self.tree.root(), self.head):
            return
        if size and _with_last(self._before, extent.head) == extent.root:
            raise Broken(Sentence("entry {seq} was altered: it is not the one {signed}", seq=size, signed=signed), size)
        first = min(self.confirmed + 1, size)
        if first == size:
            told = Sentence("entry {seq} was altered: these are not the entries {signed}", seq=size, signed=signed)
        else:
            told = Sentence(
                "entry {first} or one behind it, up to {last}, was altered: these are not the entries {signed}",
                first=first,
                last=size,
                signed=signed,
            )
        raise Broken(told, first, size)


def _with_last(before: Tree, head: str) -> str:
    tree = before.copy()
    tree.add(raw(head))
    return tree.root()


def _unreadable(seq: int) -> Broken:
    return Broken(Sentence("entry {seq} was altered: its line is not the canonical JSON of an entry", seq=seq), seq)

"""Verification of the lines of a log, in order, up to the first fault.

Each entry must be canonical, have the next number, contain the digest of the previous line, and not be earlier. Each
checkpoint must follow the entry it counts to, state the root and head up to it, and be signed with the key in use
there. Each new key must be endorsed by the previous one. The last key in use must be trusted by the reader, or be
endorsed, directly or not, by a trusted one; its signature covers everything before it, including the older keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from policy_service.audit.chain import GENESIS, Entry, InvalidEntry, read_entry
from policy_service.audit.checkpoints import KIND, Extent, SignedExtent, read_checkpoint
from policy_service.audit.diagnosis import TruncatedLine, chain_break, checkpoint_misplaced, log_truncated, order_break
from policy_service.audit.keys import InvalidSignedLine, KeyUnavailable, PublicKey, public_key
from policy_service.audit.merkle import PREFIX, Tree, digest_bytes
from policy_service.audit.verdict import LogFault, LogVerdict, VerificationFailed
from policy_service.canonical import digest
from policy_service.messages import Message

PROGRESS_INTERVAL = 1 << 14
"""Entries between two calls of the progress callback."""
ENTRY_PREFIX = b'{"about":'
"""The first bytes of an entry's line."""
KEY_KIND = "signing_key"
OF_HEADER = Message("the header was signed for")
OF_CHECKPOINT = Message("a checkpoint was signed for")
"""The end of a message: the entries that a checkpoint covers."""
_CHECKPOINT = f'"kind":"{KIND}"'.encode()
EntryProgress = Callable[[int], None]
PartTick = Callable[[str, int], None]
"""Progress callback: the part of the database, and how much of it was read."""
EntryCheck = Callable[[Entry, str], None]


class KeyEndorsement(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `signing_key_added`."""

    signing_key: str
    public_key: str
    endorsed_by: str | None
    signature: str | None


class KeyChain:
    """The keys a log has named so far: the one in use, and those that the reader can trust."""

    def __init__(self, trusted: Iterable[PublicKey]) -> None:
        self.by_id: dict[str, PublicKey] = {}
        self.trusted = {key.id for key in trusted}
        self.in_use: PublicKey | None = None
        self.bodies: list[dict[str, object]] = []

    def add(self, body: Mapping[str, object]) -> None:
        """Take a new key into use. Raises KeyUnavailable if the previous key does not endorse it."""
        try:
            parsed = msgspec.convert(body, KeyEndorsement)
        except msgspec.ValidationError:
            raise KeyUnavailable(Message("this names no key")) from None
        key, previous, is_unsigned = public_key(parsed.public_key), self.in_use, parsed.signature is None
        if key.id != parsed.signing_key or parsed.endorsed_by != (previous.id if previous else None):
            raise KeyUnavailable(Message("this is not the key that follows"))
        if not (
            previous.verifies(endorsement(key, previous) | {"signature": parsed.signature}) if previous else is_unsigned
        ):
            raise KeyUnavailable(Message("the key before does not endorse it"))
        if previous and previous.id in self.trusted:
            self.trusted.add(key.id)
        self.by_id[key.id] = self.in_use = key
        self.bodies.append(dict(body))

    def is_trusted(self) -> bool:
        """True if the key in use is trusted, or endorsed, directly or not, by a trusted one."""
        return self.in_use is not None and self.in_use.id in self.trusted


def say_nothing(_part: str, _done: int) -> None:
    """Ignore progress."""


def endorsement(key: PublicKey, previous: PublicKey) -> dict[str, object]:
    """Return the endorsement that the previous key signs."""
    return {"kind": KEY_KIND, "signing_key": key.id, "public_key": key.text, "endorsed_by": previous.id}


class LogVerifier:
    """Verifies a log line by line. `end` is the promised extent, `listed` the promised keys, if any."""

    def __init__(
        self,
        trusted: Sequence[PublicKey],
        external_checkpoints: Iterable[SignedExtent] = (),
        end: Extent | None = None,
        listed: Iterable[PublicKey] = (),
    ) -> None:
        self.size, self.head, self.at = 0, GENESIS, ""
        self.tree, self.checkpoint_tree = Tree(), Tree()
        self.keys = KeyChain(trusted)
        self.confirmed = 0
        self.end = end
        self._previous_tree = Tree()
        self._known_keys = (*trusted, *listed)
        self._external: dict[int, list[SignedExtent]] = {}
        for checkpoint in external_checkpoints:
            self._external.setdefault(checkpoint.extent.size, []).append(checkpoint)

    def verify_lines(
        self, lines: Iterator[bytes], check_entry: EntryCheck | None = None, on_progress: EntryProgress | None = None
    ) -> None:
        """Verify the lines up to the end. Raises VerificationFailed."""
        try:
            for line in lines:
                if line.startswith(ENTRY_PREFIX):
                    self._entry(line, lines, check_entry)
                    if on_progress is not None and not self.size % PROGRESS_INTERVAL:
                        on_progress(self.size)
                elif _CHECKPOINT in line:
                    self._checkpoint(line, lines)
                else:
                    raise _unreadable(self.size + 1)
        except TruncatedLine:
            message = Message("after entry {seq} the lines break off in the middle of one", seq=self.size)
            raise VerificationFailed(message, self.size + 1) from None

    def finish(self) -> None:
        """Compare the end with the promised extent and the copies' checkpoints. Raises VerificationFailed."""
        if self.end is not None:
            if self.size < self.end.size:
                raise log_truncated(self.size, self.end.size, Message("the header"))
            if self.size > self.end.size:
                seq = self.end.size + 1
                raise VerificationFailed(
                    Message(
                        "entry {seq} was added behind the end: the header records {count} entries",
                        seq=seq,
                        count=seq - 1,
                    ),
                    seq,
                )
            self._compare(self.end, OF_HEADER)
        beyond = min((size for size in self._external if size > self.size), default=None)
        if beyond is not None:
            (checkpoint, *_) = self._external[beyond]
            if not any(checkpoint.is_signed_by(key) for key in self.keys.by_id.values()):
                raise VerificationFailed(
                    Message(
                        "the checkpoint of {count} entries kept elsewhere is signed with a key unknown here",
                        count=beyond,
                    )
                )
            raise log_truncated(self.size, beyond, Message("a checkpoint kept elsewhere"))
        if not self.keys.is_trusted():
            key = self.keys.in_use.id if self.keys.in_use else Message("no key")
            raise VerificationFailed(
                Message("{key} is in use, which is neither trusted nor endorsed from one that is", key=key)
            )

    def verdict(self, fault: LogFault | None = None, exported_at: str | None = None) -> LogVerdict:
        """Return the verdict up to this line."""
        key = self.keys.in_use.id if self.keys.in_use else None
        size = self.end.size if self.end is not None and fault is None else self.confirmed
        return LogVerdict(
            self.size, self.checkpoint_tree.size, self.tree.root(), self.head, key, size, exported_at, fault
        )

    # ------------------------------------------------------------------------------------------ line by line

    def _entry(self, line: bytes, rest: Iterator[bytes], check_entry: EntryCheck | None) -> None:
        seq = self.size + 1
        try:
            entry = read_entry(line)
        except InvalidEntry:
            raise _unreadable(seq) from None
        hasher = hashlib.sha256(line)
        line_digest = PREFIX + hasher.hexdigest()
        if check_entry is not None:
            check_entry(entry, line_digest)
        if entry.seq != seq:
            raise order_break(seq, entry, self.head, rest)
        if entry.previous != self.head:
            raise chain_break(seq, line, rest, self.end)
        if entry.at < self.at:
            raise VerificationFailed(
                Message("entry {seq} was altered: it is earlier than the entry before it", seq=seq), seq
            )
        self._previous_tree.size, self._previous_tree.peaks = self.size, self.tree.peaks.copy()
        self.tree.add(hasher.digest())
        self.size, self.head, self.at = seq, line_digest, entry.at
        if entry.event == "signing_key_added":
            self._new_key(entry)
        if seq in self._external:
            for checkpoint in self._external[seq]:
                self._confirm(checkpoint, Message("the checkpoint kept elsewhere"))

    def _new_key(self, entry: Entry) -> None:
        try:
            self.keys.add(entry.body)
        except KeyUnavailable:
            message = Message("the key of entry {seq} is not endorsed by the key before it", seq=entry.seq)
            raise VerificationFailed(message, entry.seq) from None

    def _checkpoint(self, line: bytes, rest: Iterator[bytes]) -> None:
        try:
            checkpoint = read_checkpoint(line)
        except InvalidSignedLine:
            raise VerificationFailed(Message("the checkpoint behind entry {seq} was altered", seq=self.size)) from None
        size = checkpoint.extent.size
        if size != self.size:
            is_signed = any(checkpoint.is_signed_by(key) for key in (*self._known_keys, *self.keys.by_id.values()))
            raise checkpoint_misplaced(self.size, size, rest, is_signed=is_signed)
        self._confirm(checkpoint, Message("the checkpoint behind entry {seq}", seq=self.size))
        self.checkpoint_tree.add(digest_bytes(digest(line)))

    def _confirm(self, checkpoint: SignedExtent, source: Message) -> None:
        key = self.keys.in_use
        if checkpoint.extent.size != self.size or key is None or not checkpoint.is_signed_by(key):
            if any(checkpoint.is_signed_by(each) for each in self._known_keys):
                self._compare(checkpoint.extent, OF_CHECKPOINT)
            raise VerificationFailed(
                Message(
                    "{checkpoint} was altered, or signed with another key: "
                    "its signature is not that of the key in use, {key}",
                    checkpoint=source,
                    key=key.id if key else Message("of which there is none"),
                )
            )
        self._compare(checkpoint.extent, OF_CHECKPOINT)
        self.confirmed = self.size

    def _compare(self, extent: Extent, scope: Message) -> None:
        """Report the entries that differ from a signed checkpoint."""
        size = self.size
        if (extent.root, extent.head) == (self.tree.root(), self.head):
            return
        if size and _with_last(self._previous_tree, extent.head) == extent.root:
            raise VerificationFailed(
                Message("entry {seq} was altered: it is not the one {signed}", seq=size, signed=scope), size
            )
        first = min(self.confirmed + 1, size)
        if first == size:
            message = Message("entry {seq} was altered: these are not the entries {signed}", seq=size, signed=scope)
        else:
            message = Message(
                "entry {first} or one behind it, up to {last}, was altered: these are not the entries {signed}",
                first=first,
                last=size,
                signed=scope,
            )
        raise VerificationFailed(message, first, size)


def _with_last(before: Tree, head: str) -> str:
    tree = before.copy()
    tree.add(digest_bytes(head))
    return tree.root()


def _unreadable(seq: int) -> VerificationFailed:
    return VerificationFailed(
        Message("entry {seq} was altered: its line is not the canonical JSON of an entry", seq=seq), seq
    )

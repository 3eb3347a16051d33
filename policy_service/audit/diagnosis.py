"""Diagnoses a break in the chain: finds the bad entry from what follows the break.

| the line where entry n belongs     | what stands behind it | what happened                                  |
|------------------------------------|-----------------------|------------------------------------------------|
| no entry's canonical bytes         |                       | n was altered                                  |
| n, made for another line before it | attests to n         | n - 1 was altered                              |
| n, made for another line before it | attests to another n | n was altered                                  |
| another number, made for line n - 1 |                      | n was altered: its number                      |
| a greater number                   | n, further on         | n was moved                                    |
| a greater number                   | no n                  | n was removed                                  |
| a smaller number                   | n + 1                 | n was removed, and the line stands there again |
| a smaller number                   | anything else         | the entry of that number stands twice          |

An entry attests to the one before with its `previous`, a checkpoint with its `head`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policy_service.audit.chain import Entry, InvalidEntry, read_entry
from policy_service.audit.checkpoints import Extent, read_checkpoint
from policy_service.audit.keys import InvalidSignedLine
from policy_service.audit.verdict import VerificationFailed
from policy_service.canonical import digest
from policy_service.messages import Message


class TruncatedLine(Exception):
    """The log ends in the middle of a line."""


def chain_break(seq: int, line: bytes, rest: Iterable[bytes], end: Extent | None) -> VerificationFailed:
    """Diagnose an entry with the right number but the wrong previous digest."""
    is_confirmed = _is_confirmed(seq, digest(line), _whole_lines(rest), end)
    before = seq - 1
    if seq == 1 or is_confirmed is False:
        message = Message("entry {seq} was altered: it does not hold the digest of the entry before it", seq=seq)
        return VerificationFailed(message, seq)
    if is_confirmed:
        message = Message("entry {seq} was altered: entry {after} holds the digest of another", seq=before, after=seq)
        return VerificationFailed(message, before)
    return sequence_break(before, seq)


def sequence_break(before: int, seq: int) -> VerificationFailed:
    """Return the fault of two neighbours of which one was altered; which one cannot be determined."""
    message = Message(
        "entry {seq} or entry {after} was altered: one does not follow from the other", seq=before, after=seq
    )
    return VerificationFailed(message, before, seq)


def order_break(seq: int, entry: Entry, previous: str, rest: Iterable[bytes]) -> VerificationFailed:
    """Diagnose an entry with an unexpected number."""
    actual = entry.seq
    if entry.previous == previous:
        return VerificationFailed(Message("entry {seq} was altered: its number is {found}", seq=seq, found=actual), seq)
    following = [each.seq for each in _entries(rest, enough=seq)]
    if actual > seq:
        if seq in following:
            return VerificationFailed(
                Message("entry {seq} was moved: entry {found} stands in its place", seq=seq, found=actual), seq
            )
        if following[:1] == [seq + 1]:
            message = Message("entry {seq} was removed: entry {found} stands in its place", seq=seq, found=actual)
            return VerificationFailed(message, seq)
        return entries_removed(seq, actual)
    if following[:1] == [seq + 1]:
        message = Message("entry {seq} was removed: entry {found} stands in its place again", seq=seq, found=actual)
        return VerificationFailed(message, seq)
    message = Message("entry {seq} stands twice, the second time behind entry {before}", seq=actual, before=seq - 1)
    return VerificationFailed(message, actual)


def entries_removed(seq: int, next_seq: int) -> VerificationFailed:
    """Return the fault that entries from `seq` on are missing; the next one is `next_seq`."""
    values = {"seq": seq, "last": next_seq - 1, "found": next_seq, "before": seq - 1}
    if next_seq > seq + 1:
        message = Message("entries {seq} to {last} were removed: entry {found} follows entry {before}", **values)
    else:
        message = Message("entry {seq} was removed: entry {found} follows entry {before}", **values)
    return VerificationFailed(message, seq)


def checkpoint_misplaced(size: int, claimed_size: int, rest: Iterable[bytes], *, is_signed: bool) -> VerificationFailed:
    """Diagnose a checkpoint that does not follow the entry it counts to."""
    following = [each.seq for each in _entries(rest, enough=size + 1)] if claimed_size > size else [size + 1]
    if not following and is_signed:
        return log_truncated(size, claimed_size, Message("a checkpoint"))
    if not is_signed and following[:1] in ([], [size + 1]):
        return VerificationFailed(
            Message("the checkpoint behind entry {seq} was altered, or signed with a key unknown here", seq=size)
        )
    if following[0] == size + 1:
        return VerificationFailed(
            Message(
                "the checkpoint of {count} entries was moved: it stands behind entry {seq}",
                count=claimed_size,
                seq=size,
            )
        )
    values = {"seq": size + 1, "count": claimed_size, "before": size}
    if size + 1 in following:
        message = Message("entry {seq} was moved: a checkpoint of {count} entries follows entry {before}", **values)
    else:
        message = Message("entry {seq} was removed: a checkpoint of {count} entries follows entry {before}", **values)
    return VerificationFailed(message, size + 1)


def log_truncated(size: int, expected_size: int, witness: Message) -> VerificationFailed:
    """Diagnose a log that ends too early."""
    return VerificationFailed(
        Message(
            "entry {seq} was removed, with all behind it: the log ends at entry {last}, and {witness} records {count}",
            seq=size + 1,
            last=size,
            witness=witness,
            count=expected_size,
        ),
        size + 1,
    )


def _entries(rest: Iterable[bytes], enough: int) -> Iterator[Entry]:
    """Yield the valid entries, up to the one with a number."""
    for line in _whole_lines(rest):
        try:
            entry = read_entry(line)
        except InvalidEntry:
            continue
        yield entry
        if entry.seq == enough:
            return


def _is_confirmed(seq: int, digest: str, rest: Iterable[bytes], end: Extent | None) -> bool | None:
    """Return whether the next line was made for this one; None if there is no next line."""
    for line in rest:
        try:
            return read_entry(line).previous == digest
        except InvalidEntry:
            pass
        try:
            return read_checkpoint(line).extent.head == digest
        except InvalidSignedLine:
            return False
    return None if end is None else (end.size, end.head) == (seq, digest)


def _whole_lines(rest: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from rest
    except TruncatedLine:
        return

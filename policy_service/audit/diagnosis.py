"""Which entry is the bad one, when the chain does not go on: what stands behind the break tells.

| the line where entry n belongs     | what stands behind it | what happened                                  |
|------------------------------------|-----------------------|------------------------------------------------|
| no entry's canonical bytes         |                       | n was altered                                  |
| n, made for another line before it | vouches for n         | n - 1 was altered                              |
| n, made for another line before it | vouches for another n | n was altered                                  |
| another number, made for line n - 1 |                      | n was altered: its number                      |
| a greater number                   | n, further on         | n was moved                                    |
| a greater number                   | no n                  | n was removed                                  |
| a smaller number                   | n + 1                 | n was removed, and the line stands there again |
| a smaller number                   | anything else         | the entry of that number stands twice          |

An entry vouches for the one before with its `previous`, a checkpoint with its `head`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policy_service.audit.chain import Entry, NotAnEntry, read_entry
from policy_service.audit.checkpoints import Extent, read_checkpoint
from policy_service.audit.keys import Damaged
from policy_service.audit.verdict import Broken
from policy_service.canonical import digest


class CutOff(Exception):
    """The lines end in the middle of one."""


def broken_chain(seq: int, line: bytes, rest: Iterable[bytes], end: Extent | None) -> Broken:
    """What is wrong with an entry of the right number that was not made for the line before it."""
    vouched = _vouched(seq, digest(line), _readable(rest), end)
    before = seq - 1
    if seq == 1 or vouched is False:
        return Broken(f"entry {seq} was altered: it does not hold the digest of the entry before it", seq)
    if vouched:
        return Broken(f"entry {before} was altered: entry {seq} holds the digest of another", before)
    return Broken(f"entry {before} or entry {seq} was altered: one does not follow from the other", before, seq)


def broken_order(seq: int, entry: Entry, previous: str, rest: Iterable[bytes]) -> Broken:
    """What is wrong when another number stands where an entry belongs."""
    found = entry.seq
    if entry.previous == previous:
        return Broken(f"entry {seq} was altered: it calls itself {found}", seq)
    following = [each.seq for each in _entries(rest, enough=seq)]
    if found > seq:
        if seq in following:
            return Broken(f"entry {seq} was moved: entry {found} stands in its place", seq)
        if following[:1] == [seq + 1]:
            return Broken(f"entry {seq} was removed: entry {found} stands in its place", seq)
        until = f"entries {seq} to {found - 1} were" if found > seq + 1 else f"entry {seq} was"
        return Broken(f"{until} removed: entry {found} follows entry {seq - 1}", seq)
    if following[:1] == [seq + 1]:
        return Broken(f"entry {seq} was removed: entry {found} stands in its place again", seq)
    return Broken(f"entry {found} stands twice, the second time behind entry {seq - 1}", found)


def broken_place(size: int, counted: int, rest: Iterable[bytes], *, signed: bool) -> Broken:
    """What is wrong when a checkpoint stands behind another entry than the one it counts to."""
    following = [each.seq for each in _entries(rest, enough=size + 1)] if counted > size else [size + 1]
    if not following and signed:
        return cut_short(size, counted, "a checkpoint")
    if not signed and following[:1] in ([], [size + 1]):
        return Broken(f"the checkpoint behind entry {size} was altered, or signed with a key unknown here")
    if following[0] == size + 1:
        return Broken(f"the checkpoint of {counted} entries was moved: it stands behind entry {size}")
    happened = "moved" if size + 1 in following else "removed"
    return Broken(f"entry {size + 1} was {happened}: a checkpoint of {counted} entries follows entry {size}", size + 1)


def cut_short(size: int, told: int, witness: str) -> Broken:
    """What is wrong when the log ends before it should."""
    sentence = f"entry {size + 1} was removed, with all behind it: the log ends at entry {size}"
    return Broken(f"{sentence}, and {witness} tells of {told}", size + 1)


def _entries(rest: Iterable[bytes], enough: int) -> Iterator[Entry]:
    """The entries that can be read, up to the one with a number."""
    for line in _readable(rest):
        try:
            entry = read_entry(line)
        except NotAnEntry:
            continue
        yield entry
        if entry.seq == enough:
            return


def _vouched(seq: int, digest: str, rest: Iterable[bytes], end: Extent | None) -> bool | None:
    """Whether what comes next was made for this line; None when nothing comes next."""
    for line in rest:
        try:
            return read_entry(line).previous == digest
        except NotAnEntry:
            pass
        try:
            return read_checkpoint(line).extent.head == digest
        except Damaged:
            return False
    return None if end is None else (end.size, end.head) == (seq, digest)


def _readable(rest: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from rest
    except CutOff:
        return

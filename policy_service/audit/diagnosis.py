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
from policy_service.sentences import Sentence


class CutOff(Exception):
    """The lines end in the middle of one."""


def broken_chain(seq: int, line: bytes, rest: Iterable[bytes], end: Extent | None) -> Broken:
    """What is wrong with an entry of the right number that was not made for the line before it."""
    vouched = _vouched(seq, digest(line), _readable(rest), end)
    before = seq - 1
    if seq == 1 or vouched is False:
        told = Sentence("entry {seq} was altered: it does not hold the digest of the entry before it", seq=seq)
        return Broken(told, seq)
    if vouched:
        told = Sentence("entry {seq} was altered: entry {after} holds the digest of another", seq=before, after=seq)
        return Broken(told, before)
    return not_following(before, seq)


def not_following(before: int, seq: int) -> Broken:
    """One of two neighbours was altered, and nothing tells which."""
    told = Sentence(
        "entry {seq} or entry {after} was altered: one does not follow from the other", seq=before, after=seq
    )
    return Broken(told, before, seq)


def broken_order(seq: int, entry: Entry, previous: str, rest: Iterable[bytes]) -> Broken:
    """What is wrong when another number stands where an entry belongs."""
    found = entry.seq
    if entry.previous == previous:
        return Broken(Sentence("entry {seq} was altered: it calls itself {found}", seq=seq, found=found), seq)
    following = [each.seq for each in _entries(rest, enough=seq)]
    if found > seq:
        if seq in following:
            return Broken(
                Sentence("entry {seq} was moved: entry {found} stands in its place", seq=seq, found=found), seq
            )
        if following[:1] == [seq + 1]:
            told = Sentence("entry {seq} was removed: entry {found} stands in its place", seq=seq, found=found)
            return Broken(told, seq)
        return removed(seq, found)
    if following[:1] == [seq + 1]:
        told = Sentence("entry {seq} was removed: entry {found} stands in its place again", seq=seq, found=found)
        return Broken(told, seq)
    told = Sentence("entry {seq} stands twice, the second time behind entry {before}", seq=found, before=seq - 1)
    return Broken(told, found)


def removed(seq: int, found: int) -> Broken:
    """The entries from `seq` on are not there; the next one is `found`."""
    where = {"seq": seq, "last": found - 1, "found": found, "before": seq - 1}
    if found > seq + 1:
        told = Sentence("entries {seq} to {last} were removed: entry {found} follows entry {before}", **where)
    else:
        told = Sentence("entry {seq} was removed: entry {found} follows entry {before}", **where)
    return Broken(told, seq)


def broken_place(size: int, counted: int, rest: Iterable[bytes], *, signed: bool) -> Broken:
    """What is wrong when a checkpoint stands behind another entry than the one it counts to."""
    following = [each.seq for each in _entries(rest, enough=size + 1)] if counted > size else [size + 1]
    if not following and signed:
        return cut_short(size, counted, Sentence("a checkpoint"))
    if not signed and following[:1] in ([], [size + 1]):
        return Broken(
            Sentence("the checkpoint behind entry {seq} was altered, or signed with a key unknown here", seq=size)
        )
    if following[0] == size + 1:
        return Broken(
            Sentence(
                "the checkpoint of {count} entries was moved: it stands behind entry {seq}", count=counted, seq=size
            )
        )
    where = {"seq": size + 1, "count": counted, "before": size}
    if size + 1 in following:
        told = Sentence("entry {seq} was moved: a checkpoint of {count} entries follows entry {before}", **where)
    else:
        told = Sentence("entry {seq} was removed: a checkpoint of {count} entries follows entry {before}", **where)
    return Broken(told, size + 1)


def cut_short(size: int, told: int, witness: Sentence) -> Broken:
    """What is wrong when the log ends before it should."""
    return Broken(
        Sentence(
            "entry {seq} was removed, with all behind it: the log ends at entry {last}, and {witness} tells of {count}",
            seq=size + 1,
            last=size,
            witness=witness,
            count=told,
        ),
        size + 1,
    )


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

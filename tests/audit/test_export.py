"""An export is verified from its lines and one public key alone, and the first bad line is named."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from policy_service.audit import verify
from policy_service.audit.chain import GENESIS
from policy_service.audit.checkpoints import Extent, checkpoint_line, read_checkpoint, read_checkpoints
from policy_service.audit.export import header_line, key_line, verify_export
from policy_service.audit.keys import Signer, make_key, read_key
from policy_service.audit.merkle import Tree, digest_bytes
from policy_service.audit.verdict import LogFault
from policy_service.canonical import digest, to_canonical_json
from tests.audit.logs import Exported, exported

Lines = list[bytes]
AT = datetime(2026, 11, 21, tzinfo=UTC)
BEFORE = datetime(2026, 11, 20, tzinfo=UTC)
"""Earlier than the export was made."""
ENTRY = b'{"about":'


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("log"))


def fault_of(lines: Lines, export: Exported) -> LogFault:
    """The fault, which must be there, with either key trusted."""
    faults = [verify_export(io.BytesIO(b"".join(lines)), [key]).fault for key in (export.first, export.last)]
    assert faults[0] == faults[1]
    assert faults[0] is not None
    return faults[0]


def place(lines: Lines | tuple[bytes, ...], seq: int) -> int:
    """Where the line of an entry stands."""
    return next(at for at, line in enumerate(lines) if line.endswith(b',"seq":%d}\n' % seq))


def checkpoints(lines: Lines | tuple[bytes, ...]) -> list[int]:
    """Where the checkpoints stand."""
    return [at for at, line in enumerate(lines) if b'"kind":"checkpoint"' in line]


def altered(line: bytes, **members: object) -> bytes:
    return to_canonical_json({**msgspec.json.decode(line), **members}) + b"\n"


def rewritten(lines: Lines, seq: int, **members: object) -> Lines:
    """Entry `seq` altered, and the chain made anew behind it, as somebody would who cannot sign."""
    lines, previous = list(lines), None
    for at in (place(lines, each) for each in range(seq, 61)):
        result = members if previous is None else {"previous": previous}
        lines[at] = altered(lines[at], **result)
        previous = digest(lines[at][:-1])
    return lines


def test_an_untouched_export_is_fine_with_either_key(export: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "PROGRESS_INTERVAL", 25)
    for key in (export.first, export.last):
        ticks: list[int] = []
        verdict = verify_export(export.lines, [key], read_checkpoints(export.kept), ticks.append)
        assert verdict.fault is None
        assert (verdict.entries, verdict.checkpoints, verdict.confirmed) == (60, 6, 60)
        assert verdict.to_dict()["fine"] is True
        assert ticks == [25, 50]


def test_a_key_that_the_exports_key_is_not_endorsed_from_is_not_enough(export: Exported, tmp_path: Path) -> None:
    stranger = make_key(tmp_path).public
    fault = verify_export(export.lines, [stranger]).fault
    assert fault is not None
    assert fault.to_dict() == {"sentence": fault.message, "seq": None, "until": None}
    assert fault.message == (
        f"the header is signed with {export.last.id}, which is neither trusted nor endorsed from a key that is"
    )


@pytest.mark.parametrize(
    ("change", "seq", "sentence"),
    [
        (lambda text: text.replace("意见".encode(), "异见".encode()), 8, "entry 8 was altered"),
        (lambda text: text[:-2] + b" }\n", 8, "entry 8 was altered: its line is not the canonical JSON"),
        (lambda text: b"[" + text[1:], 8, "entry 8 was altered: its line is not the canonical JSON"),
        (lambda text: altered(text, seq=9), 8, "entry 8 was altered: its number is 9"),
        (lambda text: altered(text, seq=70), 8, "entry 8 was altered: its number is 70"),
        (lambda text: altered(text, previous=GENESIS), 8, "entry 8 was altered: it does not hold the digest"),
        (lambda text: altered(text, at="2026-11-20T00:00:00.000000Z"), 8, "entry 8 was altered: it is earlier"),
    ],
)
def test_an_altered_entry_is_named(export: Exported, change: Callable[[bytes], bytes], seq: int, sentence: str) -> None:
    lines = list(export.lines)
    at = place(lines, 8)
    lines[at] = change(lines[at])
    fault = fault_of(lines, export)
    assert (fault.seq, fault.until) == (seq, None)
    assert fault.message.startswith(sentence)


@pytest.mark.parametrize("seq", [1, 2, 9, 10, 11, 30, 31, 33, 50, 51, 59, 60])
def test_every_altered_entry_is_named_wherever_it_stands(export: Exported, seq: int) -> None:
    lines = list(export.lines)
    at = place(lines, seq)
    by = msgspec.json.decode(lines[at])["by"]
    lines[at] = altered(lines[at], by={**by, "name": "another"})
    assert fault_of(lines, export).seq == seq


@pytest.mark.parametrize("seq", [2, 11, 60])
def test_an_altered_link_is_named(export: Exported, seq: int) -> None:
    lines = list(export.lines)
    at = place(lines, seq)
    lines[at] = altered(lines[at], previous=f"sha256:{seq:064x}")
    assert fault_of(lines, export).seq == seq


@pytest.mark.parametrize(
    ("seq", "first", "until"), [(5, 1, 10), (10, 10, None), (15, 11, 20), (45, 33, 50), (55, 51, 60), (60, 60, None)]
)
def test_a_chain_made_anew_is_found_at_the_next_signature(
    export: Exported, seq: int, first: int, until: int | None
) -> None:
    fault = fault_of(rewritten(list(export.lines), seq, about=["policy:another"]), export)
    assert (fault.seq, fault.until) == (first, until)
    assert "altered" in fault.message


def test_removed_entries_are_named(export: Exported) -> None:
    lines = list(export.lines)
    del lines[place(lines, 25)]
    assert fault_of(lines, export) == LogFault("entry 25 was removed: entry 26 follows entry 24", 25)
    del lines[place(lines, 24)]
    assert fault_of(lines, export) == LogFault("entries 24 to 25 were removed: entry 26 follows entry 23", 24)


def test_moved_entries_are_named(export: Exported) -> None:
    lines = list(export.lines)
    first, second = place(lines, 12), place(lines, 17)
    lines[first], lines[second] = lines[second], lines[first]
    assert fault_of(lines, export) == LogFault("entry 12 was moved: entry 17 stands in its place", 12)


def test_entries_in_the_place_of_others_are_named(export: Exported) -> None:
    lines = list(export.lines)
    lines[place(lines, 12)] = export.lines[place(export.lines, 40)]
    assert fault_of(lines, export) == LogFault("entry 12 was removed: entry 40 stands in its place", 12)
    lines = list(export.lines)
    lines[place(lines, 12)] = export.lines[place(export.lines, 3)]
    assert fault_of(lines, export) == LogFault("entry 12 was removed: entry 3 stands in its place again", 12)


def test_entries_that_stand_twice_are_named(export: Exported) -> None:
    lines = list(export.lines)
    lines.insert(place(lines, 14), lines[place(lines, 13)])
    assert fault_of(lines, export) == LogFault("entry 13 stands twice, the second time behind entry 13", 13)


def test_entries_behind_the_end_are_named(export: Exported) -> None:
    last = export.lines[-1]
    more = altered(last, seq=61, previous=digest(last[:-1]))
    fault = fault_of([*export.lines, more], export)
    assert fault == LogFault("entry 61 was added behind the end: the header records 60 entries", 61)


def test_an_export_cut_short_is_found(export: Exported) -> None:
    at = place(export.lines, 56)
    assert fault_of(list(export.lines[:at]), export).message == (
        "entry 56 was removed, with all behind it: the log ends at entry 55, and the header records 60"
    )
    cut = fault_of([*export.lines[:at], export.lines[at][:-1]], export)
    assert cut == LogFault("after entry 55 the lines break off in the middle of one", 56)
    for few in (0, 1, 2, 3):
        fault_of(list(export.lines[:few]), export)
    fault_of([export.lines[0], export.lines[1][:-1]], export)


def test_the_entry_before_a_cut_is_vouched_for_by_nobody(export: Exported) -> None:
    lines = list(export.lines[: place(export.lines, 57)])
    at = place(lines, 56)
    lines[at] = altered(lines[at], previous=f"sha256:{1:064x}")
    fault = fault_of([*lines, b"{"], export)
    assert (fault.seq, fault.until) == (56, None)
    lines[at] = export.lines[at]
    lines[at - 1] = altered(lines[at - 1], about=[])
    fault = fault_of([*lines, b"{\n"], export)
    assert (fault.seq, fault.until) == (56, None)


# -------------------------------------------------------------------------- header, keys, checkpoints, other signers


def test_a_byte_order_mark_before_an_export_is_passed_over_and_utf_16_is_named(export: Exported) -> None:
    first, *others = export.lines
    assert verify_export([b"\xef\xbb\xbf" + first, *others], [export.first]).fault is None
    for encoding in ("utf-16", "utf-16-be"):
        wide = io.BytesIO(b"".join(export.lines).decode().encode(encoding))
        fault = verify_export(wide, [export.first]).fault
        assert fault is not None
        assert fault.message == "the export was saved as UTF-16: take it again, byte for byte"


def test_an_older_header_does_not_fit(export: Exported) -> None:
    assert fault_of([export.older[0], *export.lines[1:]], export).message == (
        "the header was altered, or signed with another key than the last of the export"
    )


def test_an_older_export_is_fine_in_itself_and_found_by_a_checkpoint_kept_elsewhere(export: Exported) -> None:
    older = [header_as_of(export, "2030-01-01T00:00:00.000000Z"), *export.older[1:]]
    copies = read_checkpoints(export.kept)
    assert verify_export(export.older, [export.first], copies).fault is None, "it ends before the later checkpoints"
    assert verify_export(older, [export.first], copies).fault is not None, "its header does not lie about its time"


def header_as_of(export: Exported, at: str) -> bytes:
    return altered(export.older[0], exported_at=at)


def signed_anew(lines: Lines, signer: Signer) -> Lines:
    """The same entries, with another key's signatures everywhere."""
    first = msgspec.json.decode(lines[place(lines, 1)])
    body = {**first["body"], "signing_key": signer.public.id, "public_key": signer.public.text}
    second = place(lines, 32)
    lines = [line for at, line in enumerate(lines) if at != second]
    entries = [line for line in lines if line.startswith(ENTRY)]
    entries[0] = altered(entries[0], body=body, about=[f"signing_key:{signer.public.id}"])
    tree, head, out, sealed = Tree(), GENESIS, [], []
    for seq, entry in enumerate(entries, 1):
        line = altered(entry, seq=seq, previous=head)[:-1]
        head = digest(line)
        tree.add(digest_bytes(head))
        out.append(line + b"\n")
        if seq in {10, 20}:
            sealed.append(checkpoint_line(Extent(seq, tree.root(), head), AT, signer))
            out.append(sealed[-1] + b"\n")
    header = header_line(Extent(len(entries), tree.root(), head), 1, sealed, AT, signer)
    return [header + b"\n", key_line(body) + b"\n", *out]


def test_a_log_signed_anew_with_another_key_is_only_fine_for_who_trusts_that_key(
    export: Exported, tmp_path: Path
) -> None:
    signer = make_key(tmp_path)
    forged = signed_anew(list(export.lines), signer)
    assert verify_export(forged, [signer.public]).fault is None
    assert "neither trusted nor endorsed" in fault_of(forged, export).message
    copies = verify_export(forged, [signer.public], read_checkpoints(export.kept)).fault
    assert copies is not None
    assert "kept elsewhere was altered, or signed with another key" in copies.message


def test_a_signature_for_another_log_of_one_entry_names_that_entry(export: Exported, tmp_path: Path) -> None:
    signer = make_key(tmp_path)
    forged = signed_anew(list(export.lines), signer)
    entry = next(line for line in forged if line.startswith(ENTRY))
    header = header_line(Extent(1, digest(b"another"), digest(b"other")), 1, [], AT, signer) + b"\n"
    fault = verify_export([header, forged[1], entry], [signer.public]).fault
    assert fault is not None
    assert fault.message == "entry 1 was altered: these are not the entries the header was signed for"


@pytest.mark.parametrize("number", range(6))
def test_a_checkpoint_may_not_be_dropped_moved_altered_or_signed_anew(
    export: Exported, number: int, tmp_path: Path
) -> None:
    at = checkpoints(export.lines)[number]
    line = export.lines[at]
    size = read_checkpoint(line[:-1]).extent.size
    dropped = [*export.lines[:at], *export.lines[at + 1 :]]
    assert fault_of(dropped, export).message == "the header states 6 checkpoints, and 5 are there"
    results = [*dropped[: at + 1], line, *dropped[at + 1 :]]
    assert fault_of(results, export).message.startswith(f"the checkpoint of {size} entries was moved")
    again = [*export.lines[:at], line, *export.lines[at:]]
    assert fault_of(again, export).message == "the header states 6 checkpoints, and 7 are there"
    spaced = [*export.lines[:at], line[:-2] + b" }\n", *export.lines[at + 1 :]]
    assert fault_of(spaced, export).message == f"the checkpoint behind entry {size} was altered"
    stranger = checkpoint_line(read_checkpoint(line[:-1]).extent, AT, make_key(tmp_path)) + b"\n"
    anew = [*export.lines[:at], stranger, *export.lines[at + 1 :]]
    assert "signed with another key" in fault_of(anew, export).message


def told_anew(export: Exported, keys: Lines, checkpoints: Sequence[bytes] = (), count: int | None = None) -> LogFault:
    """What is found when the key in use signs a header that does not fit its export."""
    signer = read_key(export.kept.parent.parent, export.last.id)
    old = msgspec.json.decode(export.lines[0])
    extent = Extent(old["size"], old["root"], old["head"])
    header = header_line(extent, len(keys) if count is None else count, checkpoints, AT, signer) + b"\n"
    fault = verify_export([header, *keys, *export.lines[3:]], [export.last]).fault
    assert fault is not None
    return fault


def test_a_header_must_fit_what_stands_behind_it(export: Exported) -> None:
    keys, sealed = list(export.lines[1:3]), [export.lines[at][:-1] for at in checkpoints(export.lines)]
    alone = altered(keys[1], endorsed_by=None, signature=None)
    assert told_anew(export, [alone]).message == "the public keys are not those that the log names"
    assert told_anew(export, keys, sealed, 3).message == "the header states 3 public keys, and 2 follow it"
    assert told_anew(export, keys, sealed[::-1]).message == "the checkpoints are not those the header was signed for"


def test_a_format_of_later_times_is_told(export: Exported) -> None:
    assert fault_of([altered(export.lines[0], format=3), *export.lines[1:]], export).message == (
        "the export has format 3, which this version of the service does not know"
    )


def test_a_header_that_names_another_log_does_not_fit(export: Exported) -> None:
    signer = read_key(export.kept.parent.parent, export.last.id)
    old = msgspec.json.decode(export.lines[0])
    sealed = [export.lines[at][:-1] for at in checkpoints(export.lines)]

    def signed(log: str) -> LogFault | None:
        header = header_line(Extent(old["size"], old["root"], old["head"]), 2, sealed, AT, signer, log) + b"\n"
        return verify_export([header, *export.lines[1:]], [export.last]).fault

    assert signed(old["log"]) is None
    assert signed(digest(b"another")) == LogFault("the header names another log than the one that begins with entry 1")


def test_a_checkpoint_that_an_earlier_key_signed_for_other_entries_tells_of_them(export: Exported) -> None:
    earlier = read_key(export.kept.parent.parent, export.first.id)
    newest = read_checkpoints(export.kept)[-1].extent
    other = Extent(newest.size, digest(b"other entries"), digest(b"another entry"))

    def found(extent: Extent) -> LogFault:
        copies = read_checkpoint(checkpoint_line(extent, BEFORE, earlier))
        fault = verify_export(export.lines, [export.last], [copies]).fault
        assert fault is not None
        return fault

    assert "the checkpoint kept elsewhere was altered, or signed with another key" in found(newest).message
    assert found(other) == LogFault(
        "entry 33 or one behind it, up to 50, was altered: these are not the entries a checkpoint was signed for",
        33,
        50,
    )

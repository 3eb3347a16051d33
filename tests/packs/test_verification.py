"""Whatever is altered, added or removed in a pack is named; also when the list is mended to fit."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policy_service.audit.keys import make_key
from policy_service.cli.packs import run_verify_pack
from policy_service.packs import verification
from policy_service.packs.builder import MANIFEST, SIGNATURE
from policy_service.packs.scope import Scope
from policy_service.packs.verification import InvalidPack, verify_pack
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.cli.command import call
from tests.effort import sample
from tests.packs.packing import Pack, copied, fill, packed

Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company(furnish=fill) as here:
        yield here


@pytest.fixture(scope="module")
def pack(here: Company, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return packed(here, tmp_path_factory.mktemp("pack") / "pack.zip", Scope(policy=TIER))


def faults(pack: Pack, file: Path) -> tuple[str, ...]:
    return verify_pack(file, [pack.key]).faults


def swapped(old: str, new: str) -> Change:
    """Says something else, once."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def one(pack: Pack, start: str, end: str) -> str:
    return next(name for name in pack.names() if name.startswith(start) and name.endswith(end))


def test_any_file_that_is_changed_is_named(pack: Pack, tmp_path: Path) -> None:
    for number, name in enumerate(sample(pack.manifest["files"], 3)):
        file = pack.tampered(tmp_path / f"{number}.zip", name, lambda content: content + b" ")
        assert any(name in fault for fault in faults(pack, file)), name


def test_a_file_that_is_removed_added_or_doubled_is_named(pack: Pack, tmp_path: Path) -> None:
    name = f"versions/{TIER}/1.1.0.yaml"
    assert f"{name} was removed" in faults(pack, pack.tampered(tmp_path / "removed.zip", name, None))
    more = copied(pack, tmp_path / "more.zip")
    with zipfile.ZipFile(more, "a") as opened:
        opened.writestr("extra.txt", "extra")
        with pytest.warns(UserWarning, match="Duplicate"):
            opened.writestr(name, "another")
    assert "extra.txt is not on the list of the pack" in faults(pack, more)
    assert f"{name} stands in it twice" in faults(pack, more)


@pytest.mark.parametrize(
    ("start", "end", "old", "new", "fault"),
    [
        ("versions/", "1.1.0.yaml", "90", "91", "does not have the digest of the version"),
        ("changes/", "/change.json", "larger limit", "lower limit", "what was submitted does not have the digest"),
        ("changes/", "/change.json", '"printed_name": "Sales"', '"printed_name": "Sally"', "that Sally signed"),
        ("decisions/", "/record.json", '"crm"', '"cms"', "does not say what was sealed"),
        ("decisions/", "/replay.json", '"decision_id": "0', '"decision_id": "1', "is about another decision"),
        ("decisions/", "/proof.json", '\\"crm\\"', '\\"cms\\"', "the record is not in the block"),
        ("audit/", "entries.ndjson", '\\"Sales\\"', '\\"Sally\\"', "is not in the log"),
        ("audit/", "entries.ndjson", '"seq":', '"seq":9', "line 1 was altered: it holds no entry"),
        ("audit/", "checkpoint.json", '"size":', '"size":9', "entries.ndjson"),
        ("audit/", "keys.ndjson", '"public_key":"', '"public_key":"0', "public key 1 was altered"),
    ],
)
def test_who_mends_the_list_too_is_found_out_by_the_signature_and_by_what_the_parts_say(
    pack: Pack, tmp_path: Path, start: str, end: str, old: str, new: str, fault: str
) -> None:
    name = next(
        name
        for name in pack.names()
        if name.startswith(start) and name.endswith(end) and old.encode() in pack.read(name)
    )
    errors = faults(pack, pack.relisted(tmp_path / "mended.zip", name, swapped(old, new)))
    assert any(fault in each for each in errors), errors
    assert any(MANIFEST in each or "keys.ndjson" in each for each in errors)
    assert not any("does not have the digest that the list says" in each for each in errors)


def test_a_signature_that_is_left_out_is_told(pack: Pack, tmp_path: Path) -> None:
    name = one(pack, "changes/", "/change.json")

    def without(content: bytes) -> bytes:
        change = json.loads(content)
        change["actions"] = [each for each in change["actions"] if each.get("role") != "compliance"]
        return json.dumps(change).encode()

    errors = faults(pack, pack.relisted(tmp_path / "left.zip", name, without))
    assert f"{name} was altered: it does not tell that Compliance signed as compliance" in errors


def test_a_report_that_is_changed_is_named_though_the_list_is_mended(pack: Pack, tmp_path: Path) -> None:
    name = next(name for name in pack.names() if "/reports/" in name)
    errors = faults(pack, pack.relisted(tmp_path / "report.zip", name, lambda content: content + b" "))
    assert f"{name} was altered: it does not have the digest of the report" in errors


def test_a_version_that_no_entry_names_is_told(pack: Pack, tmp_path: Path) -> None:
    def without(content: bytes) -> bytes:
        return b"".join(line + b"\n" for line in content.splitlines() if b"version_submitted" not in line)

    errors = faults(pack, pack.relisted(tmp_path / "unnamed.zip", "audit/entries.ndjson", without))
    assert f"versions/{TIER}/1.1.0.yaml: no entry of the log says that it was submitted or imported" in errors


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b'{"kind":"proof"}', b"\xff", b'{"kind":"\xff"}', b"[" * 9_999]
)
def test_parts_that_are_no_json_are_named(pack: Pack, tmp_path: Path, content: bytes) -> None:
    for start, end in (("changes/", "/change.json"), ("decisions/", "/proof.json"), ("decisions/", "/record.json")):
        name = one(pack, start, end)
        errors = faults(pack, pack.relisted(tmp_path / "none.zip", name, lambda _: content))
        assert any(fault.startswith(name) for fault in errors), name


def test_another_key_is_not_trusted(pack: Pack, tmp_path: Path) -> None:
    verdict = verify_pack(pack.file, [make_key(tmp_path).public]).faults
    assert any("no key in it is trusted" in fault for fault in verdict)


def test_a_manifest_or_a_signature_that_is_changed_is_named(pack: Pack, tmp_path: Path) -> None:
    changed = pack.tampered(tmp_path / "a.zip", MANIFEST, swapped("Compliance", "Somebody"))
    assert faults(pack, changed) == (f"{MANIFEST} was altered: it is not the one that was signed",)
    spoilt = pack.tampered(tmp_path / "b.zip", SIGNATURE, lambda _: b"{}")
    assert faults(pack, spoilt) == (f"{SIGNATURE} is not there, or was altered",)
    without = pack.tampered(tmp_path / "c.zip", SIGNATURE, None)
    assert faults(pack, without) == (f"{SIGNATURE} is not there, or was altered",)


@pytest.mark.parametrize(
    "content",
    [b"gossip", b"[]", b"{}", b'{"kind":"\xff"}', b'{"kind":"pack","format":1,"files":[],"counts":{}}'],
)
def test_what_is_no_pack_is_told(pack: Pack, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(InvalidPack, match="no zip"):
        verify_pack(tmp_path / "text", [pack.key])
    with pytest.raises(InvalidPack, match="is not the list"):
        verify_pack(pack.tampered(tmp_path / "a.zip", MANIFEST, lambda _: content), [pack.key])
    with pytest.raises(InvalidPack, match="it holds no"):
        verify_pack(pack.tampered(tmp_path / "b.zip", MANIFEST, None), [pack.key])
    monkeypatch.setattr(verification, "MAX_FILES", 3)
    with pytest.raises(InvalidPack, match="more than any pack"):
        verify_pack(pack.file, [pack.key])


def test_bytes_that_are_damaged_are_named(pack: Pack, tmp_path: Path) -> None:
    name = f"versions/{TIER}/1.1.0.yaml"
    file = copied(pack, tmp_path / "damaged.zip")
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as opened:
        start = opened.getinfo(name).header_offset + 30 + len(name)
    content[start : start + 8] = b"\xff" * 8
    file.write_bytes(bytes(content))
    assert any(name in fault for fault in faults(pack, file))


def test_the_command_ends_with_its_verdict(pack: Pack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    key.write_text(pack.key.to_pem())
    ended = call(capsys, "audit", "verify-pack", pack.file, "--public-key", key)
    assert (ended.status, ended.err) == (0, "")
    assert f"is fine: {len(pack.names())} files, 4 versions, 4 signatures, 9 decisions" in ended.out.replace("\n", " ")
    assert "replayed when it was made: 9 same" in ended.out
    result = call(capsys, "audit", "verify-pack", pack.file, "--public-key", key, "--json")
    assert json.loads(result.out)["fine"] is True
    changed = pack.tampered(tmp_path / "a.zip", "timeline.json", lambda content: content + b" ")
    ended = call(capsys, "audit", "verify-pack", changed, "--public-key", key)
    assert ended.status == 1
    assert "  timeline.json was altered: it does not have the digest that the list says" in ended.out
    for file, wrong in ((key, "is no audit pack"), (pack.file, "is no public key")):
        ended = call(capsys, "audit", "verify-pack", file, "--public-key", key if file == key else pack.file)
        assert ended.status == 2
        assert wrong in ended.err


def test_what_was_left_out_is_told(here: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = packed(here, tmp_path / "small.zip", Scope(policy=TIER, sample=2))
    (tmp_path / "key.pem").write_text(small.key.to_pem())
    assert run_verify_pack(small.file, tmp_path / "key.pem", as_json=False) == 0
    assert "left out: Decisions are a sample" in capsys.readouterr().out

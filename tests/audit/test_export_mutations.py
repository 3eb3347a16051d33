"""Two thousand exports, each altered by chance in one place: every one is found, and its entry is named."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import pytest

from policy_service.audit.export import verify_export
from policy_service.canonical import digest, to_canonical_json
from tests.audit.logs import Exported, exported

Lines = list[bytes]
ENTRY = b'{"about":'
MUTATIONS = 2_000
T = TypeVar("T")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(tmp_path_factory.mktemp("log"))


class Chance:
    """Even chances, the same ones every time."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, 0

    def below(self, end: int) -> int:
        self.asked += 1
        return int(digest(f"{self.seed} {self.asked}".encode()).removeprefix("sha256:"), 16) % end

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]


def mutate(lines: Lines, chance: Chance) -> tuple[str, Lines, int | None]:
    """What was done, the lines after it, and the entry that must be named when it can be told."""
    at = chance.below(len(lines))
    seqs = [msgspec.json.decode(line)["seq"] if line.startswith(ENTRY) else None for line in lines]
    kind = chance.one_of(("byte", "byte", "byte", "insert", "delete", "remove", "twice", "swap", "cut", "member"))
    line = bytearray(lines[at])
    seq = seqs[at]
    match kind:
        case "byte":
            index = chance.below(len(line))
            line[index] ^= chance.below(255) + 1
            if index == len(line) - 1:
                seq = None
        case "insert":
            line.insert(index := chance.below(len(line)), chance.below(256))
        case "delete":
            del line[(index := chance.below(len(line)))]
            if index == len(line):
                seq = None
        case "member":
            body = msgspec.json.decode(lines[at])
            name = chance.one_of(sorted(body))
            values: tuple[object, ...] = (None, 7, "sha256:0", {}, [], body.get("seq", 1))
            body[name] = chance.one_of(values)
            line = bytearray(to_canonical_json(body) + b"\n")
        case "remove":
            return kind, [*lines[:at], *lines[at + 1 :]], seq
        case "twice":
            return kind, [*lines[:at], lines[at], *lines[at:]], seq
        case "swap":
            other = chance.below(len(lines))
            swapped = list(lines)
            swapped[at], swapped[other] = lines[other], lines[at]
            return kind, swapped, None
        case _:
            whole = b"".join(lines)
            return kind, [whole[: chance.below(len(whole))]], None
    return kind, [*lines[:at], bytes(line), *lines[at + 1 :]], seq


@pytest.mark.parametrize("part", range(4))
def test_two_thousand_mutations_are_all_found_and_their_entry_is_named(export: Exported, part: int) -> None:
    whole = b"".join(export.lines)
    for seed in range(part * MUTATIONS // 4, (part + 1) * MUTATIONS // 4):
        kind, lines, seq = mutate(list(export.lines), Chance(seed))
        content = b"".join(lines)
        if content == whole:
            continue
        fault = verify_export(io.BytesIO(content), [export.first]).fault
        assert fault is not None, (seed, kind)
        if seq is not None:
            assert fault.seq == seq, (seed, kind, fault)

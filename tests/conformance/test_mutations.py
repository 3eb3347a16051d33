"""A broken policy file is refused with a PolicyError, however it is broken."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from tests.conformance.generate import generate
from tests.effort import effort

FOLDER = Path(__file__).parent / "cases"
FILES = [path.read_bytes() for path in sorted(FOLDER.glob("*.yaml")) if path.stat().st_size < 4_000]
PIECES = (
    b"'", b'"', b"[", b"]", b"{", b"}", b": ", b"- ", b"#", b"\n", b"\r\n", b"\t", b"&a ", b"*a", b"!!int ",
    b"|\n", b">-\n", b"---\n", b"%YAML 2.0\n", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xe9\x9b\xb6", b"\xf0\x9f\x98\x80",
    b"\xef\xbb\xbf", b"\\", b"\xc2\x85", b" and ", b" or ", b"not(", b" is missing", b" in ", b"..", b"?", b"-",
    b" / 0", b" * 1e9", b"99999999999999999999", b"null", b"true", b"~", b"as_of", b"score", b'date("2026-02-30")',
    b'@"P1D"', b".days", b"round(", b"(((((((((((", b")",
    b"max()", b"list", b"str", b"when", b"then", b"id", b"facts", b"rules:",
    b"\xe2\x80\x9c", b'duration("P1M")',
    b"0", b"-1", b"1.5", b"<<", b"? ", b"=", b"UNIQUE",
)  # fmt: skip


def delete(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice((1, 1, 2, 5, 40)) :]


def insert(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + rng.choice(PIECES) * rng.choice((1, 1, 1, 3)) + content[start:]


def replace(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + rng.choice(PIECES) + content[start + rng.choice((1, 2, 4, 8)) :]


def flip(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + bytes([rng.randrange(256)]) + content[start + 1 :]


def lines(rng: random.Random, content: bytes) -> bytes:
    parts = content.split(b"\n")
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    match rng.randrange(4):
        case 0:
            del parts[one]
        case 1:
            parts.insert(one, parts[other])
        case 2:
            parts[one], parts[other] = parts[other], parts[one]
        case _:
            parts[one] = b" " * rng.randrange(9) + parts[one].strip()
    return b"\n".join(parts)


def words(rng: random.Random, content: bytes) -> bytes:
    """Puts one word of the file in the place of another."""
    result = content.split(b" ")
    result[rng.randrange(len(result))] = rng.choice(result)
    return b" ".join(result)


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    delete,
    insert,
    insert,
    replace,
    replace,
    flip,
    lines,
    words,
    words,
    cut,
)


MUTATED = effort(70, 200)
"""Files of a block."""


def mutated(rng: random.Random) -> bytes:
    """A valid policy file with a few changes."""
    content = rng.choice(FILES) if rng.random() < 0.6 else generate(rng).text.encode()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(MUTATIONS)(rng, content) or b"x"
    return content


@pytest.mark.parametrize("block", range(12))
def test_a_broken_file_is_refused_and_nothing_else_happens(block: int) -> None:
    refused = [error for index in range(MUTATED) if (error := refusal(mutated(random.Random(f"{block}/{index}"))))]
    assert len(refused) > MUTATED / 2
    for error in refused:
        assert error.diagnostics
        assert error.render()
        for diagnostic in error.diagnostics:
            assert diagnostic.message
            assert diagnostic.span.line >= 1
            assert diagnostic.span.column >= 1


def refusal(content: bytes) -> PolicyError | None:
    """What the loader says of a file, or None when it takes it."""
    try:
        load_bytes(content)
    except PolicyError as error:
        return error
    except Exception as error:
        raise AssertionError(f"{error!r} for\n{content!r}") from error
    return None

"""JSON read exactly: decimals from their text, whole numbers in full, every key once, no NaN, no deep nesting.

A byte order mark is ignored (RFC 8259 section 8.1 leaves this to the parser).

    read_json(b'{"facts": {"amount_12m": 800000.10}}')     # → {"facts": {"amount_12m": Decimal("800000.10")}}

msgspec decodes; of duplicate members it silently keeps the last. Each member has a colon, so if the text has as many
colons as members there is no duplicate, which is nearly always the case. Only otherwise is the text parsed a second
time.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from policy_service.characters import UTF8_BOM, detect_wide_encoding
from policy_service.language.diagnostics import shorten

MAX_LEVELS = 32
"""Maximum depth of nested objects and lists; facts need two."""

_BYTE = re.compile(r"\(byte ([0-9]+)\)")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class NotJsonError(ValueError):
    """The bytes are no JSON that can be read exactly; the message tells their author why."""


def read_json(content: bytes) -> Any:  # noqa: ANN401  # whatever the bytes hold
    """Parse UTF-8 JSON text; numbers with a point or an exponent become Decimal, never float.

    Raises NotJsonError.
    """
    content = content.removeprefix(UTF8_BOM)
    try:
        value = _DECODER.decode(content)
    except UnicodeDecodeError:
        raise NotJsonError(_encoding_error(content) or "the text is not UTF-8") from None
    except RecursionError:
        raise NotJsonError(f"objects and lists nest more than {MAX_LEVELS} deep") from None
    except InvalidOperation:
        raise NotJsonError("a number has an exponent beyond all bounds") from None
    except msgspec.DecodeError as error:
        raise NotJsonError(_error_reason(str(error), content)) from None
    if content.count(b"[") + content.count(b"{") > MAX_LEVELS and _levels(value) > MAX_LEVELS:
        raise NotJsonError(f"objects and lists nest more than {MAX_LEVELS} deep")
    if content.count(b":") != _members(value):
        json.loads(content, object_pairs_hook=_reject_duplicates, parse_float=str, parse_int=str)
    return value


def _members(value: object) -> int:
    """Count the members of an object and of its direct objects, not deeper ones."""
    if not isinstance(value, dict):
        return 0
    return len(value) + sum(len(inner) for inner in value.values() if isinstance(inner, dict))


def _reject_duplicates(pairs: list[tuple[str, object]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise NotJsonError(f"`{shorten(name)}` is written twice in one object")
        names.add(name)


def _levels(value: object) -> int:
    """Return the depth of nested objects and lists, without recursion."""
    levels, inner = 0, [value]
    while inner := [item for item in inner if isinstance(item, dict | list)]:
        levels += 1
        inner = [child for item in inner for child in (item.values() if isinstance(item, dict) else item)]
    return levels


def _encoding_error(content: bytes) -> str | None:
    encoding = detect_wide_encoding(content)
    return f"the text is {encoding}: send it in UTF-8" if encoding else None


def _error_reason(message: str, content: bytes) -> str:
    if not content.strip():
        return "the text is empty"
    if error := _encoding_error(content):
        return error
    if message.startswith("Integer value"):
        return "a whole number has thousands of digits"
    if message.startswith("Input data was truncated"):
        return "the text ends too early"
    if (position := _BYTE.search(message)) and content[int(position[1]) :].startswith((b"NaN", b"Infinity")):
        return f"NaN and Infinity are no numbers (byte {position[1]})"
    return message.removeprefix("JSON is malformed: ")

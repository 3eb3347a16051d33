"""Characters that a reader cannot see or distinguish, so that what is shown is what is stored.

Text written by people must not contain hidden characters: bidirectional controls, zero-width and other ignorable
characters. An identifier (a subject, a name) must also be canonical: stripped, no blank but the space, no full-width
letters, digits and signs except Chinese punctuation, composed characters (Unicode NFC).

The hidden characters are those that are Default_Ignorable_Code_Point in Unicode 15 (UAX #44), the line and paragraph
separators and the annotation controls; control characters but for tab and line ends; and lone surrogates. A variation
selector chooses the shape of the character before it, so text may hold it and an identifier may not (UTS #39).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator

from policy_service.messages import Message

UTF8_BOM = b"\xef\xbb\xbf"
"""The byte order mark in UTF-8, which many programs write before a text and readers ignore."""
_WIDE = (
    ("UTF-32", re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff|[^\0]\0\0\0|\0\0\0[^\0]", re.DOTALL)),
    ("UTF-16", re.compile(rb"\xff\xfe|\xfe\xff|[^\0]\0|\0[^\0]", re.DOTALL)),
)
_CONTROLS = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff"
_IGNORABLE = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164"
    "\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff"
)
_SELECTORS = "\\ufe00-\\ufe0f\\U000e0100-\\U000e01ef"
HIDDEN_CHARACTER = re.compile(f"[{_CONTROLS}{_IGNORABLE}]")
"""An invisible character of a text."""
_HIDDEN_IN_IDENTIFIER = re.compile(f"[\\t\\n\\r{_CONTROLS}{_IGNORABLE}{_SELECTORS}]")
_FULL_WIDTH = re.compile("[\\uff02-\\uff07\\uff0a\\uff0b\\uff0d-\\uff19\\uff1c-\\uff1e\\uff20-\\uff5d]")
"""The full-width forms of ASCII except ！（），：；？～, which Chinese uses."""
_SAME_SHAPE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеіјорсухѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονια",
    "ABESIJKMHOPCTYXaeijopcyxsdhqwABEZHIKMNOPTYXovia",
)
"""Cyrillic and Greek letters, and the Latin letter that each looks like (a part of Unicode's confusables, UTS #39)."""


def find_hidden_character(text: str) -> re.Match[str] | None:
    """Return the first invisible character of `text`, or None."""
    return None if text.isascii() and text.isprintable() else HIDDEN_CHARACTER.search(text)


def iter_hidden_characters(text: str) -> Iterator[re.Match[str]]:
    """Return every invisible character of `text`."""
    return HIDDEN_CHARACTER.finditer(text)


def spelling_error(identifier: str) -> Message | None:
    """Return why `identifier` is not canonical, with what to write; None when it is."""
    if identifier.isascii() and identifier.isprintable() and identifier[:1] != " " != identifier[-1:]:
        return None
    if match := _HIDDEN_IN_IDENTIFIER.search(identifier):
        return Message("leave out the hidden character {character}", character=describe_character(match[0]))
    if identifier != identifier.strip():
        return Message("leave out the blanks around it")
    for character in identifier:
        if character != " " and character.isspace():
            return Message("write a space for the blank {character}", character=describe_character(character))
    if _FULL_WIDTH.search(identifier):
        half = _FULL_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), identifier)
        return Message("write `{half}`, in half-width letters and digits", half=half)
    if not unicodedata.is_normalized("NFC", identifier):
        return Message("write it with composed characters (Unicode NFC)")
    return None


def text_error(text: str) -> Message | None:
    """Return why a text is unreadable as it stands, with what to do; None when it has no hidden character."""
    if (match := find_hidden_character(text)) is None:
        return None
    return Message("leave out the hidden character {character}", character=describe_character(match[0]))


def escape_hidden(text: str) -> str:
    """Return the text with every hidden character escaped as JSON escapes it."""
    if find_hidden_character(text) is None:
        return text
    return HIDDEN_CHARACTER.sub(lambda match: json.dumps(match[0])[1:-1], text)


def describe_character(character: str) -> str:
    """Return a character by its code point and its name: `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def skeleton(text: str) -> str:
    """Return the visual skeleton of `text`: texts with equal skeletons look alike.

    Width, composition (NFKC), hidden characters, and Cyrillic or Greek letters shaped like Latin ones make no
    difference.
    """
    return _HIDDEN_IN_IDENTIFIER.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME_SHAPE)


def detect_wide_encoding(content: bytes) -> str | None:
    """Return `UTF-16` or `UTF-32` if bytes expected to be UTF-8 seem to be in that encoding, else None.

    Detected by the byte order mark (Unicode 15, section 23.8), or by the zero bytes of the first ASCII character.
    """
    return next((name for name, pattern in _WIDE if pattern.match(content)), None)

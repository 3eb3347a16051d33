"""The typeface of pages, drawings and PDF files, and the characters it lacks.

The files are Noto Sans SC, Noto Sans for western letters that it lacks, and Noto Sans Mono, all under the SIL Open Font
License 1.1, cut to the characters listed in `tools/make_faces.py`. Browsers get WOFF2 (`api/static/faces.css`), the PDF
engine TrueType (`print.css`), of the same characters. A character that is in none of them would be a hole or a box,
unless the reader's machine happens to have a font for it: pages name it, and paper has its code point instead.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from policy_service.characters import find_hidden_character

FOLDER: Final = Path(__file__).parent
CHARACTERS: Final = FOLDER / "characters.txt"
"""Every character in the typeface's files, in order, as `make.py` wrote them: parsing fonts is slow."""
SELECTORS: Final = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Variation selectors: they choose the shape of the previous character, and are not drawn themselves."""


def missing_glyphs(text: str) -> tuple[str, ...]:
    """Return the visible characters of `text` that the typeface lacks, each once, by code point."""
    if text.isascii():
        return ()
    characters = set(text) - _drawn()
    return tuple(sorted(each for each in characters if not each.isspace() and find_hidden_character(each) is None))


def spell_out(text: str) -> str:
    """Return `text` with each character that the typeface lacks replaced by its code point, `[U+1F600]`.

    The text may be HTML, in which the replacement needs no escapes.
    """
    if not (characters := missing_glyphs(text)):
        return text
    return text.translate({ord(each): f"[{code_point(each)}]" for each in characters})


def code_point(character: str) -> str:
    """Return the code point of a character: `U+1F600`."""
    return f"U+{ord(character):04X}"


@cache
def _drawn() -> frozenset[str]:
    """Return the characters that some file draws, and those that draw nothing."""
    return frozenset(CHARACTERS.read_bytes().decode() + SELECTORS)

"""The typeface of pages, drawings and PDF files, and the characters that it cannot draw.

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
"""Every character that a file of the typeface holds, in order, as `make.py` wrote them: fonts take long to read."""
SELECTORS: Final = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Variation selectors: they choose the shape of the character before them, and draw nothing themselves."""


def missing_glyphs(text: str) -> tuple[str, ...]:
    """Return the characters of `text` that the typeface cannot draw, each once, by code point.

    Blanks and hidden characters draw nothing anywhere, and are not among them.
    """
    if text.isascii():
        return ()
    characters = set(text) - _drawn()
    return tuple(sorted(each for each in characters if not each.isspace() and find_hidden_character(each) is None))


def spell_out(text: str) -> str:
    """Return `text` with the code point, as in `[U+1F600]`, for every character that the typeface cannot draw.

    The text may be HTML: nothing in the replacement has a meaning there.
    """
    if not (characters := missing_glyphs(text)):
        return text
    return text.translate({ord(each): f"[{code_point(each)}]" for each in characters})


def code_point(character: str) -> str:
    """Return the code point of a character as people write it: `U+1F600`."""
    return f"U+{ord(character):04X}"


@cache
def _drawn() -> frozenset[str]:
    """Return the characters that some file draws, and those that draw nothing."""
    return frozenset(CHARACTERS.read_bytes().decode() + SELECTORS)

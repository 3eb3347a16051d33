"""The typeface of pages, drawings and PDF files, and the characters that it cannot draw.

The files are Noto Sans SC, Noto Sans for western letters that it lacks, and Noto Sans Mono, all under the SIL Open Font
License 1.1, cut to the characters listed in `make.py`. Browsers get WOFF2 (`api/static/faces.css`), the PDF engine
TrueType (`print.css`), of the same characters. A character that is in none of them would be a hole or a box, unless the
reader's machine happens to have a font for it: pages name it, and paper has its code point instead.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont

from policy_service.characters import find_hidden_character

FOLDER: Final = Path(__file__).parent
ALL_CHARACTERS: Final = ("sans-400.ttf", "latin-400.ttf", "mono-400.ttf")
"""The files that together hold every character that any of them holds."""
SELECTORS: Final = "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Variation selectors: they choose the shape of the character before them, and draw nothing themselves."""


def missing_glyphs(text: str) -> tuple[str, ...]:
    """Return the characters of `text` that the typeface cannot draw, each once, by code point.

    Blanks and hidden characters draw nothing anywhere, and are not among them.
    """
    if text.isascii():
        return ()
    characters = set(_not_held().findall(text))
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


def characters(*names: str) -> set[str]:
    """Return the characters that some of the files hold together."""
    held: set[str] = set()
    for name in names:
        with TTFont(FOLDER / name, lazy=True) as font:
            font.setGlyphOrder(range(font["maxp"].numGlyphs))  # names of the glyphs take ten times as long
            held.update(map(chr, font.getBestCmap()))
    return held


@cache
def _not_held() -> re.Pattern[str]:
    """Return the pattern of a character that no file holds."""
    return re.compile(f"[^{re.escape(''.join(sorted(characters(*ALL_CHARACTERS))))}{SELECTORS}]")

"""The languages of the pages: the reader's choice, and the message catalogues.

The catalogues are `api/locales/zh_CN/<area>.po`, read as they stand; English is the language of the messages
themselves. An area is a feature; `shell` is the frame of all pages, `library` all others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale
from starlette.requests import Request

from policy_service.language.policy import Language

COOKIE = "policy_service_language"
LOCALES = Path(__file__).parent.parent / "locales"
LOCALE: Final[Mapping[Language, Locale]] = {"zh": Locale.parse("zh_CN"), "en": Locale("en", "GB")}
_TEXT: Final = r'"[^\n]*"(?:\n"[^\n]*")*'
_ENTRY: Final = re.compile(rf"^msgid ({_TEXT})\n(?:msgid_plural {_TEXT}\n)?msgstr(?:\[0\])? ({_TEXT})", re.MULTILINE)
_LINES: Final = re.compile(r'"\n"')
TAG: Final[Mapping[Language, str]] = {"zh": "zh-CN", "en": "en"}
"""The language tags of pages (RFC 5646)."""


def language_of(request: Request) -> Language:
    """Return the language the reader chose, or the browser prefers; English by default."""
    preferred = request.cookies.get(COOKIE)
    if preferred in {"zh", "en"}:
        return "zh" if preferred == "zh" else "en"
    return _preferred_language(request.headers.get("accept-language", ""))


def _preferred_language(header: str) -> Language:
    """Return the first of the two languages in the order of `Accept-Language` (RFC 9110 section 12.5.4)."""
    candidates: list[tuple[float, int, Language]] = []
    for position, part in enumerate(header[:500].split(",")):
        name, _, weight = part.strip().partition(";")
        primary = name.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if quality > 0 and primary in {"zh", "en"}:
            candidates.append((-quality, position, "zh" if primary == "zh" else "en"))
    return min(candidates)[2] if candidates else "en"


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The translations of a language by English message, with the `gettext` methods of the standard library.

    Chinese has no plural, so a counted message has one translation.
    """

    texts: Mapping[str, str]

    def gettext(self, message: str) -> str:
        """Return the translation of a message; the message itself if there is none."""
        return self.texts.get(message, message)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the translation of a counted message."""
        return self.texts.get(singular) or (singular if count == 1 else plural)


@cache
def translations(lang: Language) -> Catalogue:
    """Return all messages of the pages in a language."""
    files = sorted((LOCALES / "zh_CN").glob("*.po")) if lang == "zh" else ()
    return Catalogue({english: text for file in files for english, text in _read_catalogue(file) if english})


def _read_catalogue(file: Path) -> list[tuple[str, str]]:
    """Return the messages of a catalogue file with their translations, the header first."""
    # not by Babel, which takes a tenth of a second to read all files
    entries = _ENTRY.findall(file.read_text("utf-8"))
    return [(json.loads(_LINES.sub("", english)), json.loads(_LINES.sub("", text))) for english, text in entries]

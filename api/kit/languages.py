"""The languages of the pages: which one a reader wants, and the catalogues that hold every word of them.

The catalogues are `api/locales/zh_CN/<area>.po`, read as they stand; English is the language of the messages
themselves. An area is a feature; `shell` is the frame of all pages, `library` all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request

from policy_service.language.policy import Language

COOKIE = "policy_service_language"
LOCALES = Path(__file__).parent.parent / "locales"
LOCALE: Final[Mapping[Language, Locale]] = {"zh": Locale.parse("zh_CN"), "en": Locale("en", "GB")}
TAG: Final[Mapping[Language, str]] = {"zh": "zh-CN", "en": "en"}
"""What a page says its language is (RFC 5646)."""


def language_of(request: Request) -> Language:
    """The language a reader chose, or the one the browser asks for; English when it asks for neither."""
    preferred = request.cookies.get(COOKIE)
    if preferred in {"zh", "en"}:
        return "zh" if preferred == "zh" else "en"
    return _preferred_language(request.headers.get("accept-language", ""))


def _preferred_language(header: str) -> Language:
    """The first of the two languages in the order of `Accept-Language` (RFC 9110 section 12.5.4)."""
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


@cache
def translations(lang: Language) -> Translations:
    """All words of the pages in a language."""
    merged = Translations()
    if lang == "zh":
        merged.plural = _no_plural  # merging leaves out how a catalogue counts
        for file in sorted((LOCALES / "zh_CN").glob("*.po")):
            merged.merge(_read_catalogue(file))  # type: ignore[no-untyped-call]  # Babel has no types
    return merged


def _no_plural(_: int) -> int:
    """Chinese says one and several alike."""
    return 0


def _read_catalogue(file: Path) -> Translations:
    with file.open("rb") as text:
        catalogue = read_po(text, locale=LOCALE["zh"], abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)

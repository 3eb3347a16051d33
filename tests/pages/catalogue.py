"""Collect the messages of the service and its library: `python -m tests.pages.catalogue [AREA]…`.

Writes `api/locales/zh_CN/<area>.po` anew: a message that is gone is dropped, a new one has an empty translation, which
a test refuses. The catalogues name no files, so that moving a module changes none of them.

An area is a feature: a folder of `api/features` and its folder of `api/templates`; `shell` is the frame of all pages
(`api/kit` and the templates beside the folders); `library` is `policy_service` and the rest of `api`. A message of two
areas is translated in each, alike; one that moves to another area takes its translation along.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from api.kit.languages import LOCALES
from tests.architecture.project import ROOT

TEMPLATES = ROOT / "api" / "templates"
FEATURES = ROOT / "api" / "features"
KIT = ROOT / "api" / "kit"
FOLDER = LOCALES / "zh_CN"
KEYWORDS: dict[str, Any] = {"Message": None, "_": None, "gettext": None, "ngettext": (1, 2)}
OPTIONS = {"trimmed": "false", "silent": "false", "extensions": "jinja2.ext.i18n,jinja2.ext.do"}
METHODS = {".py": "python", ".html": "jinja2.ext:babel_extract", ".txt": "jinja2.ext:babel_extract"}
HEAD = r"""# What the pages say, in Chinese. Written anew by `python -m tests.pages.catalogue`, keeping translations.
msgid ""
msgstr ""
"Language: zh_CN\n"
"Plural-Forms: nplurals=1; plural=0;\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""
Key = str | tuple[str, str]


@cache
def areas() -> tuple[str, ...]:
    """Return every area that has a message."""
    return tuple(sorted({area for file in sources() if any(_messages(file)) for area in [area_of(file)]}))


def sources() -> Iterator[Path]:
    """List every file that may hold a message for a person."""
    for folder in (ROOT / "api", ROOT / "policy_service"):
        yield from (file for file in sorted(folder.rglob("*")) if file.suffix in METHODS and file.name != "docs.html")


def area_of(file: Path) -> str:
    """Return the area of a file."""
    for folder in (FEATURES, TEMPLATES):
        if file.is_relative_to(folder):
            parts = file.relative_to(folder).parts
            return parts[0] if len(parts) > 1 and parts[0] != "kit" else "shell"
    return "shell" if file.is_relative_to(KIT) else "library"


def messages_of(area: str) -> set[Key]:
    """Collect the messages of an area, each a text or a pair of singular and plural."""
    return {message for file in sources() if area_of(file) == area for message in _messages(file)}


def _messages(file: Path) -> Iterator[Key]:
    for _, message, _, _ in extract(METHODS[file.suffix], BytesIO(file.read_bytes()), KEYWORDS, options=OPTIONS):
        if isinstance(message, str):
            if message:
                yield message
        elif message and isinstance(message[0], str):
            yield (str(message[0]), str(message[1]))


def read_catalogue(area: str) -> Catalog:
    """Read the catalogue of an area."""
    file = FOLDER / f"{area}.po"
    if not file.exists():
        return Catalog(locale="zh_CN")
    with file.open("rb") as text:
        return read_po(text, locale="zh_CN", abort_invalid=True)


def translations() -> dict[str, str]:
    """Return every translation there is, by its message (of a pair, by the singular)."""
    messages = (message for file in FOLDER.glob("*.po") for message in read_catalogue(file.stem) if message.id)
    return {_first(message.id): _first(message.string) for message in messages if any(message.string)}


def _first(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]


def update(area: str, known: Mapping[str, str]) -> int:
    """Write the catalogue of an area anew; return how many translations are missing."""
    fresh, missing = Catalog(locale="zh_CN", charset="utf-8", fuzzy=False), 0
    for key in messages_of(area):
        text = known.get(key[0] if isinstance(key, tuple) else key, "")
        missing += not text
        fresh.add(key, (text,) if isinstance(key, tuple) else text)
    with (FOLDER / f"{area}.po").open("wb") as out:
        out.write(HEAD.encode())
        write_po(out, fresh, width=118, sort_output=True, omit_header=True)
    return missing


def main(expected: Iterable[str]) -> int:
    """Update the catalogues; fail while translations are missing."""
    total, known = 0, translations()
    for area in list(expected) or areas():
        missing = update(area, known)
        total += missing
        sys.stdout.write(f"{area}: {missing} without a translation\n")
    for file in FOLDER.glob("*.po"):
        if file.stem not in areas():
            file.unlink()
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

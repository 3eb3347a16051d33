"""The words of the pages, collected from where they are said: `python -m tests.pages.catalogue [AREA]…`.

Writes `api/locales/zh_CN/<area>.po` anew: what is no longer said goes, what is new has an empty translation, which a
test refuses. An area is a feature: a folder of `api/features` and of `api/templates`; `shell` is the kit of the pages
and what stands beside the folders of the templates; `library` is what the library and the rest of `api` refuse. What
two areas say alike is translated in each; what moves to another area keeps its translation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
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


def areas() -> list[str]:
    """Every area that says something."""
    return sorted({area_of(file) for file in sources()})


def sources() -> Iterator[Path]:
    """Every file that may say something to a person."""
    for folder in (ROOT / "api", ROOT / "policy_service"):
        yield from (file for file in sorted(folder.rglob("*")) if file.suffix in METHODS and file.name != "docs.html")


def area_of(file: Path) -> str:
    """The area of a file."""
    for folder in (FEATURES, TEMPLATES):
        if file.is_relative_to(folder):
            parts = file.relative_to(folder).parts
            return parts[0] if len(parts) > 1 and parts[0] != "kit" else "shell"
    if file.is_relative_to(KIT):
        return "shell"
    return "library"


def said(area: str) -> dict[Key, set[str]]:
    """What an area says: each message, or pair of singular and plural, with the files that say it."""
    found: dict[Key, set[str]] = {}
    for file in sources():
        if area_of(file) == area:
            for message in _messages(file):
                found.setdefault(message, set()).add(str(file.relative_to(ROOT)))
    return found


def _messages(file: Path) -> Iterator[Key]:
    for _, message, _, _ in extract(METHODS[file.suffix], BytesIO(file.read_bytes()), KEYWORDS, options=OPTIONS):
        if isinstance(message, str):
            if message:
                yield message
        elif message and isinstance(message[0], str):
            yield (str(message[0]), str(message[1]))


def kept(area: str) -> Catalog:
    """The catalogue of an area as it stands."""
    file = FOLDER / f"{area}.po"
    if not file.exists():
        return Catalog(locale="zh_CN")
    with file.open("rb") as text:
        return read_po(text, locale="zh_CN", abort_invalid=True)


def update(area: str, others: Iterable[Catalog] = ()) -> int:
    """Writes the catalogue of an area anew; gives how many translations are missing.

    What the area did not say before is translated as the `others` do.
    """
    before, fresh, missing = [kept(area), *others], Catalog(locale="zh_CN", charset="utf-8", fuzzy=False), 0
    for key, files in sorted(said(area).items(), key=str):
        found = (catalogue.get(key[0] if isinstance(key, tuple) else key) for catalogue in before)
        text = next((old.string for old in found if isinstance(old, Message) and old.string), "")
        missing += not (text if isinstance(text, str) else all(text))
        fresh.add(key, text or None, locations=[(file, 0) for file in sorted(files)])
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{area}.po").open("wb") as out:
        out.write(HEAD.encode())
        write_po(out, fresh, width=118, sort_output=True, omit_header=True, include_lineno=False)
    return missing


def main(wanted: Iterable[str]) -> int:
    """Updates the catalogues; fails while translations are missing."""
    total, others = 0, [kept(file.stem) for file in sorted(FOLDER.glob("*.po"))]
    for area in list(wanted) or areas():
        missing = update(area, others)
        total += missing
        sys.stdout.write(f"{area}: {missing} without a translation\n")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

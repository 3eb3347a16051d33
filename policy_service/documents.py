"""The product's documents as HTML, from Markdown without raw HTML, with links and pictures served by the service.

Each is rendered once per language and cached: there are about sixty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from policy_service.language.policy import Language
from policy_service.shipped import shipped_documents

if TYPE_CHECKING:
    from markdown_it.token import Token

INDEX = "README"
OTHER_LANGUAGE = re.compile(r"^\[(?:中文|English)\]\([\w.-]+\)\n+", re.MULTILINE)
"""The line that links to a document's other language, which the frame of each page does already."""
CHINESE = ".zh.md"


@dataclass(frozen=True, slots=True)
class Document:
    """A document in one language."""

    title: str
    body: Markup


REGULATIONS = "reference/regulations"
"""The document about the shipped regulation alone: the page of the regulations has those of the company."""


def _files() -> Mapping[str, Path]:
    folder = shipped_documents()
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.*"))}
    return {
        path: file
        for path, file in files.items()
        if file.suffix in {".md", ".png"} and not path.startswith(f"{REGULATIONS}.")
    }


FILES: Final = _files()
"""Every document and picture by path; nothing else is served."""


def picture(language: str, name: str) -> bytes | None:
    """Return a picture; None if there is none."""
    file = FILES.get(f"images/{language}/{name}")
    return file.read_bytes() if file and file.suffix == ".png" else None


def document(path: str, lang: Language) -> Document | None:
    """Return the document at `path`, such as `how-to/sign-a-change`, or None; in English if there is no Chinese."""
    translated = f"{path}{CHINESE}" if lang == "zh" else ""
    name = translated if translated in FILES else f"{path}.md"
    return _rendered(name) if name in FILES and not path.endswith(".zh") else None


@cache
def _rendered(name: str) -> Document:
    """Render one of `FILES`."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  # a start does without it
    from markdown_it.token import Token  # noqa: PLC0415

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(OTHER_LANGUAGE.sub("", FILES[name].read_text("utf-8"), count=1))
    titles = _headings(tokens)
    if name.endswith(CHINESE):  # pages in English lead to headings by their English words
        english = markdown.parse(FILES[name.replace(CHINESE, ".md")].read_text("utf-8"))
        for heading, same in zip(titles, _headings(english), strict=False):
            mark = Token("html_inline", "", 0, content=f'<span id="{anchor_of(same.content)}"></span>')
            heading.children = [mark, *(heading.children or ())]
    _rewrite(tokens, PurePosixPath(name).parent)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Document(titles[0].content, Markup(_scrolling(html)))  # noqa: S704  # the product's own text, rendered without HTML


def address_of(target: str, folder: PurePosixPath) -> str | None:
    """Return the page to which a link of a document in `folder` leads; None for a file that is not served."""
    if "://" in target:
        return target
    file, hash_sign, anchor = target.partition("#")
    if not file:
        return target
    path = normpath(folder / file)
    name = path.removesuffix(CHINESE).removesuffix(".md")
    if name == REGULATIONS:
        return "/regulations"
    if path not in FILES:
        return None
    return ("/help" if name == INDEX else f"/help/{name}") + hash_sign + anchor


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as code hosts generate it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _headings(tokens: Sequence[Token]) -> list[Token]:
    """Return the content of each heading."""
    return [tokens[place + 1] for place, token in enumerate(tokens) if token.type == "heading_open"]


def _rewrite(tokens: Sequence[Token], folder: PurePosixPath) -> None:
    """Add anchors to headings, and rewrite links and pictures; a link to a file that is not served becomes text."""
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor_of(tokens[place + 1].content))
        is_dead = False
        for child in token.children or ():
            if child.type == "link_open":
                address = address_of(str(child.attrGet("href")), folder)
                is_dead = address is None
                child.attrs = {} if address is None else {"href": address}
            if child.type == "image":
                child.attrSet("src", str(address_of(str(child.attrGet("src")), folder)))
            if child.type in {"link_open", "link_close"} and is_dead:
                child.tag = "span"


def _scrolling(html: str) -> str:
    """Wrap wide tables so that they scroll horizontally."""
    return html.replace("<table>", '<div class="scrolls" tabindex="0"><table>').replace("</table>", "</table></div>")

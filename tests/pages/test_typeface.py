"""The typeface: its files are as they were made, it draws what the service says, and no character is lost silently."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.faces import CHARACTERS, FOLDER, code_point, missing_glyphs, spell_out
from api.kit.static import FILES as SERVED
from api.kit.static import VERSION
from tests.api.company import Company, company
from tests.approval.world import tier
from tests.architecture.project import ROOT
from tests.pages.visitor import Visitor
from tools.make_faces import (
    ALL_CHARACTERS,
    DIGESTS,
    FILES,
    GB2312,
    GBK,
    LATIN,
    MONO,
    SANS,
    characters_of,
    digest,
    encoded,
)

NAMES = "頔瓅詠諹韡頫騄龑镕喆堃玥㛃䶮"
"""Characters of given names, most of them outside GB 2312."""
SHEETS = ("style.css", "print.css", "docs.css")
LOST = "😀한"
"""Characters that the typeface does not have."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def test_every_file_is_the_one_that_is_made_and_no_other_is_there() -> None:
    expected = DIGESTS.read_text("utf-8").splitlines()
    assert [f"{digest(FOLDER / name)}  {name}" for name in sorted(FILES)] == expected
    assert {file.name for file in FOLDER.iterdir() if file.suffix in {".woff2", ".ttf"}} == set(FILES)


def test_every_source_has_its_licence_beside_its_files() -> None:
    for source in (SANS, LATIN, MONO):
        assert "SIL OPEN FONT LICENSE Version 1.1" in (FOLDER / source.licence).read_text("utf-8")


def test_the_characters_written_down_are_those_of_the_files() -> None:
    assert CHARACTERS.read_bytes().decode() == "".join(sorted(characters_of(*ALL_CHARACTERS)))


def test_screens_and_paper_have_the_same_characters() -> None:
    assert characters_of("sans-400.woff2", "sans-rare-400.woff2") == characters_of("sans-400.ttf")
    assert characters_of("sans-400.woff2") == characters_of("sans-700.woff2")
    assert characters_of("sans-400.ttf") == characters_of("sans-700.ttf")
    for name in ("latin-400", "latin-700", "signs-400", "signs-700", "mono-400"):
        assert characters_of(f"{name}.woff2") == characters_of(f"{name}.ttf")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("GB 2312", encoded("gb2312", GB2312)),
        ("GBK", encoded("gbk", GBK) - {"≒"}),
        ("given names", NAMES),
        ("western names", "Łukasz Erdoğan Šimić Žižek Nguyễn naïve ß ŒœÅ Ελλάδα Михаил"),
        ("signs", "¥￥€£ ≥≤≠≈ ①② “”‘’「」《》—…·•✓→←↑↓›№℃ ½²"),
        ("accents that stand alone", "e\u0301 o\u0308"),
        ("what draws nothing", "a\u200bb\u2060c\ufeffd\u3000e\u00a0f\tg\nh葛\U000e0100"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_what_people_write_is_drawn(kind: str, text: str | set[str]) -> None:
    assert missing_glyphs("".join(sorted(text))) == (), kind


def test_everything_the_service_says_is_drawn() -> None:
    files = [
        file
        for folder in ("api/templates", "api/locales", "api/static", "policies")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".html", ".po", ".css", ".js", ".yaml"}
    ]
    assert len(files) > 90
    assert {file.name: result for file in files if (result := missing_glyphs(file.read_text("utf-8")))} == {}


@pytest.mark.parametrize("character", ["😀", "한", "\ue000", "\U0003fffe", "☑", "ก"])
def test_what_the_typeface_does_not_have_is_found_and_spelled_out(character: str) -> None:
    text = f"<p title='{character}'>林{character}頔{character}</p>"
    assert missing_glyphs(text) == (character,)
    mark = f"[U+{ord(character):04X}]"
    assert spell_out(text) == f"<p title='{mark}'>林{mark}頔{mark}</p>"


def test_what_is_drawn_stays_as_it_is() -> None:
    assert missing_glyphs("plain") == missing_glyphs("林頔") == ()
    assert spell_out("林頔 Łukasz") == "林頔 Łukasz"


@pytest.mark.parametrize(("lang", "words"), [("en", "does not have these characters"), ("zh-CN", "未收录以下字符")])
def test_a_page_names_what_may_be_missing_on_it(here: Company, lang: str, words: str) -> None:
    change = here.create(tier("1.1.0", 150), title=f"林{LOST}")
    page = Visitor(here, "ann", lang).get(f"/changes/{change['id']}")
    assert words in page.text(".warning")
    assert "U+1F600 GRINNING FACE, " not in page.text(".warning")  # by code point
    assert "U+D55C HANGUL SYLLABLE HAN, U+1F600 GRINNING FACE" in page.text(".warning")
    assert f"林{LOST}" in page.text("h1"), "the page keeps what was written"
    assert "U+" not in Visitor(here, "ann", lang).get("/nowhere").text()


def test_a_page_names_no_more_than_twenty(here: Company) -> None:
    change = here.create(tier("1.1.0", 150), title="".join(map(chr, range(0xAC00, 0xAC00 + 100))))
    text = Visitor(here, "ann").get(f"/changes/{change['id']}").text(".warning")
    assert text.count("U+") == 20
    assert "U+AC13 HANGUL SYLLABLE GAS, …. A screen" in text


def test_a_draft_that_is_checked_while_it_is_written_names_them_too(here: Company) -> None:
    text = tier("1.4.0", 150).decode().replace("subject:", f"subject: {LOST}")
    part = Visitor(here, "ann").post("/changes/check", {"text": text}, hx_request="true")
    assert "U+1F600" in part.text(".warning")


def test_the_log_has_a_character_once_by_its_code_point(capsys: pytest.CaptureFixture[str]) -> None:
    with company(log_level="warning") as made:
        for title in (LOST, LOST, f"{LOST}ก"):
            change = made.create(tier("1.1.0", 150), title=title)
            Visitor(made, "ann").get(f"/changes/{change['id']}")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "characters_not_in_typeface" in line]
    assert [line["characters"] for line in lines] == [["U+1F600", "U+D55C"], ["U+0E01"]]
    assert [line["template"] for line in lines] == ["changes/change.html"] * 2


def test_browsers_get_the_files_once_and_keep_them(here: Company) -> None:
    sheet = Visitor(here).get(f"/static/faces.css?v={VERSION}")
    addresses = re.findall(r'url\("([^"]+)"\)', sheet.html)
    assert sorted(address.split("?")[0] for address in addresses) == sorted(n for n in FILES if n.endswith(".woff2"))
    for address in addresses:
        face = Visitor(here).get(f"/static/{address}")
        assert face.headers["content-type"] == "font/woff2"
        assert face.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert Visitor(here).get("/static/sans-400.ttf").status == 404


def test_pages_may_load_the_typeface_from_this_service_alone(here: Company) -> None:
    assert "font-src 'self'" in Visitor(here).get("/sign-in").headers["content-security-policy"]


def test_no_style_sheet_names_a_face_of_the_readers_machine() -> None:
    families = set(re.findall(rb'"([^"]+)"', b" ".join(re.findall(rb"(?:font|--\w+):[^;]*", sheets()))))
    assert families == {b"Service Sans", b"Service Latin", b"Service Signs", b"Service Mono", b"Service Rare"}
    assert not re.search(rb"(?:font(?:-family)?|--sans|--mono):[^;]*(?:system-ui|ui-)", sheets())


def test_the_sheets_ask_for_files_that_are_there() -> None:
    screen = (ROOT / "api/static/faces.css").read_text("utf-8")
    paper = (FOLDER / "print.css").read_text("utf-8")
    for sheet, suffix in ((screen, ".woff2"), (paper, ".ttf")):
        assert set(re.findall(r'url\("([^"]+)"\)', sheet)) == {name for name in FILES if name.endswith(suffix)}
    assert {name for name in FILES if name.endswith(".woff2")} <= set(SERVED)


def test_a_code_point_is_written_as_unicode_writes_it() -> None:
    assert (code_point("A"), code_point("😀")) == ("U+0041", "U+1F600")


def sheets() -> bytes:
    """The style sheets of our own."""
    return b"\n".join(Path(ROOT, "api/static", name).read_bytes() for name in SHEETS)

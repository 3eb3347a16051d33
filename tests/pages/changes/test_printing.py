"""The dossier on paper: a page without navigation and forms, and a PDF that reaches nothing but its own files."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
from pypdf import PageObject, PdfReader
from pypdfium2 import PdfDocument

from api.features.changes import downloads
from api.features.changes.downloads import BASE_URL, PdfUnavailable, keep_amounts, own_file
from api.web.problems import ProblemError
from policy_service.service_log import make_log
from tests.api.company import Company, Json, company
from tests.approval.world import tier
from tests.pages.policies.texts import crossed
from tests.pages.visitor import Seen, Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        yield made


@pytest.fixture(scope="module")
def change(here: Company) -> Json:
    """A change that both who must have signed."""
    return here.signed(
        tier("1.1.0", 150),
        title="提高上限 Raise the limit 😀",
        reason='<img src="file:///etc/passwd"> 理由：林頔、Łukasz',
    )


@pytest.fixture(scope="module")
def paper(here: Company, change: Json) -> Seen:
    """Its PDF file, in Chinese."""
    return Visitor(here, "compliance", "zh-CN").get(f"/changes/{change['id']}/dossier.pdf")


def test_the_printed_page_has_the_record_and_nothing_to_click(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}/print")
    assert page.status == 200
    assert not page.has("form, button, nav, script")
    assert len(page.all("#signatures li")) == 2
    assert change["digest"] in page.text("#signatures")
    assert "Printed for Compliance on 20 Nov 2026" in page.text("footer")
    assert page.headers["cache-control"] == "no-store"


def test_the_printed_page_is_in_the_readers_language(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance", "zh-CN").get(f"/changes/{change['id']}/print")
    assert page.one("html").attributes["lang"] == "zh-CN"
    assert "我批准其内容、效果和生效日期。" in page.text("#signatures")


def test_the_pdf_holds_chinese_words_and_the_signatures(paper: Seen, change: Json) -> None:
    assert paper.status == 200
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.headers["content-disposition"] == f'attachment; filename="change-{change["id"]}.pdf"'
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(paper.body)).pages)
    message = "".join(text.split())
    for words in (
        "提高上限Raisethelimit[U+1F600]",
        "林頔、Łukasz",
        "我批准其内容、效果和生效日期。",
        "销售总监",
        "大于或等于150",
        "etc/passwd",
    ):
        assert words in message
    assert change["digest"] in message


def test_the_first_page_is_what_changes_and_the_block_of_signatures(paper: Seen, change: Json) -> None:
    first, second, *_ = ("".join(page.extract_text().split()) for page in PdfReader(BytesIO(paper.body)).pages)
    for words in ("变更内容", "大于或等于150", "影响", "理由", "已签2/2", "手写签名或盖章", change["digest"]):
        assert words in first
    assert "规则逐格对照" not in first
    assert second.startswith("影响")
    assert "规则逐格对照" in second


def test_the_pages_have_no_solid_bars_and_the_timeline_its_colours(paper: Seen) -> None:
    with closing(PdfDocument(paper.body)) as document:
        images = [page.render(scale=1).to_pil().convert("RGB") for page in document]
    for number, image in enumerate(images, 1):
        darkest, _ = image.convert("L").reduce(6).getextrema()
        assert isinstance(darkest, int)
        assert darkest > 60, f"something black stands on page {number}"
    colours = {colour for image in images for count, colour in image.getcolors(2**20) or () if count > 200}
    assert {(0xBC, 0xD3, 0xF0), (0xE8, 0xEF, 0xF9)} <= colours, "the periods in force and planned"


def test_tables_repeat_their_heads() -> None:
    rows = "<tr><td>row</td></tr>" * 120
    content = downloads.lay_out(
        f'<link rel="stylesheet" href="/static/print.css"><table><thead><tr><th>Head</th></tr></thead>{rows}</table>'
    )
    assert isinstance(content, bytes)
    pages = PdfReader(BytesIO(content)).pages
    assert len(pages) > 1
    assert all("Head" in page.extract_text() for page in pages)


def test_no_amount_is_broken_where_columns_are_many() -> None:
    amounts = [f"1,500,000.0{number}" for number in range(4)]
    cells = "".join(f'<td><span class="written">{each}</span></td><td>industry and purchases</td>' for each in amounts)
    content = downloads.lay_out(
        f'<link rel="stylesheet" href="/static/print.css"><table class="decision"><tr>{cells}</tr></table>'
    )
    assert isinstance(content, bytes)
    text = PdfReader(BytesIO(content)).pages[0].extract_text()
    assert all(each in text for each in amounts), text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("at least 80,000.00 CNY or", "at least 80,000.00\xa0CNY or"),
        ("30 分钟；2 小时，3 天内", "30\xa0分钟；2\xa0小时，3\xa0天内"),
        ("within 30 minutes", "within 30\xa0minutes"),
        ("rule 3 holds", "rule 3 holds"),
    ],
)
def test_no_line_ends_within_an_amount(text: str, stored: str) -> None:
    assert keep_amounts(text) == stored


def test_the_pdf_is_written_in_the_typeface_of_the_service_alone(paper: Seen) -> None:
    faces = {
        font.get_object()["/BaseFont"].partition("+")[2]
        for page in PdfReader(BytesIO(paper.body)).pages
        for font in resources(page)["/Font"].values()
    }
    assert faces == {"Service-Sans", "Service-Sans-Bold", "Service-Latin", "Service-Mono"}


def test_paper_says_which_characters_it_has_only_the_code_point_of(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}/print")
    assert "does not have these characters: U+1F600 GRINNING FACE." in page.text(".warning")
    assert "Raise the limit [U+1F600]" in page.text("h1")
    assert "😀" not in page.html


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "https://elsewhere.example/static/print.css",
        "http://127.0.0.1/static/print.css",
        f"{BASE_URL}changes",
        f"{BASE_URL}static/../static/print.css",
        f"{BASE_URL}static/nothing.css",
        "data:text/css,a{}",
    ],
)
def test_a_pdf_reaches_nothing_else(address: str) -> None:
    with pytest.raises(ValueError, match="nothing is fetched"):
        own_file(address)


def test_a_pdf_reaches_its_style_sheets_and_its_typeface() -> None:
    assert own_file(f"{BASE_URL}static/print.css?v=1")[1] == "text/css"
    assert b"truetype" in own_file(f"{BASE_URL}static/faces.css?v=1")[0]
    assert own_file(f"{BASE_URL}static/sans-400.ttf")[1] == "font/ttf"


def test_where_pango_is_missing_the_page_says_how_to_print(
    here: Company, change: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "lay_out", _unavailable)
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}/dossier.pdf")
    assert page.status == 501
    assert "open the print view and let the browser save it as PDF" in page.text("main")


def test_where_pango_is_missing_the_log_says_which_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(downloads, "lay_out", _unavailable)
    with pytest.raises(ProblemError):
        downloads.render_pdf(make_log("error"), "<p>page</p>")
    assert json.loads(capsys.readouterr().err)["reason"] == "cannot load library 'libpango-1.0-0'"


def test_a_library_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", _Unloadable("weasyprint"))
    assert downloads.lay_out("<p>page</p>") == PdfUnavailable("cannot load library 'libpango-1.0-0'")


def test_an_unknown_change_has_no_paper(here: Company) -> None:
    for name in ("print", "dossier.pdf"):
        assert Visitor(here, "ann").get(f"/changes/none/{name}").status == 404


def resources(page: PageObject) -> Any:  # noqa: ANN401 - pypdf says no more than "an object"
    """What a page of a PDF file is written with."""
    return page["/Resources"]


def _unavailable(html: str) -> PdfUnavailable:
    """What is laid out where a library of WeasyPrint's is missing."""
    assert html
    return PdfUnavailable("cannot load library 'libpango-1.0-0'")


class _Unloadable(ModuleType):
    """WeasyPrint where a library of the system is missing: importing anything of it fails as the loader does."""

    def __getattr__(self, name: str) -> None:
        raise OSError("cannot load library 'libpango-1.0-0'")


def test_a_cross_table_is_printed_as_its_grid_with_what_a_cell_said_before(here: Company) -> None:
    here.in_force(crossed())
    change = here.moved("submit", here.create(crossed("1.1.0", within="PT30M")))
    grid, rules = Visitor(here, "compliance").get(f"/changes/{change['id']}/print").all("#tables table.merged")
    assert [head.text() for head in grid.css("thead th")] == ["tier ↓ orders →", "less than 10", "at least 10"]
    assert [cell.text() for cell in grid.css("td.changed del, td.changed ins")] == [
        "high; 1\xa0hour",
        "high; 30\xa0minutes",
    ]
    assert len(rules.css("td.changed")) == 1
    answer = Visitor(here, "compliance", "zh-CN").get(f"/changes/{change['id']}/dossier.pdf")
    message = "".join("".join(page.extract_text() for page in PdfReader(BytesIO(answer.body)).pages).split())
    assert "等级↓订单→" in message

"""What the documentation says of the pages is so: their labels, their pictures, their addresses and their headers."""

import re
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from api.auth.permissions import EXPORT_PATHS, PERMISSIONS
from api.kit.languages import LOCALES
from api.web.security import HEADERS
from tests.architecture.project import ROOT, markdown_files, name_of
from tests.for_each import for_each

DOCS = ROOT / "docs"
IMAGES = DOCS / "images"
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
PLACE = re.compile(r"%\(\w+\)s|\{\w+[^}]*\}")
GUIDES = sorted(
    [*(DOCS / "how-to").glob("*.md"), *DOCS.glob("tutorial/sign-your-first-change*"), *DOCS.glob("reference/pages*")]
)
"""The documents in which bold is what a page says, in the language of the document."""
EXCEPTIONS = {
    "docs/how-to/back-up-and-restore.md": {"What was done after the backup.", "Erasures after the backup."},
    "docs/how-to/back-up-and-restore.zh.md": {"备份之后的操作。", "备份之后的清除。"},
    "docs/tutorial/sign-your-first-change.md": {"中文", "English"},
    "docs/tutorial/sign-your-first-change.zh.md": {"中文", "English"},
}
"""What is bold and is no label; the switch of the language says each language in itself."""
NO_PAGES = re.compile(r"/(v1|static|healthz|readyz|metrics|docs|openapi\.json|problems)\b")


@cache
def labels(*, chinese: bool) -> set[str]:
    """Everything the pages say, in one language; `…` stands where a value comes."""
    results: set[str] = set()
    for file in sorted((LOCALES / "zh_CN").glob("*.po")):
        with file.open("rb") as text:
            for message in read_po(text, locale="zh_CN"):
                answer = message.string if chinese else message.id
                results |= {
                    PLACE.sub("…", each) for each in (answer if isinstance(answer, (list, tuple)) else (answer,))
                }
    return results


@for_each(zip(GUIDES))
def test_what_a_guide_shows_in_bold_is_said_by_a_page(page: Path) -> None:
    bold = {" ".join(each.split()) for each in BOLD.findall(FENCED.sub("", page.read_text("utf-8")))}
    declared = EXCEPTIONS.get(name_of(page), set())
    assert sorted(bold - labels(chinese=".zh." in page.name) - declared) == []
    assert sorted(declared - bold) == [], "declared, and not there any more"


@for_each(zip(markdown_files()))
def test_every_picture_is_there_in_both_languages(page: Path) -> None:
    for target in PICTURE.findall(page.read_text("utf-8")):
        result = (page.parent / target).resolve()
        if result.is_relative_to(IMAGES):
            name = Path(*result.relative_to(IMAGES).parts[1:])
            assert all((IMAGES / lang / name).is_file() for lang in ("en", "zh")), f"{target} is not there in both"


def test_both_languages_have_the_same_pictures_and_every_one_is_shown() -> None:
    english, chinese = ({file.name for file in (IMAGES / lang).iterdir()} for lang in ("en", "zh"))
    results = {Path(target).name for page in markdown_files() for target in PICTURE.findall(page.read_text("utf-8"))}
    assert english == chinese
    assert sorted(english - results) == []


def test_the_reference_has_every_page_and_no_other() -> None:
    text = (DOCS / "reference" / "pages.md").read_text("utf-8")
    rows = {path for line in text.splitlines() if line.startswith("| `/") for path in re.findall(r"`(/[^` ]*)`", line)}
    pages = {path for method, path in PERMISSIONS if method == "GET" and not NO_PAGES.match(path)}
    assert all(f"`{path.rpartition('.')[0]}`" in text for path in EXPORT_PATHS)
    whole = {path for path in pages if not path.endswith(("/file", "/proof.json")) and path not in EXPORT_PATHS}
    assert sorted(whole - rows) == []
    assert sorted(rows - pages) == []


def test_the_reference_has_the_headers_to_the_letter() -> None:
    text = (DOCS / "reference" / "pages.md").read_text("utf-8").lower()
    for name, value in HEADERS:
        assert f"{name.decode()}: {value.decode()}".lower() in text

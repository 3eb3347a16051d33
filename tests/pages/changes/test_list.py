"""The list of changes: its filters, its order and its pages stand in its address."""

from collections.abc import Iterator

import pytest

from tests.api.company import Company, company, later
from tests.approval.world import bonus, tier
from tests.hidden import written_before
from tests.pages.visitor import Seen, Visitor

HOSTILE = "<script>alert(1)</script> \u202e" + "w" * 150


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.create(tier("1.1.0", 5), title="A draft of sizes", effective=later(here, 2))
        here.clock.move(minutes=1)
        here.moved("submit", here.create(tier("1.2.0", 6), title="Sizes, submitted", effective=later(here, 3)))
        here.clock.move(minutes=1)
        here.moved("withdraw", here.create(bonus("1.1.0", 7), by="ben", title="Bonus, withdrawn"), "ben")
        here.clock.move(minutes=1)
        here.in_force(tier("1.3.0", 8))
        here.create(title="Back", rollback={"tiering/size": "1.0.0"}, texts=[], effective=later(here, 9))
        here.clock.move(minutes=1)
        with written_before():
            here.create(title=HOSTILE, by="ben")
        yield here


def titles(page: Seen) -> list[str]:
    return [" ".join(node.text().split()) for node in page.all("tbody th a")]


def listed(here: Company, query: str = "", name: str = "sales", lang: str = "en") -> Seen:
    page = Visitor(here, name, lang).get(f"/changes{query}")
    assert page.status == 200, page.text()
    return page


ALL = [
    HOSTILE.replace("\u202e", "U+202E"),
    "Back",
    "larger limit",
    "Bonus, withdrawn",
    "Sizes, submitted",
    "A draft of sizes",
]


def test_all_changes_are_there_the_last_acted_on_first(here: Company) -> None:
    assert titles(listed(here)) == ALL


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=draft", ["A draft of sizes", "Back", ALL[0]]),
        ("?state=open", ["A draft of sizes", "Sizes, submitted", "Back", ALL[0]]),
        ("?state=withdrawn", ["Bonus, withdrawn"]),
        ("?state=scheduled", ["larger limit"]),
        ("?kind=rollback", ["Back"]),
        ("?policy=tiering/size", ["Sizes, submitted", "larger limit", "Back"]),
        ("?q=SIZES", ["A draft of sizes", "Sizes, submitted"]),
        ("?q=sizes+submitted", ["Sizes, submitted"]),
        ("?mine=yes", ["Sizes, submitted"]),
        ("?q=%25", []),
    ],
)
def test_a_filter_leaves_what_is_wanted(here: Company, query: str, expected: list[str]) -> None:
    page = listed(here, f"{query}&sort=created")
    assert titles(page) == expected
    if not expected:
        assert "No matching changes." in page.text(".empty")
        assert page.link("Show all") == "/changes"


def test_the_author_is_chosen_by_name(here: Company) -> None:
    page = listed(here)
    options = {node.text(): node.attributes["value"] for node in page.all("#author option")}
    assert set(options) == {"anyone", "Ann", "Ben", "Writing"}
    assert titles(listed(here, f"?author={options['Ben']}")) == [ALL[0], "Bonus, withdrawn"]


def test_the_form_keeps_what_was_chosen(here: Company) -> None:
    visitor = Visitor(here, "sales")
    page = visitor.send(listed(here, "?sort=created"), "form.filters", q="sizes", state="draft", mine=None)
    assert titles(page) == ["A draft of sizes"]
    assert page.one("#q").attributes["value"] == "sizes"
    assert "sort=created" in page.address
    assert page.one("#state option[selected]").attributes["value"] == "draft"


def test_it_is_sorted_by_its_headings(here: Company) -> None:
    page = listed(here)
    begun = Visitor(here, "sales").get(page.link("Begun"))
    assert titles(begun) == ALL[::-1]
    assert begun.one("th[aria-sort=ascending]").text() == "Begun"
    assert titles(Visitor(here, "sales").get(begun.link("Begun"))) == ALL


def test_it_is_read_page_by_page(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 4)
    for query in ("?sort=-acted", "?sort=-created"):
        first = listed(here, query)
        second = Visitor(here, "sales").get(first.link("Next page"))
        assert [*titles(first), *titles(second)] == ALL
        assert titles(Visitor(here, "sales").get(second.link("First page"))) == ALL[:4]


def test_who_owes_a_signature_is_told(here: Company) -> None:
    row = listed(here, "?state=submitted").text("tbody tr")
    assert "awaited: sales director, compliance" in row
    assert "your signature" in row
    assert "your signature" not in listed(here, "?state=submitted", "ann").text("tbody tr")


def test_only_authors_are_led_to_begin_one_and_others_are_told_why_not(here: Company) -> None:
    assert listed(here, name="ann").link("New change") == "/changes/new"
    sales = listed(here)
    assert not sales.has("a[href='/changes/new']")
    assert "This is for author" in sales.text(".because")
    assert not listed(here, name="ann").has("input[name=mine]")


def test_a_cursor_that_is_none_is_refused(here: Company) -> None:
    assert Visitor(here, "sales").get("/changes?cursor=%00").status == 422
    assert Visitor(here, "sales").get("/changes?cursor=YWJj&sort=created").status == 422


def test_what_people_wrote_is_shown_and_not_run(here: Company) -> None:
    page = listed(here)
    assert not page.has("main script")
    assert page.has(".mark")


def test_it_speaks_chinese(here: Company) -> None:
    page = listed(here, "?state=submitted", lang="zh-CN")
    assert "待签署： 销售总监" in page.text("tbody")
    assert page.one("h1").text() == "变更"


def test_without_changes_it_says_so() -> None:
    with company() as empty:
        assert "There is no change yet." in listed(empty).text(".empty")

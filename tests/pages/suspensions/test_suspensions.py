"""Emergency suspensions in a browser: begun by one director, ratified by another person, ended; and their list."""

from collections.abc import Iterator

import pytest

from tests.api.client import SECRET
from tests.api.company import Company, Json, company
from tests.approval.world import SIGN_OFF, TIER, tier
from tests.hidden import written_before
from tests.pages.visitor import Seen, Visitor

WRONG = SECRET[::-1]
FORM = f"/policies/{TIER}/suspend"


def second_in_force(here: Company) -> None:
    """Puts the second version of a policy in force."""
    here.in_force(tier("1.1.0", 150))


@pytest.fixture
def here() -> Iterator[Company]:
    """A company in which the second version of a policy is in force."""
    with company(furnish=second_in_force) as made:
        yield made


@pytest.fixture(scope="module")
def still() -> Iterator[Company]:
    """A company like it, for tests in which nothing is suspended."""
    with company(furnish=second_in_force) as made:
        yield made


def suspend(here: Company, by: str = "sales", reason: str = "it misjudges everybody", password: str = SECRET) -> Seen:
    """What a director sees after suspending."""
    visitor = Visitor(here, by)
    return visitor.send(visitor.get(FORM), "form#suspend", reason=reason, password=password)


def body(role: str = "sales_director", reason: str = "it misjudges") -> Json:
    """A director's request over HTTP."""
    return {"policy": TIER, "version": "1.1.0", "role": role, "reason": reason, "password": SECRET}


def test_the_form_names_what_falls_back_to_what_and_for_how_long(still: Company) -> None:
    page = Visitor(still, "sales").get(FORM)
    text = page.text("dl.facts")
    assert "Version to suspend 1.1.0" in text
    assert "Version in its place 1.0.0" in text
    assert "72 hours" in text
    assert "30 days" in text
    assert "roll back" in page.text(".panel")
    assert not page.has("a[href^='/changes/new']")


def test_one_suspends_another_ratifies_and_somebody_ends_it(here: Company) -> None:
    page = suspend(here)
    assert "Another person must ratify this." in page.text(".notice")
    assert here.version() == "1.0.0"
    path = page.address.partition("?")[0]
    assert "You suspended it, so another person must ratify it." in page.text("#acts")
    assert "it misjudges everybody" in page.text(".signatures")

    visitor = Visitor(here, "compliance")
    page = visitor.send(visitor.get(path), "form#ratify", reason="rightly so", password=SECRET)
    assert "You ratified the suspension." in page.text(".notice")
    assert "rightly so" in page.text(".signatures")
    assert "Compliance ratified the suspension already." in Visitor(here, "general").get(path).text("#acts")
    here.clock.move(days=5)
    assert here.version() == "1.0.0"

    visitor = Visitor(here, "general")
    page = visitor.send(visitor.get(path), "form#end", reason="mended", password=SECRET)
    assert "applies again" in page.text(".notice")
    assert here.version() == "1.1.0"
    assert page.text("#acts").count("The suspension is over.") == 2
    assert not page.has("#acts form")


def test_a_wrong_password_suspends_nothing_and_keeps_the_reason(still: Company) -> None:
    page = suspend(still, reason="a long story", password=WRONG)
    assert page.status == 403
    assert "The password is wrong." in page.text(".refusal")
    assert page.one("#suspend textarea").text().strip() == "a long story"
    assert WRONG not in page.html
    assert still.version() == "1.1.0"


def test_a_suspension_needs_a_reason(still: Company) -> None:
    page = suspend(still, reason="")
    assert page.status == 422
    assert "This field is required." in page.text("#suspend")
    assert still.version() == "1.1.0"


def test_two_clicks_suspend_once(here: Company) -> None:
    visitor = Visitor(here, "sales")
    page = visitor.get(FORM)
    first = visitor.send(page, "form#suspend", reason="once", password=SECRET)
    second = visitor.send(page, "form#suspend", reason="once", password=SECRET)
    assert first.address == second.address
    assert len(here.did("GET", "/v1/suspensions")["items"]) == 1


def test_another_version_than_was_shown_is_not_suspended(here: Company) -> None:
    visitor = Visitor(here, "sales")
    page = visitor.get(FORM)
    here.in_force(tier("1.2.0", 170))
    page = visitor.send(page, "form#suspend", reason="wrong one", password=SECRET)
    assert page.status == 409
    assert "1.2.0 is in force, not 1.1.0" in page.text(".refusal")
    assert page.one("#suspend input[name=version]").attributes["value"] == "1.2.0"


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [(SIGN_OFF, "Who must sign cannot be suspended: that takes a signed change.")],
)
def test_what_cannot_be_suspended_says_why(still: Company, policy: str, sentence: str) -> None:
    page = Visitor(still, "general").get(f"/policies/{policy}/suspend")
    assert page.status == 200
    assert sentence in page.text(".because")
    assert not page.has("form#suspend")


def test_a_policy_that_is_not_there_cannot_be_suspended(still: Company) -> None:
    assert Visitor(still, "sales").get("/policies/tiering/none/suspend").status == 404
    page = Visitor(still, "sales").post("/suspensions", {"_key": "k", "role": "sales_director"})
    assert page.status == 404


@pytest.mark.parametrize("name", ["ann", "compliance", "root"])
def test_only_directors_suspend(still: Company, name: str) -> None:
    assert Visitor(still, name).get(FORM).status == 403
    form = {**body(), "_key": "k"}
    assert Visitor(still, name).post("/suspensions", {k: str(v) for k, v in form.items()}).status == 403
    assert still.version() == "1.1.0"


def test_the_list_filters_sorts_and_pages(here: Company) -> None:
    empty = Visitor(here, "ann").get("/suspensions")
    assert "No suspensions yet." in empty.text(".empty")
    first = here.did("POST", "/v1/suspensions", "sales", body())
    here.clock.move(hours=73)
    second = here.did("POST", "/v1/suspensions", "general", body("general_manager", "again"))
    visitor = Visitor(here, "ann")

    def shown(query: str = "") -> list[str]:
        page = visitor.get(f"/suspensions{query}")
        assert page.status == 200
        return [(node.attributes["href"] or "").rpartition("/")[2] for node in page.all("tbody th a")]

    assert shown() == [second["id"], first["id"]]
    assert shown("?sort=begun") == [first["id"], second["id"]]
    assert shown("?state=over") == [first["id"]]
    assert shown("?state=running") == shown("?state=unratified") == [second["id"]]
    assert shown(f"?policy={TIER}") == [second["id"], first["id"]]
    wrong = visitor.get("/suspensions?state=nonsense")
    assert (wrong.status, wrong.text("#fault-state")) == (422, "Choose one of the options.")
    page = visitor.get("/suspensions?policy=tiering/other")
    assert "No matching suspensions." in page.text(".empty")
    assert page.link("Show all") == "/suspensions"


def test_the_list_goes_on_on_its_next_page(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 1)
    first = here.did("POST", "/v1/suspensions", "sales", body())
    here.clock.move(hours=73)
    second = here.did("POST", "/v1/suspensions", "general", body("general_manager"))
    visitor = Visitor(here, "sales")
    page = visitor.send(visitor.get("/suspensions?sort=begun"), "form.filters", policy=TIER)
    assert page.has(f"a[href='/suspensions/{first['id']}']")
    assert page.one('th[aria-sort="ascending"] a').text() == "Begun"
    page = visitor.get("/suspensions")
    assert page.has(f"a[href='/suspensions/{second['id']}']")
    page = visitor.get(page.link("Next page"))
    assert page.has(f"a[href='/suspensions/{first['id']}']")
    assert not page.has("a[rel=next]")
    assert visitor.get("/suspensions?cursor=%ff").status == 422


def test_it_is_all_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh-CN").get(FORM)
    assert "停用 tiering/size" in page.text("h1")
    page = suspend(here)
    path = page.address.partition("?")[0]
    page = Visitor(here, "sales", "zh-CN").get(f"{path}?done=suspended")
    assert "须由另一人追认" in page.text(".notice")
    assert "您" in page.text("#acts .because")
    assert "待追认" in Visitor(here, "ann", "zh-CN").get("/suspensions").text("tbody")


def test_what_a_director_writes_is_shown_and_not_run(here: Company) -> None:
    with written_before():
        page = suspend(here, reason=f"<script>alert(1)</script> \u202e =cmd() 🧾 {'z' * 3_000}")
    reader = Visitor(here, "ann")
    for seen in (reader.get(page.address), reader.get("/suspensions")):
        assert not seen.has("script:not([src])")
        assert "U+202E" in seen.text("main")
        assert "\u202e" not in seen.html


def test_a_suspension_that_is_not_there_is_told_as_a_page(still: Company) -> None:
    assert Visitor(still, "ann").get("/suspensions/none").status == 404
    assert Visitor(still, "sales").post("/suspensions/none/ratify", {"_key": "k"}).status == 404

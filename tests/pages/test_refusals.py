"""Why something was not done is told in the language of whoever reads it."""

from collections.abc import Iterator

import pytest

from tests.api.company import Company, company
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


@pytest.mark.parametrize(
    ("lang", "title", "why"),
    [
        ("en", "Permission denied", "This is for compliance or administrator; you are author."),
        ("zh", "没有权限", "此处仅限合规或管理员；您的角色是起草人。"),
    ],
)
def test_whoever_may_not_is_told_who_may(here: Company, lang: str, title: str, why: str) -> None:
    page = Visitor(here, "ann", lang).get("/accounts")
    assert page.status == 403
    assert page.text("h1") == title
    assert page.text(".lead") == why


@pytest.mark.parametrize(("lang", "why"), [("en", "no such address"), ("zh", "没有这一网址")])
def test_an_address_that_is_none_is_told_so(here: Company, lang: str, why: str) -> None:
    page = Visitor(here, "ann", lang).get("/nowhere")
    assert (page.status, page.text(".lead")) == (404, why)

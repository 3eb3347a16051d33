"""Signing in and out at a browser: who is let in, what those are told who are not, and where they go on."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.auth.authentication import COOKIE
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.pages.visitor import Seen, Visitor

FORM = "form[action='/sign-in']"
WRONG = "The user name or the password is wrong, or the account is disabled."


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def come_in(
    visitor: Visitor, name: str = "sales", password: str = SECRET, following: str = "", *, follow: bool = False
) -> Seen:
    page = visitor.get(f"/sign-in?next={following}")
    return visitor.send(page, FORM, name=name, password=password, follow=follow)


def test_a_person_signs_in_and_goes_on_where_they_were(here: Company) -> None:
    visitor = Visitor(here)
    request = visitor.get("/account")
    assert request.address == "/sign-in?next=%2Faccount"
    page = visitor.send(request, FORM, name="sales", password=SECRET)
    assert page.address == "/account"
    assert page.one("h1").text() == "My account"


def test_the_cookie_is_for_this_service_alone_and_no_page_can_read_it(here: Company) -> None:
    answer = come_in(Visitor(here))
    assert answer.status == 303
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answer.headers.get_list("set-cookie")[0].split("; "))
    assert answer.headers["cache-control"] == "no-store"


def test_over_tls_the_cookie_is_bound_to_the_host() -> None:
    with company(public_url="https://policies.example") as there:
        visitor = Visitor(there)
        page = visitor.get("/sign-in")
        answer = visitor.send(page, FORM, name="sales", password=SECRET, follow=False)
        text = answer.headers.get_list("set-cookie")[0].split("; ")
        assert text[0].startswith(f"__Host-{COOKIE}=")
        assert "Secure" in text


@pytest.mark.parametrize("following", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", ""])
def test_nobody_is_led_to_another_site(here: Company, following: str) -> None:
    visitor = Visitor(here)
    fields = {"name": "sales", "password": SECRET, "next": following}
    assert visitor.post("/sign-in", fields, follow=False).headers["location"] == "/"
    assert visitor.get(f"/sign-in?next={following}", follow=False).headers["location"] == "/"


def test_what_another_site_sends_is_refused(here: Company) -> None:
    page = Visitor(here).post("/sign-in", {"name": "sales", "password": SECRET}, sec_fetch_site="cross-site")
    assert page.status == 403
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize(("name", "password"), [("sales", "not the password"), ("nobody", SECRET), ("<script>", "x")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(here: Company, name: str, password: str) -> None:
    page = come_in(Visitor(here), name, password)
    assert page.status == 401
    assert page.text(".refusal") == WRONG
    assert page.one("input[name=name]").attributes["value"] == name
    assert "value" not in page.one("input[name=password]").attributes
    assert "set-cookie" not in page.headers


def test_after_five_wrong_passwords_the_page_says_when_to_try_again(here: Company) -> None:
    pages = [come_in(Visitor(here), "ben", "not the password") for _ in range(5)]
    assert [page.status for page in pages] == [401, 401, 401, 401, 429]
    assert re.search(r"Try again after \d\d:\d\d:\d\d; browsers that you have signed in", pages[-1].text(".refusal"))
    assert pages[-1].headers["retry-after"] == "60"
    right = come_in(Visitor(here, lang="zh"), "ben")
    assert right.status == 429
    assert "密码错误次数过多" in right.text(".refusal")
    here.clock.move(minutes=2)
    assert come_in(Visitor(here), "ben").status == 303


def test_where_somebody_signed_in_before_strangers_do_not_hold_them_up(here: Company) -> None:
    visitor = Visitor(here)
    come_in(visitor, "finance")
    for _ in range(5):
        come_in(Visitor(here), "finance", "not the password")
    assert come_in(Visitor(here), "finance").status == 429
    visitor.send(visitor.get("/account"), ".reader form[action='/sign-out']")
    assert come_in(visitor, "finance").status == 303
    here.clock.move(minutes=20)


@pytest.mark.parametrize(
    "fields", [{"next": "/"}, {"name": "sales"}, {"name": "x" * 101, "password": "y"}, {"nam": "sales"}]
)
def test_a_form_that_is_not_filled_in_says_where(here: Company, fields: dict[str, str]) -> None:
    page = Visitor(here).post("/sign-in", fields)
    assert page.status == 422
    assert page.has(".fault, .refusal")


def test_a_new_session_ends_the_one_before(here: Company) -> None:
    visitor = Visitor(here)
    come_in(visitor)
    first = visitor.cookies[COOKIE]
    again = {"name": "finance", "password": SECRET, "next": "/"}
    visitor.post("/sign-in", again, follow=False)
    assert visitor.cookies[COOKIE] != first
    assert Visitor(here, cookies={COOKIE: first}).get("/account", follow=False).status == 303
    assert visitor.get("/account").text("h2").startswith("Finance")


def test_a_session_that_was_planted_is_not_taken_over(here: Company) -> None:
    visitor = Visitor(here, cookies={COOKIE: "planted-by-somebody"})
    come_in(visitor)
    assert visitor.cookies[COOKIE] != "planted-by-somebody"


def test_who_is_signed_in_is_led_on(here: Company) -> None:
    page = Visitor(here, "ann").get("/sign-in?next=/account", follow=False)
    assert (page.status, page.headers["location"]) == (303, "/account")


def test_signing_out_ends_the_session(here: Company) -> None:
    visitor = Visitor(here)
    come_in(visitor)
    token = visitor.cookies[COOKIE]
    page = visitor.send(visitor.get("/account"), ".reader form[action='/sign-out']")
    assert page.address == "/sign-in?done=signed-out"
    assert page.text(".notice") == "You have signed out."
    assert not page.has(".warning")
    assert Visitor(here, cookies={COOKIE: token}).get("/account", follow=False).status == 303


@pytest.mark.parametrize(("idle", "steps"), [(timedelta(minutes=31), 1), (timedelta(minutes=29), 26)])
def test_a_session_ends_by_silence_and_by_age_and_the_page_says_so(here: Company, idle: timedelta, steps: int) -> None:
    visitor = Visitor(here)
    come_in(visitor)
    for _ in range(steps - 1):
        here.clock.move(minutes=idle.seconds // 60)
        page = visitor.get("/account", follow=False)
        if page.status != 200:
            break
        assert page.status == 200
    here.clock.move(minutes=idle.seconds // 60)
    page = visitor.get("/account")
    assert page.address == "/sign-in?next=%2Faccount"
    assert page.text(".warning") == "Your session has ended. Sign in again to continue."
    assert "Max-Age=0" in page.headers["set-cookie"]


def test_without_a_provider_there_is_no_way_to_one(here: Company) -> None:
    assert not Visitor(here).get("/sign-in").has("a.button")


def test_the_page_is_told_in_chinese(here: Company) -> None:
    page = Visitor(here, lang="zh").get("/sign-in")
    assert page.one("h1").text() == "登录"
    assert page.one("html").attributes["lang"] == "zh-CN"

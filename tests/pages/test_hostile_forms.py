"""Whatever is typed into the forms of the pages, the service answers, and never fails: on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import httpx
import pytest

from api.auth.authentication import COOKIE
from api.auth.permissions import PERMISSIONS
from tests.api.client import portal
from tests.api.company import Company, company
from tests.databases import BACKENDS
from tests.e2e.furnished import ROLES, SEEN_BY, furnish
from tests.effort import effort
from tests.pages.visitor import ORIGIN, Visitor

FORMS = [path for method, path in PERMISSIONS if method == "POST" and not path.startswith("/v1/")]
FORMS.remove("/sign-out")  # has no fields, and the session would be gone for the others
# fmt: off
FIELDS = (
    "_key", "_etag", "title", "reason", "effective_from", "effective_until", "start", "kind", "text", "was", "back",
    "do", "draft", "name", "case", "version", "policy", "subject", "role", "digest", "meaning", "password", "old",
    "new", "again", "next", "language", "theme", "outcome", "until", "last_day", "nothing", "since", "sample",
    "printed_name", "roles", "scopes", "expires_at", "issuer", "f.orders", "as_of", "q", "by", "about", "o.size",
    "set.size", "size",
)
# fmt: on
TEXTS = {
    "script": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "formula": '=HYPERLINK("http://elsewhere.example")',
    "right to left": "\u202egnp.exe\u2066\u2069\u200f",
    "very long": "x" * 10_000,
    "lines": "a\r\nb\nc\td",
    "control": "\x01\x02\x7f\x85",
    "beyond the plane": "😀" * 50 + "\U0010ffff",
    "template": "{{ 7 * 7 }} {% raw %} %(name)s {name} {0}",
    "number": "9" * 400,
    "day": "0000-99-99T99:99",
    "blank": "   ",
    "empty": "",
}
RAW = {
    "NUL": b"reason=a%00b&title=%00",
    "no UTF-8": b"reason=%ff%fe%80&title=%ed%a0%80&name=%c3",
    "no pairs": b"&&&===&%&%%zz",
    "many": b"&".join(b"text=x" for _ in range(3_000)),
}


EVERY = effort(12, 1)
"""Of how many forms a text is tried on one."""


def forms(text: str, texts: Iterable[str]) -> list[str]:
    """The forms that a text is tried on; in a quick run the next text is tried on others."""
    return FORMS[list(texts).index(text) % EVERY :: EVERY]


@pytest.fixture(scope="module", params=effort(["postgresql"], BACKENDS))
def here(request: pytest.FixtureRequest) -> Iterator[Company]:
    with company(request.param, furnish=furnish) as made:
        yield made


def asker(path: str) -> str:
    """Somebody who may send the form."""
    access = PERMISSIONS["POST", path]
    return next((name for name in SEEN_BY if not access.authenticated or ROLES[name] in access.roles), "root")


def address(path: str, values: dict[str, str]) -> str:
    """A path with real names in it."""
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], "x"), path)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_makes_a_form_fail(here: Company, text: str) -> None:
    for path in forms(text, TEXTS):
        visitor = Visitor(here, asker(path))
        answer = visitor.post(address(path, here.values), dict.fromkeys(FIELDS, TEXTS[text]), follow=False)
        assert answer.status < 500, f"{path}: {answer.text('main')}"
        assert not answer.has("main script:not([src]), main [onerror]"), path


@pytest.mark.parametrize("text", TEXTS)
def test_each_field_alone_is_told_what_is_wrong(here: Company, text: str) -> None:
    for path in forms(text, TEXTS):
        if path in {"/sign-in", "/accounts/{account}/password", "/account/password"}:
            continue  # each tried password is hashed, and slows the next one down
        visitor = Visitor(here, asker(path))
        answer = visitor.post(address(path, here.values), {"reason": TEXTS[text], "text": TEXTS[text]}, follow=False)
        assert answer.status < 500, f"{path}: {answer.text('main')}"


@pytest.mark.parametrize("content", RAW)
def test_no_body_makes_a_form_fail(here: Company, content: str) -> None:
    for path in forms(content, RAW):
        answer = raw(Visitor(here, asker(path)), address(path, here.values), RAW[content])
        assert answer < 500, path


def raw(visitor: Visitor, path: str, content: bytes) -> int:
    """The status of an answer to a body that no browser would send."""
    headers = {
        "accept": "text/html",
        "sec-fetch-site": "same-origin",
        "content-type": "application/x-www-form-urlencoded",
        "cookie": f"{COOKIE}={visitor.here.token(visitor.name or '')}",
    }

    async def send() -> int:
        transport = httpx.ASGITransport(visitor.here.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return (await client.post(path, headers=headers, content=content)).status_code

    return portal().call(send)

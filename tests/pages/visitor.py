"""Somebody at a browser with scripts off: asks for pages, reads them, fills in forms, and is led on.

    page = Visitor(here, "sales").get("/changes")
    page = visitor.send(page, "form#sign", role="sales_director", password=SECRET)   # hidden fields go along

`here` is a `tests.api.company.Company`; without a name nobody is signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from api.auth.authentication import COOKIE
from tests.api.client import portal
from tests.api.company import Company

ORIGIN = "http://service"
KEYS = count(1)
"""Keys of forms that no page made."""
Fields = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Seen:
    """An answer, as the browser shows it."""

    status: int
    address: str
    """The path and query that the browser ended at."""
    headers: httpx.Headers
    html: str
    body: bytes = b""

    @cached_property
    def tree(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.html)

    def all(self, selector: str) -> list[LexborNode]:
        return self.tree.css(selector)

    def one(self, selector: str) -> LexborNode:
        result = self.all(selector)
        assert len(result) == 1, f"{len(result)} of {selector} in:\n{self.text()}"
        return result[0]

    def has(self, selector: str) -> bool:
        return bool(self.all(selector))

    def text(self, selector: str = "body") -> str:
        """What a reader reads, each run of white space as one blank."""
        return " ".join(" ".join(node.text(separator=" ") for node in self.all(selector)).split())

    def link(self, words: str) -> str:
        """Where the link with these words leads."""
        text = [node for node in self.all("a") if " ".join(node.text().split()) == words]
        assert text, f"no link {words!r} in:\n{self.text()}"
        return text[0].attributes["href"] or ""


@dataclass
class Visitor:
    """One browser."""

    here: Company
    name: str | None = None
    lang: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, follow: bool = True, **headers: str) -> Seen:
        return self._ask("GET", path, None, None, headers, follow=follow)

    def post(
        self,
        path: str,
        fields: Fields | None = None,
        files: Mapping[str, bytes] | None = None,
        *,
        follow: bool = True,
        **headers: str,
    ) -> Seen:
        """Sends a form that no page was asked for; it has a key of its own, unless the fields say which."""
        arguments = {"_key": str(next(KEYS)), **(fields or {})}
        return self._ask("POST", path, arguments, files, headers, follow=follow)

    def send(
        self,
        page: Seen,
        selector: str,
        files: Mapping[str, bytes] | None = None,
        *,
        follow: bool = True,
        **fields: Any,  # noqa: ANN401
    ) -> Seen:
        """Fills in the form on a page and sends it; what is not told is as it stands there, None empties a field."""
        form = page.one(selector)
        known = standing_fields(form)
        values = {**known, **fields}
        named = {node.attributes.get("name") for node in form.css("input, select, textarea, button")}
        assert set(fields) <= named, f"the form has no field {sorted(set(fields) - {str(n) for n in named})}"
        arguments = {name: value for name, value in values.items() if value is not None}
        address = urljoin(page.address, form.attributes.get("action") or page.address)
        if (form.attributes.get("method") or "get").lower() == "get":
            return self.get(f"{urlsplit(address).path}?{urlencode(arguments, doseq=True)}", follow=follow)
        return self.post(address, arguments, files, follow=follow)

    def _ask(
        self,
        method: str,
        path: str,
        fields: Fields | None,
        files: Mapping[str, bytes] | None,
        more: Mapping[str, str],
        *,
        follow: bool,
    ) -> Seen:
        headers = {
            "accept": "text/html,application/xhtml+xml",
            "accept-language": self.lang,
            "sec-fetch-site": "same-origin",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        cookies = dict(self.cookies)
        if self.name is not None:
            cookies.setdefault(COOKIE, self.here.token(self.name))
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.here.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                if files is not None:
                    results = {name: (f"{name}.yaml", content, "application/yaml") for name, content in files.items()}
                    return await client.request(method, path, headers=headers, data=fields, files=results)
                if fields is not None:
                    return await client.request(method, path, headers=headers, data=fields)
                return await client.request(method, path, headers=headers)

        answer = portal().call(send)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        if follow and answer.status_code == 303:
            return self.get(answer.headers["location"])
        text = answer.text if "text/" in answer.headers.get("content-type", "") else ""
        return Seen(answer.status_code, path, answer.headers, text, answer.content)


def standing_fields(form: LexborNode) -> dict[str, Any]:
    """What stands in the fields of a form."""
    results: dict[str, Any] = {}
    for node in form.css("input, select, textarea"):
        text = node.attributes
        name, kind = text.get("name"), text.get("type") or "text"
        if name is None or kind in {"submit", "file"} or (kind in {"checkbox", "radio"} and "checked" not in text):
            continue
        if node.tag == "select":
            options = node.css("option")
            chosen = [each for each in options if "selected" in each.attributes] or options[:1]
            value: str = next(iter(each.attributes.get("value") or "" for each in chosen), "")
        elif node.tag == "textarea":
            value = node.text()  # the parser left out the line end that begins it
        else:
            value = text.get("value") or ""
        if name in results:
            before = results[name]
            results[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            results[name] = value
    return results

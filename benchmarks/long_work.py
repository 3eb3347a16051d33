"""What pages are about and a company has only when somebody has asked for it: a registered population, and long work.

Long work is begun by a form, as readers do, and waited for. Figures are drafted once for each database, as each draft
is a change more; all else leaves nothing behind, or nothing the second time.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from api.auth.authentication import COOKIE
from benchmarks.page_addresses import PageRequest

PATIENCE = 1_800.0
"""Seconds that a piece of work may take."""
UNDER_WAY, FAILED = b'class="panel working"', b'id="work" class="refusal"'
"""Stands in the page while the work goes on; when it failed."""
POPULATION = "measured"
CUSTOMERS = 20_000
"""Rows of the registered population."""
INDUSTRIES = ("it", "manufacturing", "retail", "internet", "finance", "services", "other")
ONCE = "/benchmarks"
"""Work that is begun only where none has ended well: it drafts a change."""
Readers = Callable[[str], tuple[str, str]]
"""The name and the session of who may see a page, by its address."""


def run_long_work(connection: http.client.HTTPConnection, reader_of: Readers, policy: str) -> Iterator[PageRequest]:
    """The pages of a population, and of each kind of work that is done, as they are measured."""
    by, token = reader_of("/populations/new")
    yield PageRequest("/populations/{population}", by, (f"/populations/{_population(connection, token)}",))
    forms: Mapping[str, Mapping[str, str]] = {
        ONCE: {"population": POPULATION},
        "/audit/verifications": {},
        "/audit/exports": {},
        "/packs": {"policy": policy, "sample": "100"},
        "/runs": {"policy": policy},
        "/data-checks": {},
        "/reevaluations": {"policy": policy, "max_age": "0"},
    }
    for path, fields in forms.items():
        by, token = reader_of(path)
        address = _done(connection, path, token) if path == ONCE else None
        yield PageRequest(f"{path}/{{job}}", by, (address or _run(connection, path, fields, token),))


def _population(connection: http.client.HTTPConnection, token: str) -> str:
    """The identifier of the population; registers it where there is none."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    rows = (
        f"C{number:06},{1_000 + 7 * number}.00,{1 + number % 40},{INDUSTRIES[number % len(INDUSTRIES)]},{number % 90}"
        for number in range(CUSTOMERS)
    )
    body = "\n".join(("subject,amount_12m,orders_12m,industry,recency_days", *rows))
    query = {"name": POPULATION, "as_of": f"{date.today() - timedelta(days=1)}"}  # noqa: DTZ011  # of this machine
    listed = _json(connection, "GET", "/v1/populations?limit=100", None, headers)["items"]
    found = [str(each["id"]) for each in listed if each["name"] == POPULATION]
    address = f"/v1/populations?{urlencode(query)}"
    return found[0] if found else str(_json(connection, "POST", address, body, headers)["id"])


def _json(
    connection: http.client.HTTPConnection, method: str, path: str, body: str | None, headers: Mapping[str, str]
) -> Mapping[str, Any]:
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    answer: Mapping[str, Any] = json.loads(response.read())
    if response.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"{path} answers {answer}")
    return answer


def _done(connection: http.client.HTTPConnection, path: str, token: str) -> str | None:
    """The address of the newest work that has ended well; None when there is none."""
    page = _page(connection, path, token).decode()
    found = re.search(rf'<li><a href="({path}/[^"]+)">(?:(?!</a>).)*</a>\s*<span class="badge good">', page)
    return found[1] if found else None


def _run(connection: http.client.HTTPConnection, path: str, fields: Mapping[str, str], token: str) -> str:
    """The address of work that has ended well; where it fails, as the service reads its log, it is begun again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        address = _begin(connection, path, fields, token)
        while UNDER_WAY in (page := _page(connection, address, token)) and time.monotonic() < deadline:
            time.sleep(0.5)
        if UNDER_WAY not in page and FAILED not in page:
            return address
        connection.close()  # the service would close it meanwhile
        time.sleep(5)
    raise TimeoutError(path)


def _begin(connection: http.client.HTTPConnection, path: str, fields: Mapping[str, str], token: str) -> str:
    """Sends the form; gives the address of the work."""
    body = urlencode({**fields, "_key": str(uuid.uuid4())})  # a form of nobody's page
    headers = {
        "Accept": "text/html",
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"{COOKIE}={token}",
        "Sec-Fetch-Site": "same-origin",
    }
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    response.read()
    address = str(response.headers["Location"]).partition("?")[0]
    if response.status != http.client.SEE_OTHER or not address.startswith(path):
        raise RuntimeError(f"{path} answers {response.status}, {address}")
    return address


def _page(connection: http.client.HTTPConnection, address: str, token: str) -> bytes:
    connection.request("GET", address, headers={"Accept": "text/html", "Cookie": f"{COOKIE}={token}"})
    response = connection.getresponse()
    page = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"{address} answers {response.status}")
    return page

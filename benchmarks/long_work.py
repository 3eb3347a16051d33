"""Long work that pages are about: begun by a form, as readers do, and waited for, to ask for its pages."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from api.authentication import COOKIE
from benchmarks.page_addresses import Asked

PATIENCE = 600.0
"""Seconds that a piece of work may take."""
UNDER_WAY = b'class="panel working"'
"""Stands in the page while the work goes on."""


def long_work(connection: http.client.HTTPConnection, by: str, token: str, policy: str) -> list[Asked]:
    """The pages of a verification, an export and a pack that are done, as they are measured."""
    wanted: Mapping[str, Mapping[str, str]] = {
        "/audit/verifications": {},
        "/audit/exports": {},
        "/packs": {"policy": policy, "sample": "100"},
    }
    found = []
    for path, fields in wanted.items():
        place = _begin(connection, path, fields, token)
        _wait(connection, place, token)
        found.append(Asked(f"{path}/{{job}}", by, (place,)))
    return found


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
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.SEE_OTHER:
        raise RuntimeError(f"{path} answers {answer.status}")
    return str(answer.headers["Location"]).partition("?")[0]


def _wait(connection: http.client.HTTPConnection, place: str, token: str) -> None:
    """Until the page says what became of the work."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        connection.request("GET", place, headers={"Accept": "text/html", "Cookie": f"{COOKIE}={token}"})
        if UNDER_WAY not in connection.getresponse().read():
            return
        time.sleep(0.5)
    raise TimeoutError(place)

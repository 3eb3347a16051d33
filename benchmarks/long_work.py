"""Long work that pages are about: begun by a form, as readers do, and waited for, to ask for its pages."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from api.auth.authentication import COOKIE
from benchmarks.page_addresses import PageRequest

PATIENCE = 600.0
"""Seconds that a piece of work may take."""
UNDER_WAY = b'class="panel working"'
"""Stands in the page while the work goes on."""


def run_long_work(connection: http.client.HTTPConnection, by: str, token: str, policy: str) -> list[PageRequest]:
    """The pages of a verification, an export and a pack that are done, as they are measured."""
    forms: Mapping[str, Mapping[str, str]] = {
        "/audit/verifications": {},
        "/audit/exports": {},
        "/packs": {"policy": policy, "sample": "100"},
    }
    pages = []
    for path, fields in forms.items():
        address = _begin(connection, path, fields, token)
        _wait(connection, address, token)
        pages.append(PageRequest(f"{path}/{{job}}", by, (address,)))
    return pages


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
    if response.status != http.client.SEE_OTHER:
        raise RuntimeError(f"{path} answers {response.status}")
    return str(response.headers["Location"]).partition("?")[0]


def _wait(connection: http.client.HTTPConnection, address: str, token: str) -> None:
    """Until the page says what became of the work."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        connection.request("GET", address, headers={"Accept": "text/html", "Cookie": f"{COOKIE}={token}"})
        if UNDER_WAY not in connection.getresponse().read():
            return
        time.sleep(0.5)
    raise TimeoutError(address)

"""Safe redirects: to an address of this service only, whatever a form, a link or a cookie says."""

from __future__ import annotations

MAX_ADDRESS = 2_000
"""Characters of an address that a page leads back to."""


def safe_redirect_address(address: str | None) -> str:
    """An address of this very service to go on at, whatever a form or a link says; `/` when it is another's."""
    if address is None or len(address) > MAX_ADDRESS or not address.isprintable():
        return "/"
    local = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if local else "/"

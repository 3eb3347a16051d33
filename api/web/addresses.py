"""The client's address of a request, also behind trusted proxies.

A proxy adds the address it was asked from to the right of `X-Forwarded-For`; what stands further to the left was
written by the client of the proxy. So the list is read from the right, over trusted proxies, up to the first other.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from policy_service.settings import Network

HEADER = b"x-forwarded-for"


def client_address(scope: Scope) -> str:
    """Return the address of a request's client; empty where there is none."""
    client = scope.get("client")
    return client[0] if client else ""


def forwarded_address(scope: Scope, proxies: Sequence[Network]) -> str:
    """Return the client address that the first trusted proxy saw; without a proxy, that of the connection."""
    address = client_address(scope)
    if not _is_one_of(_parse_address(address), proxies):
        return address
    hops = b",".join(value for name, value in scope["headers"] if name == HEADER).decode("latin-1")
    for hop in reversed(hops.split(",")):
        parsed = _parse_address(hop)
        if parsed is None:
            break
        address = str(parsed)
        if not _is_one_of(parsed, proxies):
            break
    return address


def _is_one_of(address: IPv4Address | IPv6Address | None, proxies: Sequence[Network]) -> bool:
    return address is not None and any(address in proxy for proxy in proxies)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; IPv4 written in IPv6 is IPv4, a port behind it is left out."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        address = ip_address(plain)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

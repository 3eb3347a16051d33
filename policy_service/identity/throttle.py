"""Throttling of wrong passwords, which slows down attackers without locking out legitimate users.

Only wrong passwords count. The counters depend on their origin:

| they came from                                              | counted by                              | wait after |
|-------------------------------------------------------------|-----------------------------------------|------------|
| an open session (a signature, another password)             | the session                             | 5          |
| a browser that the account was signed in with before        | the browser                             | 5          |
| anywhere else                                               | the name and the network address        | 5          |
|                                                             | the name                                | 100        |
|                                                             | the network address                     | 60         |

So strangers cannot lock out a person who is signed in or uses a known browser, and cannot guess the password of a name
from many addresses either (NIST SP 800-63B section 5.2.2 allows 100 attempts). Counters reset `WINDOW` after their
first failure; a wait is one minute, then two, four … at most `LONGEST_WAIT`. An unknown name is treated alike, so that
nothing is disclosed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

LIMIT = 5
NAME_LIMIT = 100
ADDRESS_LIMIT = 60
WINDOW = timedelta(minutes=15)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
RETENTION = timedelta(hours=24)
"""How long a counter is stored after its last failure."""
NETWORK = 64
"""Prefix length of an IPv6 network: a provider's customer chooses the remaining bits."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The state of a counter."""

    count: int
    since: datetime
    last: datetime
    blocks: int = 0
    blocked_until: datetime | None = None

    def wait_until(self, now: datetime) -> datetime | None:
        """Return until when sign-in is blocked; None if it is not."""
        return self.blocked_until if self.blocked_until is not None and now < self.blocked_until else None


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of failures, and the number of them that blocks the address or name it counts."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a password: the client's address, and the known browser or open session, by identifier."""

    address: str = ""
    device: str | None = None
    """The browser's unverified cookie."""
    session: str | None = None


def counters(name: str, origin: Origin, device: str | None) -> tuple[Counter, ...]:
    """Return the counters of a wrong password for a name, narrowest first; `device` is a known browser."""
    if origin.session is not None:
        return (Counter(key_of("session", origin.session), LIMIT),)
    if device is not None:
        return (Counter(key_of("device", device), LIMIT),)
    network = network_of(origin.address)
    return (
        Counter(key_of("name and address", name, network), LIMIT),
        Counter(key_of("name", name), NAME_LIMIT),
        Counter(key_of("address", network), ADDRESS_LIMIT),
    )


def log_counter(name: str) -> Counter:
    """Return the counter that limits log entries to one per wait; it delays no sign-in."""
    return Counter(key_of("told", name), LIMIT)


def after_failure(previous: Failures | None, now: datetime, limit: int = LIMIT) -> Failures:
    """Return the state after one more wrong password."""
    if previous is None or now - previous.last > RETENTION:
        return Failures(1, now, now)
    if previous.wait_until(now) is not None:
        return previous
    if now - previous.since > WINDOW:
        return Failures(1, now, now, previous.blocks)
    count = previous.count + 1
    if count < limit:
        return replace(previous, count=count, last=now)
    until = now + min(FIRST_WAIT * 2 ** min(previous.blocks, 10), LONGEST_WAIT)
    return Failures(0, until, now, previous.blocks + 1, until)


def key_of(kind: str, *parts: str) -> str:
    """Return the counter key of a name or an address: a digest, since passwords are sometimes typed as names."""
    text = "\0".join((kind, *(part.strip().casefold() for part in parts)))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def network_of(address: str) -> str:
    """Return the part of an address that its user cannot choose; the text itself if it is no IP address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((int(parsed), NETWORK), strict=False))

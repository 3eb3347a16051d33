"""Known browsers: those in which an account signed in before, recognised by a cookie with a MAC.

    <account>.<issued, seconds since 1970>.<chance>.<HMAC-SHA256 of these, by a key made from the password's hash>

The cookie does not authenticate. It only exempts the browser from throttling caused by others (`throttle`). A password
change invalidates it. It holds several tokens, so that two directors can share a browser.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

LIFETIME = timedelta(days=365)
MAX_ACCOUNTS = 5
"""Maximum number of accounts in one browser's cookie."""
_SEPARATOR = "~"
_KEY = b"policy-service known browser 1"


def issue_device_token(account: str, password_hash: str, now: datetime) -> str:
    """Return a token by which an account recognises a browser."""
    text = f"{account}.{int(now.timestamp())}.{secrets.token_urlsafe(16)}"
    return f"{text}.{_signature(password_hash, text)}"


def find_device(cookie: str | None, account: str, password_hash: str, now: datetime) -> str | None:
    """Return the browser's identifier if the account knows it, else None."""
    for token in (cookie or "").split(_SEPARATOR)[:MAX_ACCOUNTS]:
        text, _, signature = token.rpartition(".")
        owner, _, rest = text.partition(".")
        issued, _, device_id = rest.partition(".")
        if owner != account or not issued.isdecimal() or not device_id:
            continue
        if not hmac.compare_digest(signature.encode(), _signature(password_hash, text).encode()):
            continue
        if timedelta() <= now - datetime.fromtimestamp(int(issued), now.tzinfo) <= LIFETIME:
            return device_id
    return None


def with_token(cookie: str | None, token: str) -> str:
    """Return the cookie with a token added, replacing an earlier one of the same account."""
    owner = token.partition(".")[0]
    others = [each for each in (cookie or "").split(_SEPARATOR) if each and each.partition(".")[0] != owner]
    return _SEPARATOR.join([token, *others[: MAX_ACCOUNTS - 1]])


def _signature(password_hash: str, text: str) -> str:
    key = hmac.digest(_KEY, password_hash.encode(), hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

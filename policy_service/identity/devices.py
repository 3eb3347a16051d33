"""Browsers that an account was signed in with before: known by a cookie, signed for this account alone.

    <account>.<issued, seconds since 1970>.<chance>.<HMAC-SHA256 of these, by a key made from the password's hash>

It opens nothing. It says that failures of others do not count here (`throttle`). Another password makes all of them
unknown; and they are as many as they may be, so that two directors who share a browser are both known by it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

LIFETIME = timedelta(days=365)
MAX_ACCOUNTS = 5
"""Accounts that one browser is known to."""
_SEPARATOR = "~"
_KEY = b"policy-service known browser 1"


def issue_device_token(account: str, password_hash: str, now: datetime) -> str:
    """Issue the token by which an account knows a browser from now on."""
    text = f"{account}.{int(now.timestamp())}.{secrets.token_urlsafe(16)}"
    return f"{text}.{_signature(password_hash, text)}"


def find_device(cookie: str | None, account: str, password_hash: str, now: datetime) -> str | None:
    """Return the browser's own identifier when it is known to the account; None when it is not."""
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
    """Return the cookie with a token added, in the place of an earlier one of the same account."""
    owner = token.partition(".")[0]
    others = [each for each in (cookie or "").split(_SEPARATOR) if each and each.partition(".")[0] != owner]
    return _SEPARATOR.join([token, *others[: MAX_ACCOUNTS - 1]])


def _signature(password_hash: str, text: str) -> str:
    key = hmac.digest(_KEY, password_hash.encode(), hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

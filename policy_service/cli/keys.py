"""`policy-service api-key …`: the keys that machines come in with, by whoever may write to the database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from policy_service.cli.accounts import roles_of, writing
from policy_service.cli.acting import command_line
from policy_service.cli.output import say, say_json, say_table
from policy_service.cli.status import FINE
from policy_service.cli.storage import opened_current
from policy_service.clock import timestamp
from policy_service.identity.api_keys import ApiKey, api_keys, issue_key, revoke_key
from policy_service.identity.tokens import read_key
from policy_service.places import database_url


def run_list(*, as_json: bool) -> int:
    """Prints every key; gives the exit status. Raises UsageFault."""
    with opened_current(database_url(os.environ)) as database, database.read() as session:
        told = [_told(key) for key in api_keys(session).values()]
    if as_json:
        say_json(told)
    else:
        headings = ["id", "name", "scopes", "expires_at", "revoked_at", "used_at"]
        rows = [[_shown(key[heading]) for heading in headings] for key in told]
        say_table(["key", "name", "scopes", "ends", "revoked", "last used"], rows)
    return FINE


def run_issue(name: str, scopes: Sequence[str], days: int) -> int:
    """Issues a key and prints it; gives the exit status. Raises UsageFault."""
    held = roles_of(scopes)
    with writing() as transaction:
        until = transaction.now + timedelta(days=days)
        issued = issue_key(transaction, command_line(), name=name, scopes=held, expires_at=until)
    say(f"This is shown once; it ends on {until:%Y-%m-%d}:")
    say(issued.text)
    return FINE


def run_revoke(key: str) -> int:
    """Takes a key back; gives the exit status. Raises UsageFault."""
    shown = read_key(key)
    with writing() as transaction:
        revoked = revoke_key(transaction, command_line(), shown.id if shown else key)
    say(f"{revoked.name} ({revoked.id}) opens nothing any more")
    return FINE


def _told(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "issued_at": timestamp(key.issued_at),
        "expires_at": timestamp(key.expires_at),
        "revoked_at": _instant(key.revoked_at),
        "used_at": _instant(key.used_at),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)

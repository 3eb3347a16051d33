"""`policy-service api-key …`: manages API keys, for operators with write access to the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from policy_service.cli.accounts import roles_of, write_transaction
from policy_service.cli.command_line_actor import command_line
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.status import EXIT_OK
from policy_service.cli.storage import open_current_database
from policy_service.clock import timestamp
from policy_service.identity.api_keys import ApiKey, api_keys, issue_key, revoke_key
from policy_service.identity.tokens import parse_key


def run_list(*, as_json: bool) -> int:
    """Print every key; return the exit status. Raises UsageError."""
    with open_current_database() as database, database.read() as session:
        keys = [_key_json(key) for key in api_keys(session).values()]
    if as_json:
        print_json(keys)
    else:
        headings = ["id", "name", "scopes", "expires_at", "revoked_at", "used_at"]
        rows = [[_format_cell(key[heading]) for heading in headings] for key in keys]
        print_table(["key", "name", "scopes", "ends", "revoked", "last used"], rows)
    return EXIT_OK


def run_issue(name: str, scopes: Sequence[str], days: int) -> int:
    """Issue a key and print it; return the exit status. Raises UsageError."""
    role_list = roles_of(scopes)
    with write_transaction() as transaction:
        until = transaction.now + timedelta(days=days)
        issued = issue_key(transaction, command_line(), name=name, scopes=role_list, expires_at=until)
    print_line(f"This is shown once; it ends on {until:%Y-%m-%d}:")
    print_line(issued.text)
    return EXIT_OK


def run_revoke(key: str) -> int:
    """Revoke a key; return the exit status. Raises UsageError."""
    parsed = parse_key(key)
    with write_transaction() as transaction:
        revoked = revoke_key(transaction, command_line(), parsed.id if parsed else key)
    print_line(f"{revoked.name} ({revoked.id}) opens nothing any more")
    return EXIT_OK


def _key_json(key: ApiKey) -> dict[str, object]:
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


def _format_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)

"""Paths of what the service must not lose, from the environment.

| variable                           | what                                      | when it is not set                |
|------------------------------------|-------------------------------------------|-----------------------------------|
| `DATABASE_URL`                     | the address of the database               | `sqlite:///var/policy-service.db` |
| `POLICY_SERVICE_KEYS`              | the folder of the private keys            | `var/keys`                        |
| `POLICY_SERVICE_CHECKPOINTS`       | the file of checkpoints                   | `var/checkpoints.ndjson`          |
| `POLICY_SERVICE_CHECKPOINT_COPIES` | further places for them                   | none                              |
| `POLICY_SERVICE_CHECKPOINT_TOKEN`  | a file with the bearer token of addresses | none                              |

Private keys are those of the log's signatures and of subjects. The file of checkpoints should be on another disk.
Further places are files, folders and addresses of append-only stores, separated by blanks; `%20` is a blank in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from policy_service.messages import Message

DATABASE = "DATABASE_URL"
KEYS = "POLICY_SERVICE_KEYS"
CHECKPOINTS = "POLICY_SERVICE_CHECKPOINTS"
CHECKPOINT_COPIES = "POLICY_SERVICE_CHECKPOINT_COPIES"
CHECKPOINT_TOKEN = "POLICY_SERVICE_CHECKPOINT_TOKEN"  # noqa: S105  # the name of a setting
RETENTION_DAYS = "POLICY_SERVICE_RETENTION_DAYS"
DEFAULT_RETENTION_DAYS = 1_826
"""Five years."""
MAX_RETENTION_DAYS = 36_525
DEFAULT_DATABASE = "sqlite:///var/policy-service.db"
DEFAULT_KEYS = "var/keys"
DEFAULT_CHECKPOINTS = "var/checkpoints.ndjson"


def database_url(environment: Mapping[str, str]) -> str:
    """Return the address of the database."""
    return environment.get(DATABASE) or DEFAULT_DATABASE


def keys_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the private keys."""
    return Path(environment.get(KEYS) or DEFAULT_KEYS)


def checkpoints_file(environment: Mapping[str, str]) -> Path:
    """Return the file outside the database to which checkpoints are appended."""
    return Path(environment.get(CHECKPOINTS) or DEFAULT_CHECKPOINTS)


def checkpoint_destinations(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the file of checkpoints, then the copies. Raises ValueError if one is invalid."""
    return (str(checkpoints_file(environment)), *parse_destinations(environment.get(CHECKPOINT_COPIES) or ""))


def checkpoint_token(environment: Mapping[str, str]) -> Path | None:
    """Return the file with the bearer token for copies at addresses."""
    path = environment.get(CHECKPOINT_TOKEN)
    return Path(path) if path else None


def retention_days(environment: Mapping[str, str]) -> int:
    """Return the minimum number of days that decision records remain in the database."""
    text = environment.get(RETENTION_DAYS) or str(DEFAULT_RETENTION_DAYS)
    if not text.isdecimal() or not 1 <= int(text[:6]) <= MAX_RETENTION_DAYS:
        raise ValueError(
            Message("{name} is a number of days, 1 to {most}", name=RETENTION_DAYS, most=MAX_RETENTION_DAYS)
        )
    return int(text)


def parse_destinations(text: str) -> tuple[str, ...]:
    """Return the places in a setting. Raises ValueError for an unsupported address."""
    return tuple(secure_url(each) if "://" in each else unquote(each) for each in text.split())


def secure_url(text: str) -> str:
    """Return an address that secrets may be sent to. Raises ValueError for any other."""
    parts = urlsplit(text)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"})
    if not secure or not parts.netloc or parts.query or parts.fragment or parts.username:
        raise ValueError("not an address such as https://policies.example (http only on this machine)")
    return text.rstrip("/")


def shared_location(one: Path, other: Path) -> Literal["folder", "device"] | None:
    """Return what two files or folders share: a folder or a device; None for neither."""
    parent, other_parent = one.absolute().parent, other.absolute().parent
    if parent == other_parent or parent in other.absolute().parents or other_parent in one.absolute().parents:
        return "folder"
    return "device" if _device(one) == _device(other) is not None else None


def _device(path: Path) -> int | None:
    """Return the device of a path, or of its nearest existing parent."""
    for each in (path.absolute(), *path.absolute().parents):
        try:
            return each.stat().st_dev
        except OSError:
            continue
    return None


def separation_warnings(database: Path | None, keys: Path, destinations: Sequence[str]) -> list[Message]:
    """Return warnings about files beside the database file that would be lost or stolen with it; none for a server."""
    if database is None:
        return []
    warnings = []
    locations = [
        None if "://" in destination else shared_location(database, Path(destination)) for destination in destinations
    ]
    if all(locations):
        warnings.append(
            Message("All copies of the checkpoints lie in the folder of the database: keep one elsewhere.")
            if "device" not in locations
            else Message("All copies of the checkpoints lie on the disk of the database: keep one elsewhere.")
        )
    match shared_location(database, keys):
        case "folder":
            warnings.append(Message("The keys lie in the folder of the database: keep them elsewhere."))
        case "device":
            warnings.append(Message("The keys lie on the disk of the database: keep them elsewhere."))
        case None:
            pass
    return warnings

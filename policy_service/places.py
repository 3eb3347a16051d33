"""Where the service keeps what it must not lose, as the environment says.

| variable              | what                                                              | when it is not set               |
|-----------------------|-------------------------------------------------------------------|----------------------------------|
| `DATABASE_URL`        | the database: `sqlite:///FILE` or `postgresql://USER:PASSWORD@…`  | `sqlite:///var/policy-service.db` |
| `POLICY_SERVICE_KEYS` | the folder of the private keys: of the log's signatures and of subjects | `var/keys`                 |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DATABASE = "DATABASE_URL"
KEYS = "POLICY_SERVICE_KEYS"
DEFAULT_DATABASE = "sqlite:///var/policy-service.db"
DEFAULT_KEYS = "var/keys"


def database_url(environment: Mapping[str, str]) -> str:
    """The address of the database."""
    return environment.get(DATABASE) or DEFAULT_DATABASE


def keys_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the private keys."""
    return Path(environment.get(KEYS) or DEFAULT_KEYS)

"""Where the service keeps what it must not lose, as the environment says.

| variable                     | what                                             | when it is not set                |
|------------------------------|--------------------------------------------------|-----------------------------------|
| `DATABASE_URL`               | the database: `sqlite:///FILE`, `postgresql://…` | `sqlite:///var/policy-service.db` |
| `POLICY_SERVICE_KEYS`        | the folder of the private keys                   | `var/keys`                        |
| `POLICY_SERVICE_CHECKPOINTS` | the file of checkpoints                          | `var/checkpoints.ndjson`          |

Private keys are those of the log's signatures and of subjects. The file of checkpoints had better be on another disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DATABASE = "DATABASE_URL"
KEYS = "POLICY_SERVICE_KEYS"
CHECKPOINTS = "POLICY_SERVICE_CHECKPOINTS"
DEFAULT_DATABASE = "sqlite:///var/policy-service.db"
DEFAULT_KEYS = "var/keys"
DEFAULT_CHECKPOINTS = "var/checkpoints.ndjson"


def database_url(environment: Mapping[str, str]) -> str:
    """The address of the database."""
    return environment.get(DATABASE) or DEFAULT_DATABASE


def keys_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the private keys."""
    return Path(environment.get(KEYS) or DEFAULT_KEYS)


def checkpoints_file(environment: Mapping[str, str]) -> Path:
    """The file outside the database that the log's checkpoints are added to."""
    return Path(environment.get(CHECKPOINTS) or DEFAULT_CHECKPOINTS)

"""Places come from the environment, and from nowhere else when it is silent."""

from pathlib import Path

import pytest

from policy_service.paths import checkpoints_file, database_url, keys_folder


@pytest.mark.parametrize(
    "environment", [{}, {"DATABASE_URL": "", "POLICY_SERVICE_KEYS": "", "POLICY_SERVICE_CHECKPOINTS": ""}]
)
def test_what_the_environment_does_not_say_is_under_var(environment: dict[str, str]) -> None:
    assert database_url(environment) == "sqlite:///var/policy-service.db"
    assert keys_folder(environment) == Path("var/keys")
    assert checkpoints_file(environment) == Path("var/checkpoints.ndjson")


def test_what_the_environment_says_counts() -> None:
    environment = {
        "DATABASE_URL": "postgresql://service@db/policies",
        "POLICY_SERVICE_KEYS": "/etc/keys",
        "POLICY_SERVICE_CHECKPOINTS": "/mnt/elsewhere/checkpoints.ndjson",
    }
    assert database_url(environment) == "postgresql://service@db/policies"
    assert keys_folder(environment) == Path("/etc/keys")
    assert checkpoints_file(environment) == Path("/mnt/elsewhere/checkpoints.ndjson")

"""Every record names a version that was active while it was asked for, however versions come and go."""

import pytest

from tests.databases import BACKENDS
from tests.effort import effort
from tests.faults.history import run


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_record_names_a_version_that_was_active_between_its_start_and_its_end(backend: str) -> None:
    result = run(backend, rounds=effort(1, 20))
    assert result.faults == []
    assert result.activated > 0
    assert result.suspended > 0
    assert result.digests > 1
    assert len(result.asked) > 50

"""Every record names a version that was active while it was asked for, however versions come and go."""

import pytest

from tests.databases import BACKENDS
from tests.effort import effort
from tests.faults.history import run


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_record_names_a_version_that_was_active_between_its_start_and_its_end(backend: str) -> None:
    found = run(backend, rounds=effort(1, 20))
    assert found.faults == []
    assert found.activated > 0
    assert found.suspended > 0
    assert found.digests > 1
    assert len(found.asked) > 50

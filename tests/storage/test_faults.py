"""A process that is killed at any instant loses nothing that it acknowledged, and leaves nothing by half."""

import subprocess
import sys

import pytest

from tests.databases import BACKENDS
from tests.effort import effort

KILLS = effort(1, 20)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_process_that_is_killed_loses_nothing(backend: str) -> None:
    command = [sys.executable, "-m", "tests.storage.faults", "--kills", str(KILLS), "--backend", backend]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60 * (KILLS + 1), check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{backend}: {KILLS} kills" in ended.stdout

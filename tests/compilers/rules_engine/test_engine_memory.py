"""The engine gives back what it takes: measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.effort import effort

ROOT = Path(__file__).parents[3]

BUILDS, DECISIONS = effort((300, 70_000), (1_000, 200_000))
# A ruleset left behind would cost about 150 kB a build; 100 bytes left behind, 5 MB over the decisions.
GROWTH = f"""
import os, resource
from contextlib import closing
from pathlib import Path
from policy_service.compilers.rules_engine.engine import Engine
from tests.compilers.rules_engine.programs import everything_true

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def build(times, program=everything_true(8)):
    for _ in range(times):
        with closing(Engine(program)) as engine:
            assert engine.matches([0] * 20) == tuple(range(8))

def decide(engine, times):
    for number in range(times):
        engine.matches([number % 3 - 1] * 20)

build(100)
start = resident()
build({BUILDS})
built = resident()
with closing(Engine(everything_true(8))) as engine:
    decide(engine, 20_000)
    middle = resident()
    decide(engine, {DECISIONS})
    print(built - start, resident() - middle)
"""


def test_builds_and_decisions_leave_memory_as_it_was() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], check=False, capture_output=True, cwd=ROOT, timeout=300, text=True
    )
    assert done.returncode == 0, done.stderr
    by_builds, by_decisions = map(int, done.stdout.split())
    assert by_builds < 4_000_000
    assert by_decisions < 2_000_000

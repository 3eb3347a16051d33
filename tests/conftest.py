"""How hard tests look (TEST_EFFORT), in which order (TEST_ORDER), temporary files in memory, cheap passwords, skips."""

import gc
import hashlib
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from tests.absence import NEEDED_BY
from tests.effort import EFFORT, effort
from tests.once import done_once
from tests.passwords import CHEAP, hashed_by

# No deadline: a test that shares its processor with others is slow now and then, and that is no fault.
settings.register_profile("quick", max_examples=25, deadline=None, print_blob=True)
settings.register_profile(
    "long",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(EFFORT)
ORDER = os.environ.get("TEST_ORDER", "")
BACKENDS = ("sqlite", "postgresql")
"""As tests/databases.py has them, which not every test needs."""
ONE_IN = 6
"""One in so many tests of both databases is asked on PostgreSQL, which takes twice as long."""
ON_BOTH = "tests/storage/"
"""The tests of the databases themselves."""
# Programs that tests start keep their output back as they do elsewhere.
os.environ.pop("PYTHONUNBUFFERED", None)
MEMORY = Path("/dev/shm")  # noqa: S108  # a file system, not a file of a guessable name
ROOM = 4 * 2**30
"""Bytes that must be free there; tests use about a third of it."""


def _keep_temporary_files_in_memory() -> None:
    """Keep databases out of the disk's way where memory has room: no commit of a test waits for a disk."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


_keep_temporary_files_in_memory()
gc.disable()  # what is made while tests are collected stays


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mixes the modules, and the tests of each, another way for each TEST_ORDER; without it they stay as written.

    A quick run asks a test of both databases on one of them: five of six on SQLite, the others on PostgreSQL;
    and a test that is marked `one_in(n)` of every nth of its cases.
    """
    if EFFORT == "quick":
        for choose in (_on_the_other_database, _of_other_cases):
            left_out = set(choose(items))
            config.hook.pytest_deselected(items=list(left_out))
            items[:] = [item for item in items if item not in left_out]
    if ORDER:
        items.sort(key=lambda item: (_place(item.nodeid.partition("::")[0]), _place(item.nodeid)))


def _on_the_other_database(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Of each test that is there on both databases the one that is left out, always the same.

    Tests that share what their module made are asked on the same database, so that it is made once.
    """
    pairs: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        name = item.nodeid
        if "[" in name and not name.startswith(ON_BOTH) and any(each in name for each in BACKENDS):
            pairs[re.sub("|".join(BACKENDS), "", name)].append(item)
    for name, pair in pairs.items():
        if len(pair) == len(BACKENDS):
            scopes = pair[0].callspec._arg2scope.values()  # type: ignore[attr-defined]  # it has parameters
            shared = any(scope.value == "module" for scope in scopes)
            chosen = name.partition("::")[0] if shared else name
            other = BACKENDS[zlib.crc32(chosen.encode()) % ONE_IN > 0]
            yield next(item for item in pair if other in item.nodeid)


def _of_other_cases(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Of each test that is marked `one_in(n)` all but every nth case; another test begins with another, always so."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("one_in"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for name, those in cases.items():
        (every,) = next(mark.args for mark in those[0].iter_markers("one_in"))
        first = zlib.crc32(name.encode()) % min(every, len(those))
        yield from set(those) - set(those[first::every])


def _place(name: str) -> bytes:
    return hashlib.sha256(f"{ORDER} {name}".encode()).digest()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Raises TypeError for cases that are in no order: processes that share the tests have to collect the same."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if any(isinstance(each, (set, frozenset)) for each in mark.args):
            raise TypeError(f"sort the cases of {metafunc.definition.nodeid}: a set has another order in each process")


def pytest_collection_finish() -> None:
    """Has the garbage collector look seldom, and never through the tests themselves: it took a tenth of the time."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 10)


def pytest_report_header() -> list[str]:
    return [f"effort: {EFFORT}", *([f"order: {ORDER}"] if ORDER else [])]


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """Stops the database server before the session ends: a worker that takes long to exit is killed."""
    yield
    if databases := sys.modules.get("tests.databases"):  # not for those that need no database
        databases.stop_server()


@pytest.fixture(scope="session", autouse=True)
def _done_once() -> Iterator[None]:
    """Statements are compiled once a process, policies read once, and what routes take worked out once."""
    with done_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _few_rows_at_edges() -> Iterator[None]:
    """Of a run or a simulation the definition decides a tenth of the rows at edges again, and all by night.

    It took half of the time of small populations; queries have generated rows of their own, in tests/conformance.
    """
    check = sys.modules.get("policy_service.population.check")  # not for those that need no population
    with mock.patch.object(check, "EDGE_ROWS", effort(50, check.EDGE_ROWS)) if check else nullcontext():
        yield


@pytest.fixture(scope="session", autouse=True)
def password_hasher() -> Iterator[None]:
    """Passwords are hashed cheaply, except where a module says otherwise."""
    with hashed_by(CHEAP):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line each how many tests were not run for want of a browser, or of Spark."""
    reasons = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for absence, tests in NEEDED_BY.items():
        if absent := sum(absence in reason for reason in reasons):
            terminalreporter.write_line(f"{absent} tests {tests} were not run: {absence}", yellow=True, bold=True)

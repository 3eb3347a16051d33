"""Latency of pages on a large database: each is asked for, in turn with all others, and read to its end.

The service runs as it does for its users (one worker, durable-rules, a SQLite file); one browser asks for one page
after the other, without waiting in between. The database is built once for each folder; see `benchmarks/company`.
"""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from api.auth.authentication import COOKIE
from benchmarks.company.build import Size, build_once
from benchmarks.company.recent_actions import suspend_policies
from benchmarks.company.texts import policy_name
from benchmarks.long_work import run_long_work
from benchmarks.page_addresses import PageRequest, pages_of
from benchmarks.serving import Server, processor_seconds, running_process
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.identity.service import find_account_by_name
from policy_service.identity.sessions import PASSWORD, start_session

WARM_UP = 2
"""Rounds that are not counted."""
TIMEOUT = 120
"""Seconds a page may take."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """The figures of one page; times in milliseconds."""

    name: str
    by: str | None
    status: int
    p50: float
    p95: float
    slowest: float
    processor: float
    """Milliseconds of the service's processor time at the 95th percentile, which other work does not lengthen."""
    size: int
    """Bytes of the last answer."""


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages, and those that could not be asked for."""

    company: dict[str, int]
    rounds: int
    pages: tuple[PageResult, ...]
    missing: tuple[str, ...]


class Sample(NamedTuple):
    """One answer."""

    seconds: float
    processor_seconds: float
    status: int
    size: int


def measure_pages(size: Size, rounds: int, folder: Path) -> Pages:
    """Builds the company unless the folder has it already, serves it, and asks for every page."""
    build_once(folder, size)
    requests, missing = _prepare_requests(folder)
    with running_process(Server.of_folder(folder), folder) as (port, process):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        readers = {each.name: each.by for each in requests if each.by is not None}
        tokens = _start_sessions(folder, requests)
        requests += run_long_work(connection, lambda path: (readers[path], tokens[readers[path]]), policy_name(0))
        tokens = _start_sessions(folder, requests)  # those of before may have ended meanwhile
        missing = [name for name in missing if name not in {each.name for each in requests}]
        samples: dict[str, list[Sample]] = {each.name: [] for each in requests}
        for number in range(rounds + WARM_UP):
            for each in requests:
                samples[each.name].append(_ask(connection, each, tokens, number, process))
        measured = tuple(_page_result(each, samples[each.name][WARM_UP:]) for each in requests)
        return Pages(asdict(size), rounds, measured, tuple(missing))


def _prepare_requests(folder: Path) -> tuple[list[PageRequest], list[str]]:
    """Return the requests, and the addresses that cannot be filled."""
    clock = SystemClock()
    with closing(_database(folder)) as database:
        suspend_policies(database, clock)
        with database.read() as session:
            return pages_of(session, clock.now())


def _database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/service.db", keys=folder / "keys")


def _start_sessions(folder: Path, requests: Iterable[PageRequest]) -> Mapping[str, str]:
    """Return the sessions of the readers, by their names."""
    with closing(_database(folder)) as database, database.write(SystemClock()) as transaction:
        tokens = {}
        for name in {each.by for each in requests if each.by is not None}:
            account = find_account_by_name(transaction.session, name)
            if account is not None:
                tokens[name] = start_session(transaction, account, PASSWORD).token
        return tokens


def _ask(
    connection: http.client.HTTPConnection, request: PageRequest, tokens: Mapping[str, str], number: int, process: int
) -> Sample:
    headers = {"Accept": "text/html", "Accept-Language": "zh-CN" if number % 2 else "en"}
    if request.by is not None:
        headers["Cookie"] = f"{COOKIE}={tokens[request.by]}"
    begin, used = time.perf_counter(), processor_seconds(process)
    connection.request("GET", request.addresses[number % len(request.addresses)], headers=headers)
    response = connection.getresponse()
    body = response.read()
    seconds = time.perf_counter() - begin
    return Sample(seconds, processor_seconds(process) - used, response.status, len(body))


def _page_result(request: PageRequest, samples: list[Sample]) -> PageResult:
    """The figures of one page; its status is the worst that was answered."""
    latencies = [1_000 * each.seconds for each in samples]
    return PageResult(
        request.name,
        request.by,
        max(each.status for each in samples),
        statistics.median(latencies),
        _p95(latencies),
        max(latencies),
        _p95([1_000 * each.processor_seconds for each in samples]),
        samples[-1].size,
    )


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def slow(pages: Pages, milliseconds: float) -> list[PageResult]:
    """The pages whose 95th percentile is above a limit, the slowest first."""
    slow_pages = [each for each in pages.pages if each.p95 > milliseconds and each.status < HTTPStatus.BAD_REQUEST]
    return sorted(slow_pages, key=lambda each: each.p95, reverse=True)

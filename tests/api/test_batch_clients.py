"""A batch comes to its end with every client: those that send all before they read, slow ones, and those that go."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from sqlmodel import col, func, select

from api.app import Application, create_app
from policy_service.decisions import batch_body
from policy_service.decisions.tables import DecisionRow
from policy_service.spool import Spool
from tests.api.client import CUSTOMER, RFM, StandingClock, application, one_policy, populated, settings
from tests.api.network import BUFFERS, WITHIN, Address, connect, eventually, served
from tests.architecture.project import ROOT

Json = dict[str, Any]
PATH = "/v1/decisions/batch"
MANY = 3_000
"""Lines; their answers are many times what the connection holds."""


LIMIT = 2**20
"""Bytes that wait in a file, at most: the least that can be set."""


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with populated(policies=one_policy()) as url:
        here = {"database_url": SecretStr(url), "policies": one_policy(), "batch_spool_limit": LIMIT}
        made = create_app(settings(**here), StandingClock())
        assert isinstance(made, Application)
        yield made
        made.service.close()


@pytest.fixture(scope="module")
def address(app: Application) -> Iterator[Address]:
    with served(app) as opened:
        yield opened


@pytest.fixture
def nameless() -> int:
    """How many files without a name are open: those of the tests' own."""
    return _nameless_files()


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were written to files; memory holds so few that a batch comes to that."""
    written: list[int] = []
    write = Spool.write

    def counted(self: Spool, content: bytes) -> None:
        written.append(len(content))
        write(self, content)

    monkeypatch.setattr(Spool, "write", counted)
    monkeypatch.setattr(batch_body, "MEMORY", 32 * 1024)
    return written


def body(count: int, prefix: str = "C") -> bytes:
    facts = {**CUSTOMER, "industry": "it"}
    return b"".join(
        json.dumps({"subject": f"{prefix}{number}", "facts": facts, "policies": [RFM]}).encode() + b"\n"
        for number in range(count)
    )


def headers(address: Address) -> dict[str, str]:
    return {"Authorization": address.authorization, "Content-Type": "application/x-ndjson"}


# every one of them sends the whole body before it reads a byte of the answer


def by_httpx(address: Address, content: bytes) -> bytes:
    after_connecting = [option for option in BUFFERS if option[1] != socket.SO_RCVBUF]
    transport = httpx.HTTPTransport(socket_options=after_connecting)
    with httpx.Client(transport=transport, timeout=WITHIN) as client:
        return client.post(address.url + PATH, content=content, headers=headers(address)).content


def by_requests(address: Address, content: bytes) -> bytes:
    class Small(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - urllib3's
            super().init_poolmanager(*given, **more, socket_options=BUFFERS)

    with requests.Session() as session:
        session.mount("http://", Small())
        answer: bytes = session.post(address.url + PATH, content, headers=headers(address), timeout=WITHIN).content
        return answer


def by_http_client(address: Address, content: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=WITHIN)
    connection.sock = connect(address)
    connection.request("POST", PATH, content, headers(address))
    answer = connection.getresponse().read()
    connection.close()
    return answer


def by_socket(address: Address, content: bytes) -> bytes:
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(content)}", "Connection: close") + content)
        return unchunked(read_all(line))


def head(address: Address, *more: str) -> bytes:
    results = [
        f"POST {PATH} HTTP/1.1",
        "Host: service",
        *(f"{name}: {value}" for name, value in headers(address).items()),
    ]
    return "\r\n".join([*results, *more, "", ""]).encode()


def read_all(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65_536), b""))


def unchunked(answer: bytes) -> bytes:
    """The body of an answer in chunks (RFC 9112 section 7.1); what is left when it breaks off is not given."""
    start, _, rest = answer.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 200 "), start
    results = []
    while (size := int(rest.partition(b"\r\n")[0], 16)) > 0:
        begin = rest.index(b"\r\n") + 2
        results.append(rest[begin : begin + size])
        rest = rest[begin + size + 2 :]
    return b"".join(results)


def lines(content: bytes) -> list[Json]:
    return [json.loads(each) for each in content.splitlines()]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("client", [by_httpx, by_requests, by_http_client, by_socket])
def test_a_client_that_sends_all_before_it_reads_gets_every_answer(
    client: Callable[[Address, bytes], bytes], address: Address, spooled: list[int]
) -> None:
    answers = lines(client(address, body(MANY)))
    assert [answer["subject"] for answer in answers] == [f"C{number}" for number in range(MANY)]
    assert all(answer["outcomes"][RFM]["outcome"] == {"tier": "A"} for answer in answers)
    assert sum(spooled) > 100_000


def test_a_client_that_reads_while_it_sends_is_slowed_down_and_nothing_is_written_to_a_file(
    address: Address, spooled: list[int]
) -> None:
    content = body(MANY)
    for _ in range(3):  # a reader that has to wait for the processor for long is one that does not read
        spooled.clear()
        with connect(address) as line:
            sending = threading.Thread(target=line.sendall, args=(_whole(address, content),))
            sending.start()
            answers = lines(unchunked(read_all(line)))
            sending.join()
        assert len(answers) == MANY
        if sum(spooled) < len(content) // 3:
            break
    assert sum(spooled) < len(content) // 3


def test_a_slow_sender_gets_each_answer_before_it_sends_the_next_line(address: Address) -> None:
    with connect(address) as line:
        line.sendall(head(address, "Transfer-Encoding: chunked", "Connection: close"))
        received = b""
        for number in range(3):
            line.sendall(_chunk(body(1, f"slow{number}-")))
            while f'"slow{number}-0"'.encode() not in received:
                received += line.recv(65_536)
        line.sendall(_chunk(b""))
        received += read_all(line)
    assert len(lines(unchunked(received))) == 3


def test_a_slow_reader_gets_every_answer(address: Address) -> None:
    content = body(500)
    with connect(address) as line:
        line.sendall(_whole(address, content))
        received = b""
        while piece := line.recv(4_096):
            received += piece
            time.sleep(0.001)
    assert len(lines(unchunked(received))) == 500


def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(address: Address) -> None:
    """As curl does with a large body (RFC 9110 section 10.1.1)."""
    content = body(1)
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(content)}", "Expect: 100-continue", "Connection: close"))
        received = b""
        while b"\r\n\r\n" not in received:
            received += line.recv(65_536)
        assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        line.sendall(content)
        assert len(lines(unchunked((received + read_all(line)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")))) == 1


def test_two_requests_sent_one_after_the_other_are_answered_in_that_order(address: Address, spooled: list[int]) -> None:
    first, second = body(MANY), body(2, "second")
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(first)}") + first + _whole(address, second))
        answers = read_all(line)
    assert spooled
    begin = answers.index(b"HTTP/1.1 200", 1)
    assert len(lines(unchunked(answers[:begin]))) == MANY
    assert [answer["subject"] for answer in lines(unchunked(answers[begin:]))] == ["second0", "second1"]


def test_the_program_of_the_documentation_tells_outcomes_and_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "how-to" / "decide-about-many.md").read_text("utf-8")
    [customers] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "customers.ndjson").write_text(customers + "{}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with served(application()) as address:
        key = address.authorization.removeprefix("Bearer ")
        exec(program.replace("http://127.0.0.1:8000", address.url), {"key": key})  # noqa: S102  # it is the documentation's
    first, second, refused = capsys.readouterr().out.splitlines()
    assert first.startswith("C202405001 {'tiering/absolute_value': {'status': 'decided', 'outcome': {'tier': 'A'}")
    assert second.startswith("C202405002 {'tiering/absolute_value': {'status': 'decided', 'outcome': {'tier': 'B'}")
    assert refused == "3 None 2 problems: /subject, /facts"


# ------------------------------------------------------------------------------------------- what cannot go on


@pytest.mark.one_in(2)
@pytest.mark.parametrize("client", [by_httpx, by_socket])
def test_a_batch_beyond_the_limit_says_where_it_ended_and_the_rest_may_be_sent_again(
    client: Callable[[Address, bytes], bytes],
    address: Address,
    app: Application,
    nameless: int,
    spooled: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_body, "PATIENCE_SECONDS", 0.3)
    content = body(10_000, f"{client.__name__}-")
    assert len(content) > 2 * LIMIT
    *answers, last = lines(client(address, content))
    assert last["problem"]["type"] == "/problems/body-too-large"
    assert last["problem"]["limit"] == LIMIT
    assert "were not decided" in last["problem"]["detail"]
    assert last["subject"] is None
    ended = last["line"] - 1
    assert [answer["subject"] for answer in answers] == [f"{client.__name__}-{number}" for number in range(ended)]
    assert LIMIT <= sum(spooled) < len(content)
    rest = b"".join(content.splitlines(keepends=True)[ended : ended + 2])
    assert len(lines(client(address, rest))) == 2
    assert_nothing_is_left(app, nameless)


def test_where_a_disk_is_full_the_batch_ends_and_says_so(
    address: Address, app: Application, nameless: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch_body, "MEMORY", 32 * 1024)
    monkeypatch.setattr("policy_service.spool.os.pwrite", full)
    *answers, last = lines(by_socket(address, body(MANY, "full-")))
    assert last["problem"]["type"] == "/problems/body-too-large"
    assert last["line"] == len(answers) + 1
    assert_nothing_is_left(app, nameless)


def test_a_client_that_goes_away_leaves_nothing_behind(
    address: Address, app: Application, nameless: int, spooled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = body(MANY, "gone-")
    with connect(address) as line:  # in the middle of its body
        line.sendall(_whole(address, content)[:100_000])
    assert_nothing_is_left(app, nameless)
    with connect(address) as line:  # with all of it sent, and no answer read
        line.sendall(_whole(address, content))
        assert spooled
        under_way = app.service.decisions.batches
    assert under_way == 1
    assert_nothing_is_left(app, nameless)
    monkeypatch.setattr(batch_body, "ABANDONED_SECONDS", 0.3)
    with connect(address) as line:  # it is there, but takes nothing
        line.sendall(_whole(address, content))
        assert_nothing_is_left(app, nameless)
        received = read_all(line)
    assert 0 < received.count(b'"decision_id"') < MANY
    assert len(lines(by_socket(address, body(1)))) == 1


def test_a_batch_that_broke_off_is_sent_again_and_each_line_is_recorded_once(
    address: Address, app: Application, nameless: int
) -> None:
    content, key = body(1_000, "again-"), "Idempotency-Key: broken"
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(content)}", key) + content[: len(content) // 2])
        received = b""
        while received.count(b'"decision_id"') < 50:
            received += line.recv(65_536)
    assert_nothing_is_left(app, nameless)
    before = recorded(app, "again-")
    assert 50 <= before < 1_000
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(content)}", key, "Connection: close") + content)
        answers = lines(unchunked(read_all(line)))
    assert [answer["subject"] for answer in answers] == [f"again-{number}" for number in range(1_000)]
    assert recorded(app, "again-") == 1_000
    assert received[received.index(b"{") :].startswith(json.dumps(answers[0], separators=(",", ":")).encode()[:60])


def test_a_key_of_another_batch_is_refused_though_all_of_it_is_sent_before_the_answer_is_read(address: Address) -> None:
    key = "Idempotency-Key: taken"
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(body(1))}", key, "Connection: close") + body(1))
        assert len(lines(unchunked(read_all(line)))) == 1
    other = body(MANY, "other-")
    with connect(address) as line:
        line.sendall(head(address, f"Content-Length: {len(other)}", key) + other + _whole(address, body(1)))
        answers = read_all(line)
    assert answers.startswith(b"HTTP/1.1 422 ")
    assert b'"/problems/idempotency-key-reused"' in answers
    begin = answers.index(b"HTTP/1.1 200")  # the connection goes on
    assert len(lines(unchunked(answers[begin:]))) == 1


def recorded(app: Application, prefix: str) -> int:
    with app.service.database.read() as session:
        return session.exec(
            select(func.count()).select_from(DecisionRow).where(col(DecisionRow.subject).startswith(prefix))
        ).one()


def assert_nothing_is_left(app: Application, nameless: int) -> None:
    """Asks that soon no batch is under way, and no file is open that it was kept in."""
    eventually(lambda: app.service.decisions.batches == 0)
    eventually(lambda: _nameless_files() == nameless)


def _nameless_files() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was that of the listing
            count += str(entry.readlink()).endswith("(deleted)")
    return count


def _whole(address: Address, content: bytes) -> bytes:
    return head(address, f"Content-Length: {len(content)}", "Connection: close") + content


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)

"""The log keeps nobody waiting, and says what it could not tell."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from policy_service import Decider
from policy_service.cli import serve
from policy_service.metrics import Metrics
from policy_service.service_log import LINES, make_log
from tests.architecture.project import ROOT

CAPACITY = 64 * 1024
"""Bytes that a pipe holds."""
LEVELS = {"debug", "info", "warning", "error"}
OTHERS = {"log_lines_dropped", "library_message"}
"""Events that no call of a logger names: lost lines, and lines of libraries."""


@contextmanager
def piped() -> Iterator[int]:
    """Standard error is a pipe; what it is read by, which never waits."""
    here, there = os.pipe()
    os.set_blocking(here, False)
    with os.fdopen(there, "w", encoding="utf-8") as stream, redirect_stderr(stream):
        yield here
    os.close(here)


def read(pipe: int) -> list[str]:
    return os.read(pipe, 2 * CAPACITY).decode().splitlines()


def test_a_pipe_that_nobody_reads_stops_nothing_and_what_was_lost_is_counted() -> None:
    with piped() as pipe:
        log, before = make_log("info"), LINES.dropped
        for number in range(2_000):
            log.info("request_rejected", number=number, detail="文" * 20)
        lost = LINES.dropped - before
        results = [json.loads(line)["number"] for line in read(pipe)]
        assert results == list(range(2_000 - lost))
        assert 0 < lost < 2_000
        log.info("request_rejected", number=2_000)
        first, second = map(json.loads, read(pipe))
        assert (first["event"], first["count"], second["number"]) == ("log_lines_dropped", lost, 2_000)
        log.info("request_rejected", number=2_001)
        assert [json.loads(line)["number"] for line in read(pipe)] == [2_001]


def test_a_long_line_that_was_cut_leaves_the_others_whole() -> None:
    with piped() as pipe:
        log = make_log("info")
        log.info("first", detail="x" * (CAPACITY - 10_000))
        log.info("second", detail="x" * 20_000)
        result, cut = read(pipe)
        assert json.loads(result)["event"] == "first"
        assert cut.startswith('{"detail": "xxx')
        log.info("third")
        empty, lost, third = read(pipe)
        assert (empty, json.loads(lost)["count"], json.loads(third)["event"]) == ("", 1, "third")


def test_a_reader_who_is_gone_or_a_stream_that_is_closed_stops_nothing() -> None:
    log, before = make_log("info"), LINES.dropped
    here, there = os.pipe()
    os.close(here)
    with os.fdopen(there, "w", encoding="utf-8") as stream, redirect_stderr(stream):
        log.info("nobody")
        stream.close()
        log.info("service_stopped")
    with redirect_stderr(None):
        log.info("none")
    assert LINES.dropped - before == 3


def test_the_loss_is_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LINES, "dropped", 7)
    assert b"policy_service_log_lines_dropped_total 7.0" in Metrics(Decider([])).render()


def test_the_server_and_libraries_write_to_the_same() -> None:
    assert serve.log_config()["handlers"]["stderr"]["stream"] == "ext://policy_service.service_log.LINES"
    assert serve.log_config()["root"]["handlers"] == ["stderr"]


def logged_events() -> Iterator[str]:
    """Every event that a call of the service's log names, by a text or by a parameter that is one of some."""
    for file in (*(ROOT / "api").rglob("*.py"), *(ROOT / "policy_service").rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                choices = {argument.arg: argument.annotation for argument in function.args.args}
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and is_log(call.func):
                        event = call.args[0]
                        named = choices[event.id] if isinstance(event, ast.Name) else event
                        assert named is not None, f"{file}:{call.lineno} logs an event without a name"
                        yield from (str(node.value) for node in ast.walk(named) if isinstance(node, ast.Constant))


def is_log(function: ast.expr) -> bool:
    """`log(…)`, `log.info(…)`, `service.log.info(…)` and the like."""
    if isinstance(function, ast.Attribute) and function.attr in LEVELS:
        return ast.unparse(function.value).endswith("log")
    return isinstance(function, ast.Name) and function.id == "log"


def test_every_event_is_documented_and_has_a_name_that_programs_can_look_for() -> None:
    text = (ROOT / "docs" / "reference" / "http.md").read_text("utf-8")
    table = text.partition("| event | logged when | fields |\n|---|---|---|\n")[2].partition("\n\n")[0]
    documented = {name for row in table.splitlines() for name in re.findall("`(.*?)`", row.split("|")[1])}
    assert documented == {*logged_events(), *OTHERS}
    assert all(re.fullmatch("[a-z_]+", name) for name in documented)


def test_what_a_library_logs_is_one_event_with_its_sentence_as_message() -> None:
    settings = dict(serve.log_config()["formatters"]["json"])
    formatter = settings.pop("()")(**settings)
    record = logging.LogRecord("sqlalchemy.pool", logging.WARNING, "", 1, "pool of %d is full", (5,), None)
    line = json.loads(formatter.format(record))
    assert (line["event"], line["logger"]) == ("library_message", "sqlalchemy.pool")
    assert (line["message"], line["level"]) == ("pool of 5 is full", "warning")


def test_the_log_of_the_demonstration_may_be_truncated_when_it_is_rotated(tmp_path: Path) -> None:
    file = tmp_path / "var" / "service.log"
    with serve._log_file(file):
        sys.stderr.write("before\n")
        sys.stderr.flush()
        os.truncate(file, 0)
        sys.stderr.write("after\n")
    assert file.read_bytes() == b"after\n"

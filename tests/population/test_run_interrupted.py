"""Policies over populations leave nothing half done on a full disk, and go on after a kill."""

from __future__ import annotations

import csv
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from policy_service.population import run as run_module
from policy_service.population import source
from policy_service.population.errors import PopulationRejected
from policy_service.population.output import result_table, write_result
from policy_service.population.parts import PartFolder
from policy_service.spreadsheet import WRITERS
from tests.cli.command import call
from tests.population.files import RFM, ROW, problems, run_file, with_cells, write_csv
from tests.population.purchases import AS_OF, MEANS, write_purchases


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: object) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module, "write_result", fail)
    with pytest.raises(OSError, match="No space left"):
        run_file(write_csv(tmp_path / "p.csv", [ROW]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output.csv.parts", "p.csv"]


def test_a_full_disk_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartFolder, "write", fail)
    path = write_csv(tmp_path / "p.csv", [ROW])
    ended = call(capsys, "run", "--population", path, "--output", tmp_path / "o.csv", "--policy", RFM)
    assert (ended.status, ended.out) == (1, "the disk is full: make room, and call the command again\n")


def test_a_population_that_is_refused_leaves_no_facts_behind(tmp_path: Path) -> None:
    assert problems(write_csv(tmp_path / "p.csv", [ROW, ROW])) == ("p.csv: subject `C1` has the rows 1, 2",)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the writer's own files
def test_a_workbook_that_cannot_be_written_is_told_as_any_file(tmp_path: Path) -> None:
    file = tmp_path / "none" / "o.xlsx"
    with pytest.raises(FileNotFoundError):
        write_result(file, "xlsx", [pa.table({"a": ["x"]})])
    with pytest.raises(FileNotFoundError), WRITERS["xlsx"](file, "Accounts") as write_row:
        write_row(["x"])
    del write_row  # which holds them
    gc.collect()


def test_a_run_goes_on_from_the_parts_that_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PART_ROWS", 10)
    rows = [with_cells(subject=f"C{number}") for number in range(55)]
    path = write_csv(tmp_path / "p.csv", [*rows[:20], with_cells(subject="bad", orders_12m="x"), *rows[20:]])
    whole = run_file(path, tmp_path / "whole.csv")
    done: list[int] = []

    def count(*arguments: Any) -> Any:  # noqa: ANN401
        if len(done) == limit:
            raise KeyboardInterrupt
        done.append(1)
        return result_table(*arguments)

    monkeypatch.setattr(run_module, "result_table", count)
    limit = 3
    with pytest.raises(KeyboardInterrupt):
        run_file(path)
    assert not tmp_path.joinpath("output.csv").exists()
    assert len(list(tmp_path.joinpath("output.csv.parts").glob("answers-*.json"))) == 3
    done.clear()
    limit = 6
    resumed = run_file(path)
    assert len(done) == 3
    assert resumed.manifest["output"]["digest"] == whole.manifest["output"]["digest"]
    assert resumed.manifest["rejects"]["digest"] == whole.manifest["rejects"]["digest"]


def test_another_question_begins_anew(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW])
    folder = tmp_path / "output.csv.parts"
    folder.mkdir()
    (folder / "question.json").write_text("{}")
    (folder / "answers-000000.json").write_text("not JSON")
    assert run_file(path).manifest["subjects"] == 1
    folder.mkdir()
    (folder / "question.json.partial").write_text("{")
    assert run_file(path).manifest["subjects"] == 1
    folder.mkdir()
    (folder / "mine.txt").write_text("x")
    with pytest.raises(PopulationRejected, match="the folder is not one of a run"):
        run_file(path)
    assert (folder / "mine.txt").exists()


def test_a_killed_command_goes_on_when_it_is_called_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    purchases, mapping = tmp_path / "purchases.csv", tmp_path / "m.yaml"
    write_purchases(purchases)
    mapping.write_text(json.dumps({"constants": MEANS}))
    output = tmp_path / "o.csv"
    command = [
        *("run", "--population", str(purchases)),
        *("--output", str(output), "--policy", RFM, "--mapping", str(mapping), "--as-of", AS_OF.isoformat(), "--json"),
    ]
    program = (sys.executable, "-c", "from policy_service.cli import main; main()")
    process = subprocess.Popen([*program, *command], stdout=subprocess.DEVNULL, start_new_session=True)
    folder = tmp_path / "o.csv.parts"
    deadline = time.monotonic() + 120
    while not list(folder.glob("input-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists()
    finished = call(capsys, *command)
    assert (finished.status, json.loads(finished.out)["subjects"]) == (0, 23_570)
    with output.open(encoding="utf-8-sig", newline="") as file:
        assert Counter(row[f"{RFM}.tier"] for row in csv.DictReader(file))["S"] == 1_028
    refused = call(capsys, *command, "--policy", "no/such")
    assert refused.status == 1
    assert json.loads(refused.out) == {"detail": "not run", "problems": ["no policy `no/such`"]}

"""Registered populations: kept encrypted, named by work, reached by erasures, gone when they are deleted or expire."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from sqlmodel import Session, func, select

import policy_service.tables  # noqa: F401  # declares all of them: what verifies reads every table
from policy_service.actor import SERVICE
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.decisions.subjects import ErasureRejected, erase_subject, rotate_master_key
from policy_service.decisions.verification import verify_everything
from policy_service.integrity import DamagedRecord
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.registered.content import open_registered, read_file
from policy_service.population.registered.errors import (
    RegistrationConflict,
    RegistrationRejected,
    UnknownPopulation,
)
from policy_service.population.registered.model import (
    MAX_POPULATIONS,
    FileFormat,
    PopulationDetails,
    RegisteredPopulation,
)
from policy_service.population.registered.queries import list_populations, read_population
from policy_service.population.registered.service import (
    apply_erasures,
    delete_population,
    prepare_registration,
    register_population,
    remove_expired,
)
from policy_service.population.registered.tables import PopulationPartRow, PopulationRow
from policy_service.population.run import RunReport, RunRequest, run_policies
from policy_service.subject import Subject
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, setting, tier
from tests.population.files import read_result
from tests.population.registering import register

DETAILS = PopulationDetails("spring", "customer", date(2026, 11, 20))
CSV = b"amount,subject,phone\n900,C1,13800000001\n1.50,C2,13800000002\n600,C3,\n1,000,C4,\n"
ONE = "tiering/one"


@pytest.fixture
def here() -> Iterator[Setting]:
    with setting("sqlite") as each:
        yield each


def kept(here: Setting, content: bytes = CSV, details: PopulationDetails = DETAILS) -> RegisteredPopulation:
    return register(here.database, here.clock, here.secrets, details, content)


def run(here: Setting, output: Path, name: str = "spring") -> RunReport:
    opened = partial(open_registered, here.database, here.secrets, name, "customer")
    request = RunRequest(name, output, [tier()], None, "customer", date(2026, 12, 1), Mapping(), source=opened)
    return run_policies(request, lambda *_: None)


def erase(here: Setting, subject: str) -> None:
    with here.database.write(here.clock) as transaction:
        erase_subject(transaction, SERVICE, Subject(subject), "asked for it")


def count(session: Session, table: type[SubjectKeyRow | PopulationPartRow]) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def faults(session: Session) -> list[str]:
    """What is wrong with a log that nobody signs here."""
    found = (str(each.message) for each in verify_everything(session, (), ()).faults)
    return [each for each in found if not each.startswith("no key is in use")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_decides_about_a_population_until_it_is_deleted(backend: str, tmp_path: Path) -> None:
    with setting(backend) as here:
        with pytest.raises(ErasureRejected, match="has no key"):
            erase(here, "C2")  # of whom nothing is stored
        population = kept(here)
        assert (population.subjects, population.refused, population.headings) == (3, 1, ("amount", "subject", "phone"))
        before = run(here, tmp_path / "before.csv")
        rows = [tuple(row.values())[:2] for row in read_result(before.paths[0])]
        assert rows == [("C1", "A"), ("C2", "B"), ("C3", "A")], "the subject and the answers, and no facts"
        [refused] = read_result(before.paths[1])
        assert (refused["row"], refused["line"], refused["reason"]) == ("4", "5", "the row has 4 cells, the heading 3")
        assert before.manifest["population"] == {"name": "spring", "digest": population.digest}
        with here.database.read() as session:
            content = b"".join(each.content for each in session.exec(select(PopulationPartRow)))
            assert b"13800000001" not in content
            assert not content.startswith(b"PAR1")
        erase(here, "C2")
        with pytest.raises(PopulationRejected, match="is being removed: try again"):
            run(here, tmp_path / "during.csv")
        assert apply_erasures(here.database, here.clock, here.secrets) == 1
        assert apply_erasures(here.database, here.clock, here.secrets) == 0
        after = run(here, tmp_path / "after.csv")
        assert [row["subject"] for row in read_result(after.paths[0])] == ["C1", "C3"]
        assert after.manifest["population"]["digest"] != population.digest
        with here.database.read() as session:
            found = read_population(session, population.id)
            assert (found.subjects, found.removed, found.generation, found.digest) == (2, 1, 2, population.digest)
            assert count(session, SubjectKeyRow) == 1, "the key of what was kept before is forgotten"
            assert faults(session) == []
        with here.database.write(here.clock) as transaction:
            delete_population(transaction, SERVICE, population.id)
        with here.database.read() as session:
            assert (count(session, SubjectKeyRow), count(session, PopulationPartRow)) == (0, 0)
            assert faults(session) == []
        with pytest.raises(UnknownPopulation, match="There is no population 'spring'"):
            run(here, tmp_path / "gone.csv")


def test_an_erasure_that_a_population_does_not_name_alters_no_figure(here: Setting, tmp_path: Path) -> None:
    population = kept(here)
    erase(here, "C9")
    assert apply_erasures(here.database, here.clock, here.secrets) == 0
    assert run(here, tmp_path / "o.csv").manifest["population"]["digest"] == population.digest


def test_a_population_stays_readable_under_a_new_master_key(here: Setting, tmp_path: Path) -> None:
    kept(here)
    rotate_master_key(here.database, here.clock, here.secrets.masters, SERVICE)
    here.secrets.clear_cache()
    assert run(here, tmp_path / "o.csv").manifest["subjects"] == 3


def test_a_population_goes_when_its_days_are_over(here: Setting) -> None:
    kept(here, details=replace(DETAILS, keep_days=30))
    here.clock.move(days=29)
    assert remove_expired(here.database, here.clock) == 0
    here.clock.move(days=1)
    assert remove_expired(here.database, here.clock) == 1
    with here.database.read() as session:
        assert list_populations(session).items == ()


def test_a_name_is_of_one_population_and_their_number_is_limited(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(here)
    with pytest.raises(RegistrationConflict, match="There is a population spring already"):
        kept(here)
    monkeypatch.setattr("policy_service.population.registered.service.MAX_POPULATIONS", 1)
    with pytest.raises(RegistrationConflict, match="1 populations are registered, which is the most"):
        kept(here, details=replace(DETAILS, name="autumn"))
    assert MAX_POPULATIONS == 100


def test_what_was_altered_by_hand_is_not_used(here: Setting, tmp_path: Path) -> None:
    kept(here)
    with here.database.write_unlogged() as session:
        row = session.exec(select(PopulationPartRow)).one()
        row.content = row.content[:-1] + bytes([row.content[-1] ^ 1])
    with pytest.raises(DamagedRecord, match="population_part"):
        run(here, tmp_path / "o.csv")
    with here.database.write_unlogged() as session:
        session.exec(select(PopulationRow)).one().mapping = "constants: {amount: '900'}"
    with here.database.read() as session:
        assert any("of `population` was altered" in each for each in faults(session)), faults(session)


def sheet() -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for row, cells in enumerate([("subject", "amount"), ("C1", "900"), ("C2", "1.50")]):
            page.write_row(row, 0, cells)
    return file.getvalue()


def parquet() -> bytes:
    buffer = pa.BufferOutputStream()
    amounts = pa.array(["900.00", "1.50"]).cast(pa.decimal128(18, 2))
    pq.write_table(pa.table({"amount": amounts, "subject": ["C1", "C2"]}), buffer)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


@pytest.mark.parametrize(("file_format", "content"), [("xlsx", sheet()), ("parquet", parquet())])
def test_workbooks_and_parquet_are_kept_as_exactly(
    here: Setting, tmp_path: Path, file_format: FileFormat, content: bytes
) -> None:
    register(here.database, here.clock, here.secrets, DETAILS, content, file_format)
    rows = read_result(run(here, tmp_path / "o.csv").paths[0])
    assert [(row["subject"], row[f"{ONE}.tier"]) for row in rows] == [("C1", "A"), ("C2", "B")]


@pytest.mark.parametrize(
    ("content", "file_format", "mapping", "problems"),
    [
        (b"", "csv", "", ["population.csv: the file has no heading row"]),
        (b"subject,amount\n", "csv", "", ["population.csv: there are no rows"]),
        (b"a,A\n1,2\n", "csv", "", ["population.csv: columns 1 and 2 have the same heading `A`"]),
        (b"subject\nC1\nC1\n", "csv", "", ["population.csv: subject `C1` has the rows 1, 2"]),
        (b"subject\n..\n", "csv", "", ["population.csv: no row names a subject: subject: leave out"]),
        (b"x\n1\n", "csv", "columns: {amount: y}", ["mapping, columns, amount: no column `y`", "no column `subject`"]),
        (b"subject\nC1\n", "csv", "columns: [", ["mapping: while parsing"]),
        (b"subject\nC1\n", "csv", "colums: {}", ["mapping: colums: Extra inputs are not permitted"]),
        (b"PK\x03\x04 no workbook", "xlsx", "", ["population.xlsx: "]),
        (b"no Parquet", "parquet", "", ["population.parquet: no Parquet file"]),
    ],
)
def test_everything_that_is_wrong_with_a_file_is_told_and_nothing_kept(
    content: bytes, file_format: FileFormat, mapping: str, problems: list[str]
) -> None:
    with pytest.raises(RegistrationRejected) as rejected:
        read_file(content, file_format, mapping)
    assert len(rejected.value.problems) == len(problems)
    for found, expected in zip(rejected.value.problems, problems, strict=True):
        assert found.startswith(expected)
    assert rejected.value.extensions == {"reasons": list(rejected.value.problems)}


def test_two_who_register_one_name_at_once_keep_one(here: Setting) -> None:
    file = read_file(CSV, "csv", "")
    both = [prepare_registration(here.database, here.clock, here.secrets, DETAILS, file) for _ in range(2)]
    with here.database.write(here.clock) as transaction:
        register_population(transaction, SERVICE, both[0])
    with pytest.raises(RegistrationConflict), here.database.write(here.clock) as transaction:
        register_population(transaction, SERVICE, both[1])

"""Every mistake an author can make is told with its place, its sentence and its hint, exactly so."""

import pytest

from policy_service.language.diagnostics import Code, WarningCode
from tests.language.mistakes import FOLDER, MADE, SEVERAL, WARNINGS, mistakes, refused, render_errors, warned


@pytest.mark.parametrize("mistake", [*mistakes(), *sorted(WARNINGS)])
def test_a_mistake_is_told_in_these_words(mistake: str) -> None:
    assert f"{render_errors(mistake)}\n" == (FOLDER / f"{mistake}.txt").read_text("utf-8")


@pytest.mark.parametrize("code", WarningCode)
def test_every_warning_has_a_valid_file_that_shows_it_alone(code: WarningCode) -> None:
    assert {warning.code for warning in warned(code.replace("-", "_"))} == {code}


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_mistake_that_shows_it(code: Code) -> None:
    assert code in {fault.code for fault in refused(code.replace("-", "_")).diagnostics}


def test_there_is_one_broken_file_for_each_code_and_one_with_many_faults() -> None:
    assert set(mistakes()) == {code.replace("-", "_") for code in Code} | {SEVERAL}


def test_every_message_written_down_belongs_to_a_mistake() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {*mistakes(), *WARNINGS}


def test_a_broken_file_is_short_enough_to_read() -> None:
    for path in FOLDER.rglob("*.yaml"):
        assert len(path.read_bytes().splitlines()) <= 25, path.name
    assert len(MADE) == 3


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_the_file() -> None:
    faults = refused(SEVERAL).diagnostics
    assert [fault.code for fault in faults] == [
        Code.INVALID_VALUE,
        Code.DUPLICATE_CHOICE,
        Code.TYPE_MISMATCH,
        Code.UNKNOWN_FACT,
        Code.UNKNOWN_CHOICE,
        Code.EXAMPLE_FACTS,
        Code.UNKNOWN_RULE,
        Code.UNKNOWN_OUTCOME,
    ]
    assert [fault.span for fault in faults] == sorted(fault.span for fault in faults)


@pytest.mark.parametrize("mistake", mistakes())
def test_a_message_begins_small_and_ends_without_a_stop(mistake: str) -> None:
    for fault in refused(mistake).diagnostics:
        assert not fault.message[0].isupper()
        assert not fault.message.endswith((".", "!"))
        assert "Type" not in fault.message

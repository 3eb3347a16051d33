"""An identifier has one spelling, a kind one form; what is refused says what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.subject import (
    CUSTOMER,
    MAX_ID,
    InvalidSubject,
    Subject,
    id_error,
    kind_error,
    kind_label,
    subject_errors,
)

GOOD = ["C900", "2026/0045", "/", "a//b", "a b", "客户（北京）一号", "Zoë", ".5", "...", "a/.b", "C%2F1", "x" * MAX_ID]


@pytest.mark.parametrize("id_", GOOD)
def test_an_identifier_that_every_system_reads_alike_is_one(id_: str) -> None:
    assert id_error(id_) is None


@pytest.mark.parametrize(
    ("id_", "text"),
    [
        ("", "write at least one character"),
        ("x" * (MAX_ID + 1), "write at most 200 characters"),
        ("C900 ", "leave out the blanks around it"),
        ("\u3000C900", "leave out the blanks around it"),
        ("C900\u200b", "leave out the hidden character U+200B ZERO WIDTH SPACE"),
        ("C\u202e900", "leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("C\u00a0900", "write a space for the blank U+00A0 NO-BREAK SPACE"),
        ("Ｃ－９００", "write `C-900`, in half-width letters and digits"),
        ("Zoe\u0308", "write it with composed characters (Unicode NFC)"),
        (".", "leave out `.` and `..` between slashes"),
        ("a/../b", "leave out `.` and `..` between slashes"),
        ("./a", "leave out `.` and `..` between slashes"),
    ],
)
def test_another_spelling_is_refused_with_what_to_write(id_: str, text: str) -> None:
    assert id_error(id_) == text


@given(st.text(st.sampled_from("aA1 ．/.ａ１\u3000\u200b\u202e\u00a0e\u0308é－（客"), max_size=8))
def test_two_identifiers_that_are_taken_differ_to_a_reader(id_: str) -> None:
    """Blanks around it, width, composition and hidden characters make no second one."""
    looks = id_.replace("\u200b", "").replace("\u202e", "").replace("\u00a0", " ").replace("\u3000", " ").strip()
    looks = looks.replace("ａ", "a").replace("１", "1").replace("．", ".").replace("－", "-").replace("e\u0308", "ë")
    assert id_error(id_) is not None or id_ == looks


@pytest.mark.parametrize("kind", [CUSTOMER, "contact_person", "x", "x" * 64])
def test_a_kind_is_a_word_as_policies_write_it(kind: str) -> None:
    assert kind_error(kind) is None


@pytest.mark.parametrize("kind", ["", "Customer", "1st", "a-b", "客户", "x" * 65, "order\n"])
def test_what_no_policy_writes_is_no_kind(kind: str) -> None:
    assert kind_error(kind) == "write small letters, digits and underscores, such as `customer`"


def test_everything_that_is_wrong_with_a_subject_is_told_by_part() -> None:
    wrong = Subject("C900 ", "Customer")
    assert set(subject_errors(wrong)) == {"subject", "kind"}
    assert subject_errors(Subject("C900", "complaint")) == {}
    assert str(InvalidSubject(wrong, subject_errors(wrong))) == (
        "leave out the blanks around it; write small letters, digits and underscores, such as `customer`"
    )


def test_two_kinds_with_one_identifier_are_two_subjects() -> None:
    assert Subject("17") == Subject("17", CUSTOMER) != Subject("17", "complaint")


def test_a_kind_is_called_by_its_name_in_each_language() -> None:
    assert (kind_label("contact_person", "zh"), kind_label("contact_person", "en")) == ("联系人", "contact person")
    assert kind_label("house_visit", "zh") == kind_label("house_visit", "en") == "house visit"

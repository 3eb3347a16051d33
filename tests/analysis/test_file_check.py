"""Files are checked the same for pages and for programs: alone, and among the policies in force."""

from __future__ import annotations

import pytest

from policy_service.analysis.file_check import check_file, check_files
from policy_service.language.load import load_bytes
from tests.approval.world import BONUS, TIER, bonus, tier

SERVED = {TIER: load_bytes(tier("1.0.0")), BONUS: load_bytes(bonus("1.0.0"))}


def test_a_file_that_fits_is_valid_and_its_examples_pass() -> None:
    content = tier("1.1.0", 50)
    document = check_file(content, SERVED)
    assert (document["valid"], document["policy"], document["version"]) == (True, TIER, "1.1.0")
    assert document["digest"] == load_bytes(content).digest
    report = check_files([content], SERVED)
    assert (report.error_count, report.failed_count, report.result_count) == (0, 0, 1)
    assert report.files[0].label == f"{TIER} 1.1.0"


@pytest.mark.parametrize(
    ("content", "ended", "codes"),
    [
        (tier("1.1.0").replace(b"inputs: [orders]", b"inputs: [order]"), (), {"unknown-fact"}),
        (bonus("1.1.0", of="[big]"), (), {"requirement-mismatch"}),
        (bonus("1.1.0").replace(b"from: tiering/size", b"from: tiering/none"), (), {"unknown-policy"}),
        (bonus("1.1.0").replace(b"from: tiering/size", b"from: tiering/none"), ("tiering/none",), set()),
    ],
)
def test_pages_and_programs_are_told_of_the_same_faults(
    content: bytes, ended: tuple[str, ...], codes: set[str]
) -> None:
    document = check_file(content, SERVED, ended)
    report = check_files([content], SERVED, ended)
    assert {each["code"] for each in document["diagnostics"]} == codes
    assert {each.code for each in report.files[0].errors} == codes
    assert [each["code"] for each in document["warnings"]] == [each.code for each in report.files[0].warnings]
    assert document["valid"] is (not codes) is (report.error_count == 0)


def test_a_policy_in_force_that_would_no_longer_fit_is_named() -> None:
    content = tier("1.1.0", words="[big, small, huge]")
    assert [each["file"] for each in check_file(content, SERVED)["diagnostics"]] == [f"{BONUS}/1.0.0.yaml"]
    report = check_files([content], SERVED)
    assert [name for name, _ in report.misfits] == [BONUS]
    assert report.files[0].errors == ()
    both = check_files([content, bonus("1.1.0", of="[big, small, huge]")], SERVED)
    assert (both.misfits, both.error_count) == ((), 0)

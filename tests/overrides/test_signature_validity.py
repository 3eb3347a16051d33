"""Signatures on overrides count while their signers hold the account and the role."""

from __future__ import annotations

import pytest

from policy_service.actor import Role
from policy_service.decisions.override import Override, signing_roles
from policy_service.decisions.override_store import (
    OverridePermissionDenied,
    OverrideRejected,
)
from policy_service.overrides.signature_validity import read_with_signature_validity
from policy_service.subject import Subject
from tests.approval.world import (
    COMPLIANCE,
    FINANCE,
    GENERAL,
    SALES,
    TIER,
    World,
    person,
)
from tests.overrides.setting import (
    MOMENT,
    REWARD,
    book,
    override_request,
    record,
    sign,
)

SECOND = person("second", Role.FINANCE_DIRECTOR)


def read_shown_override(made: World, it: Override) -> Override:
    with made.database.read() as session:
        return read_with_signature_validity(session, it.id, made.now)


@pytest.fixture
def left(both: World) -> tuple[World, Override]:
    """An exception that the finance director signed, who has left since."""
    for actor in (SALES, FINANCE, SECOND, GENERAL, COMPLIANCE):
        both.hire(actor)
    it = record(both, override_request(both, "C1", REWARD, {"reward": "20000.00"}))
    sign(both, it, FINANCE)
    both.dismiss(FINANCE)
    return both, it


def test_a_signature_counts_while_its_signer_has_the_account_and_the_role(left: tuple[World, Override]) -> None:
    made, it = left
    result = read_shown_override(made, it)
    assert result.void == {FINANCE.id: "Finance no longer has an enabled account."}
    assert result.missing_roles == ("finance_director", "general_manager", "compliance")
    made.engage(FINANCE)
    assert (read_shown_override(made, it).void, read_shown_override(made, it).missing_roles) == (
        {},
        ("general_manager", "compliance"),
    )
    made.employ(FINANCE, Role.AUTHOR)
    assert read_shown_override(made, it).void == {
        FINANCE.id: "Finance no longer holds the role of the finance director."
    }
    made.employ(FINANCE, Role.FINANCE_DIRECTOR)
    made.withdraw_attestation(FINANCE)
    assert list(read_shown_override(made, it).void) == [FINANCE.id]


def test_another_person_signs_in_the_role_before_all_others(left: tuple[World, Override]) -> None:
    made, it = left
    assert signing_roles(read_shown_override(made, it), GENERAL, made.now) == ()
    with pytest.raises(
        OverridePermissionDenied, match=r"Finance no longer has an enabled account\. First another person must sign"
    ):
        sign(made, it, GENERAL)
    result = sign(made, it, SECOND)
    assert result.missing_roles == ("general_manager", "compliance")
    assert [(each.printed_name, each.role) for each in result.signatures] == [
        ("Finance", "finance_director"),
        ("Second", "finance_director"),
    ]
    sign(made, it, GENERAL)
    result = sign(made, it, COMPLIANCE)
    assert (result.missing_roles, result.state(made.now)) == ((), "runs")
    assert book(made).active_overrides(Subject("C1"), made.now) == {REWARD: result}
    made.dismiss(SECOND)
    assert (read_shown_override(made, it).void, read_shown_override(made, it).state(made.now)) == ({}, "runs")


def test_one_who_signed_instead_may_leave_as_well(left: tuple[World, Override]) -> None:
    made, it = left
    third = person("third", Role.FINANCE_DIRECTOR)
    sign(made, it, SECOND)
    made.dismiss(SECOND)
    assert read_shown_override(made, it).missing_roles[0] == "finance_director"
    made.hire(third)
    assert sign(made, it, third).missing_roles == ("general_manager", "compliance")
    made.engage(FINANCE)
    assert sorted(read_shown_override(made, it).void) == [SECOND.id]
    assert read_shown_override(made, it).missing_roles == ("general_manager", "compliance")


def test_when_who_recorded_it_has_left_it_is_recorded_anew(left: tuple[World, Override]) -> None:
    made, it = left
    made.dismiss(SALES)
    assert set(read_shown_override(made, it).void) == {FINANCE.id, SALES.id}
    with pytest.raises(
        OverrideRejected, match=r"Sales no longer has an enabled account\. End this override, and record"
    ):
        sign(made, it, SECOND)


def test_what_applies_for_a_time_goes_on_when_a_signer_leaves_and_lapses(made: World) -> None:
    made.hire(SALES)
    it = record(made, override_request(made))
    made.dismiss(SALES)
    assert it.lapses_at is not None
    assert read_shown_override(made, it).void
    assert list(book(made).active_overrides(Subject("C1"), it.lapses_at - MOMENT)) == [TIER]
    assert book(made).active_overrides(Subject("C1"), it.lapses_at) == {}
    made.move(days=3)
    assert (read_shown_override(made, it).void, read_shown_override(made, it).state(made.now)) == ({}, "lapsed")

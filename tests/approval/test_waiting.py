"""A role that has no effect yet takes no part in a change, and the refusal says what it waits for."""

from policy_service.actor import Actor, PendingRoles, Role
from policy_service.approval.workflow import check_role, check_signing_role
from policy_service.decisions.override import may_end_override
from policy_service.decisions.subjects import may_erase
from tests.databases import START

ROLES = frozenset({Role.COMPLIANCE})
WHY = "Your signing roles wait."
WHO = Actor("1", "ada", "Ada", frozenset({Role.AUTHOR}), confirmed_at=START, pending_roles=PendingRoles(ROLES, WHY))


def test_whoever_waits_takes_no_part_and_signs_nothing() -> None:
    assert check_role(WHO, ROLES, "A change is signed") == f"A change is signed by compliance. {WHY}"
    assert check_signing_role(WHO, Role.COMPLIANCE, START) == WHY
    assert may_end_override(WHO, Role.COMPLIANCE, START) == WHY
    assert may_erase(WHO) == WHY


def test_of_what_they_were_never_given_nothing_is_said_about_waiting() -> None:
    assert check_signing_role(WHO, Role.GENERAL_MANAGER, START) == (
        "You do not hold the role of the general manager, so you cannot sign in it."
    )
    assert check_role(WHO, frozenset({Role.AUTHOR}), "A change is submitted") is True

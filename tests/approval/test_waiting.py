"""A role that has no effect yet takes no part in a change, and the refusal says what it waits for."""

from policy_service.actor import Actor, Role, Waiting
from policy_service.approval.workflow import may_sign_in, may_take_part
from policy_service.decisions.overriding import may_end
from policy_service.decisions.subjects import may_erase
from tests.databases import START

ROLES = frozenset({Role.COMPLIANCE})
WHY = "Your signing roles wait."
WHO = Actor("1", "ada", "Ada", frozenset({Role.AUTHOR}), confirmed_at=START, waiting=Waiting(ROLES, WHY))


def test_whoever_waits_takes_no_part_and_signs_nothing() -> None:
    assert may_take_part(WHO, ROLES, "A change is signed") == f"A change is signed by compliance. {WHY}"
    assert may_sign_in(WHO, Role.COMPLIANCE, START) == WHY
    assert may_end(WHO, Role.COMPLIANCE, START) == WHY
    assert may_erase(WHO) == WHY


def test_of_what_they_were_never_given_nothing_is_said_about_waiting() -> None:
    assert may_sign_in(WHO, Role.GENERAL_MANAGER, START) == (
        "You do not hold the role of the general manager, so you cannot sign in it."
    )
    assert may_take_part(WHO, frozenset({Role.AUTHOR}), "A change is submitted") is True

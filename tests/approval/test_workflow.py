"""The table of changes: every state with every action, and every role, is either in it or refused with a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from policy_service.actor import REAUTHENTICATION_VALIDITY, Actor, Role
from policy_service.approval.change import (
    Action,
    ActionRecord,
    Change,
    ChangeKind,
    ChangeState,
    Draft,
    Meaning,
    Person,
    Submission,
    Version,
)
from policy_service.approval.workflow import (
    RECORDED_TRANSITIONS,
    TRANSITIONS,
    apply_action,
    check_meaning,
    check_permission,
    check_state,
    fold_actions,
    new_change,
    role_names,
)
from policy_service.registry.model import Period
from tests.approval.world import ADMINISTRATOR, ANN, BEN, COMPLIANCE, GENERAL, MACHINE, SALES, person
from tests.databases import START
from tests.for_each import for_each

DAY = Period(START + timedelta(days=1))
DRAFT = Draft("a title", "a reason", DAY, ("sha256:text",))
SUBMISSION = Submission(
    number=1,
    kind="change",
    title="a title",
    reason="a reason",
    versions=(Version("tiering/size", "1.1.0", "sha256:text"),),
    effective=DAY,
    report="sha256:report",
    simulation=None,
    population=None,
    roles=(Role.SALES_DIRECTOR, Role.COMPLIANCE),
    sign_off=Version("governance/sign_off", "1.0.0", "sha256:who"),
    bases=(),
)
DIGEST = SUBMISSION.digest("c1")
AFTER: dict[ChangeState, tuple[Action, ...]] = {
    ChangeState.DRAFT: (),
    ChangeState.UNDER_ANALYSIS: (Action.ANALYSE,),
    ChangeState.SUBMITTED: (Action.SUBMIT,),
    ChangeState.SIGNED_OFF: (Action.SUBMIT, Action.SIGN_OFF, Action.SIGN_OFF),
    ChangeState.SCHEDULED: (Action.SUBMIT, Action.SIGN_OFF, Action.SIGN_OFF, Action.SCHEDULE),
    ChangeState.REJECTED: (Action.SUBMIT, Action.REJECT),
    ChangeState.WITHDRAWN: (Action.WITHDRAW,),
    ChangeState.CANCELLED: (Action.SUBMIT, Action.SIGN_OFF, Action.SIGN_OFF, Action.SCHEDULE, Action.CANCEL),
}
"""A way to every state."""


def acted(number: int, action: Action, by: Actor = ANN) -> ActionRecord:
    first = ActionRecord(number, action, Person.of(by), START)
    match action:
        case Action.CREATE | Action.EDIT:
            return replace(first, draft=DRAFT)
        case Action.SUBMIT:
            return replace(first, submission=SUBMISSION, digest=DIGEST)
        case _:
            return first


def signature(number: int, by: Actor, role: Role, digest: str = DIGEST) -> ActionRecord:
    return replace(acted(number, Action.SIGN_OFF, by), role=role, digest=digest, meaning=Meaning.APPROVED)


def change_in(state: ChangeState) -> Change:
    change = new_change("c1", "change", acted(1, Action.CREATE))
    signers = iter(((SALES, Role.SALES_DIRECTOR), (COMPLIANCE, Role.COMPLIANCE)))
    for number, action in enumerate(AFTER[state], 2):
        change = apply_action(
            change, signature(number, *next(signers)) if action is Action.SIGN_OFF else acted(number, action)
        )
    assert change.state is state
    return change


ACTIONS = [action for action in Action if action is not Action.CREATE]
ROLES = [None, *Role]


@for_each(product(ChangeState, ACTIONS))
def test_what_is_not_in_the_table_is_refused_with_a_sentence(state: ChangeState, action: Action) -> None:
    change = change_in(state)
    if (state, action) in TRANSITIONS:
        assert check_state(change, action, START) is True
        return
    reason = check_state(change, action, START)
    assert isinstance(reason, str)
    assert reason.startswith("The change cannot be ")
    assert reason.endswith(".")
    assert check_permission(change, action, person("anybody", *Role), START) == reason
    if (state, action) not in RECORDED_TRANSITIONS:
        with pytest.raises(ValueError, match="not possible"):
            apply_action(change, acted(9, action))


@for_each((*key, role) for key in TRANSITIONS for role in ROLES)
def test_only_the_roles_of_the_table_may(state: ChangeState, action: Action, role: Role | None) -> None:
    change = change_in(state)
    roles = () if role is None else (role,)
    stranger = replace(person("stranger", *roles), confirmed_at=START)
    allowed = check_permission(change, action, stranger, START, role=role)
    if role is None or role not in TRANSITIONS[state, action].roles:
        assert isinstance(allowed, str)
        assert allowed.startswith("A change is ")
        assert allowed.endswith(".")
    elif (state, action) == (ChangeState.UNDER_ANALYSIS, Action.SUBMIT):
        assert allowed == "The change is being analysed, and is submitted when that has ended."
    elif action in {Action.EDIT, Action.COMMENT, Action.ANALYSE, Action.END_ANALYSIS, Action.SUBMIT}:
        assert allowed is True
    elif action in {Action.SIGN_OFF, Action.REQUEST_CHANGES, Action.REJECT} or action is Action.CANCEL:
        assert (allowed is True) == (role in SUBMISSION.roles)
    else:
        assert isinstance(allowed, str), "it takes the author, or one who signed"


@pytest.mark.parametrize("action", ACTIONS)
def test_no_machine_and_no_service_does_anything_to_a_change(action: Action) -> None:
    for state in ChangeState:
        for kind in ("machine", "service"):
            actor = replace(MACHINE, kind=kind, confirmed_at=START)
            assert check_permission(change_in(state), action, actor, START, role=Role.COMPLIANCE) is not True


def test_an_administrator_may_do_nothing_by_being_one() -> None:
    allowed = check_permission(
        change_in(ChangeState.SUBMITTED), Action.SIGN_OFF, ADMINISTRATOR, START, role=Role.COMPLIANCE
    )
    assert allowed == (
        "A change is signed by the sales director or the finance director or the general manager or compliance; "
        "being an administrator is not enough."
    )


def test_a_confirmation_counts_for_five_minutes_and_not_from_the_future() -> None:
    change = change_in(ChangeState.SUBMITTED)

    def sign(confirmed: timedelta) -> object:
        actor = replace(SALES, confirmed_at=START - confirmed)
        return check_permission(change, Action.SIGN_OFF, actor, START, role=Role.SALES_DIRECTOR)

    assert sign(timedelta()) is True
    assert sign(REAUTHENTICATION_VALIDITY) is True
    for confirmed in (REAUTHENTICATION_VALIDITY + timedelta(microseconds=1), -timedelta(microseconds=1)):
        assert sign(confirmed) == "Confirm again who you are: a signature is given right after entering the password."


def test_the_author_and_a_signer_may_schedule_and_cancel() -> None:
    signed, scheduled = change_in(ChangeState.SIGNED_OFF), change_in(ChangeState.SCHEDULED)
    for actor in (ANN, SALES, COMPLIANCE):
        assert check_permission(signed, Action.SCHEDULE, actor, START) is True
        assert check_permission(scheduled, Action.CANCEL, actor, START) is True
    for actor in (BEN, GENERAL):
        assert isinstance(check_permission(signed, Action.SCHEDULE, actor, START), str)
        assert isinstance(check_permission(scheduled, Action.CANCEL, actor, START), str)


def test_nothing_is_cancelled_once_it_is_in_force() -> None:
    late = check_permission(change_in(ChangeState.SCHEDULED), Action.CANCEL, ANN, DAY.start)
    assert late == "The change has taken effect already: roll back to the version before."


def test_a_change_that_lacks_a_signature_is_not_scheduled_whatever_its_state_says() -> None:
    signed = change_in(ChangeState.SIGNED_OFF)
    forged = replace(signed, actions=signed.actions[:-1])
    assert check_permission(forged, Action.SCHEDULE, ANN, START) == "The change is not signed by compliance."


def test_a_signature_on_another_digest_does_not_count() -> None:
    change = apply_action(change_in(ChangeState.SUBMITTED), signature(3, SALES, Role.SALES_DIRECTOR, "sha256:other"))
    assert (change.signatures, change.missing_roles) == ((), SUBMISSION.roles)


def test_every_part_of_a_submission_is_under_the_digest() -> None:
    others = (
        {"number": 2},
        {"kind": "rollback"},
        {"title": "another"},
        {"reason": "another"},
        {"versions": ()},
        {"effective": Period(DAY.start, DAY.start + timedelta(days=1))},
        {"report": "sha256:other"},
        {"simulation": "sha256:other"},
        {"population": "sha256:other"},
        {"roles": (Role.COMPLIANCE,)},
        {"sign_off": Version("governance/sign_off", "1.0.1", "sha256:who")},
        {"bases": (Version("tiering/size", "1.0.0", "sha256:old"),)},
        {"barred": frozenset({"somebody"})},
    )
    digests = {replace(SUBMISSION, **other).digest("c1") for other in others}
    assert len(digests | {DIGEST, SUBMISSION.digest("c2")}) == len(others) + 2
    assert {name for other in others for name in other} == set(SUBMISSION.to_dict())


def test_a_change_that_is_sent_back_is_a_draft_with_nothing_to_sign() -> None:
    change = apply_action(change_in(ChangeState.SIGNED_OFF), acted(5, Action.REQUEST_CHANGES, SALES))
    assert (change.state, change.digest, change.signatures, change.missing_roles) == (ChangeState.DRAFT, None, (), ())
    with pytest.raises(ValueError, match="no submission"):
        _ = change.frozen_submission


def test_a_change_begins_by_being_created() -> None:
    with pytest.raises(ValueError, match="being created"):
        new_change("c1", "change", acted(1, Action.SUBMIT))
    for kind in get_args(ChangeKind):
        assert fold_actions("c1", kind, [acted(1, Action.CREATE)]).kind == kind


def test_a_signature_means_one_of_a_closed_set() -> None:
    assert check_meaning(Role.COMPLIANCE, Meaning.CONFORMS) is True
    assert check_meaning(Role.SALES_DIRECTOR, Meaning.APPROVED) is True
    refused = check_meaning(Role.SALES_DIRECTOR, Meaning.CONFORMS)
    assert refused == "A signature of the sales director cannot mean `conforms`: expected approved."


def test_roles_are_told_in_words() -> None:
    assert role_names({Role.COMPLIANCE, Role.AUTHOR}) == "an author or compliance"


def test_a_change_as_json_shows_what_a_signature_must_show() -> None:
    result = change_in(ChangeState.SIGNED_OFF).to_dict()
    assert result["signatures"][0] == {
        "number": 3,
        "action": "sign_off",
        "by": {"id": "id-sales", "name": "sales", "printed_name": "Sales"},
        "at": "2026-11-20T01:00:00.000000Z",
        "digest": DIGEST,
        "role": "sales_director",
        "meaning": "approved",
    }
    assert (result["state"], result["digest"], result["owed"]) == ("signed_off", DIGEST, [])
    assert change_in(ChangeState.DRAFT).to_dict()["submission"] is None

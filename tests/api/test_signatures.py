"""Who may do what to a change over HTTP: every refusal is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.auth.permissions import PERMISSIONS
from policy_service.actor import SERVICE
from policy_service.approval.service import Action
from policy_service.approval.workflow import TRANSITIONS
from policy_service.clock import timestamp
from policy_service.identity.service import disable
from tests.api.client import assert_problem
from tests.api.company import Company, company, later, refused, submitted
from tests.approval.world import tier
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """One company for all tests, each of which drafts for a day of its own."""
    with company() as made:
        yield made


def test_nobody_signs_a_change_they_wrote(here: Company) -> None:
    change = submitted(here, 210, by="writing")
    answer = here.sign(change, "writing", "sales_director")
    refused(answer, 403, "not-allowed", "You wrote this change, so another person must sign it.")
    here.moved("withdraw", change, "writing")


def test_nobody_signs_a_change_they_edited(here: Company) -> None:
    version, effective = here.next_version(), later(here, 211)
    change = here.create(tier(version, 211), effective=effective)
    path, body = f"/v1/changes/{change['id']}/draft", here.draft(tier(version, 212), effective=effective)
    change = here.did("PUT", path, "writing", body, if_match=f'"{change["etag"]}"')
    change = here.moved("submit", change)
    answer = here.sign(change, "writing", "sales_director")
    refused(answer, 403, "not-allowed", "You edited this change, so another person must sign it.")
    here.moved("withdraw", change)


def test_nobody_signs_twice_even_in_two_roles(here: Company) -> None:
    change = submitted(here, 213)
    assert here.sign(change, "both", "sales_director").status_code == 201
    answer = here.sign(change, "both", "compliance")
    refused(answer, 403, "not-allowed", "every signature must be another person's.")
    here.moved("withdraw", here.read(change))


def test_an_administrator_does_not_sign_by_virtue_of_being_one(here: Company) -> None:
    change = submitted(here, 214)
    answer = here.sign(change, "root", "sales_director")
    refused(answer, 403, "not-allowed", "you are administrator.")
    here.moved("withdraw", change)


def test_a_director_who_is_signed_in_signs_whatever_strangers_type(here: Company) -> None:
    change = submitted(here, 223)
    assert here.strangers_try("sales") == [401, 401, 401, 401, 429, 429]
    assert here.sign(change, "sales").status_code == 201
    here.moved("withdraw", here.read(change))


def test_a_signature_is_given_only_in_a_role_that_is_held_and_owed(here: Company) -> None:
    change = submitted(here, 215)
    refused(here.sign(change, "sales", "compliance"), 403, "not-allowed", "You do not hold the role of compliance")
    refused(here.sign(change, "general"), 403, "not-allowed", "The signature of the general manager is not required")
    answer = here.sign(change, "sales", meaning="conforms")
    refused(answer, 403, "not-allowed", "A signature of the sales director cannot mean `conforms`")
    here.moved("withdraw", change)


def test_a_signature_needs_the_password_again(here: Company) -> None:
    change = submitted(here, 216)
    without = here.sign(change, "sales", password=None)
    refused(without, 403, "confirmation-needed", "Send your password with the request.")
    wrong = here.sign(change, "sales", password="not the right one")  # noqa: S106
    refused(wrong, 403, "confirmation-needed", "The password is wrong.")
    assert here.read(change)["signatures"] == []
    here.moved("withdraw", change)


def test_a_signature_is_on_the_digest_that_was_read(here: Company) -> None:
    change = submitted(here, 217)
    answer = here.sign(change, "sales", digest=f"sha256:{'0' * 64}")
    refused(answer, 412, "precondition-failed", "This change was altered since you read it")
    here.moved("withdraw", change)


def test_a_signature_without_a_reason_is_refused(here: Company) -> None:
    change = submitted(here, 218)
    problem = assert_problem(here.sign(change, "sales", reason=""), 422, "request-refused")
    assert [fault["pointer"] for fault in problem["problems"]] == ["/reason"]
    assert "correct horse" not in str(problem)
    refused(here.sign(change, "sales", reason=" "), 422, "change-unfit", "The reason must be given.")
    here.moved("withdraw", change)


def test_a_submitted_text_is_not_edited_and_another_text_needs_a_higher_number(here: Company) -> None:
    change = submitted(here, 219)
    path, tag = f"/v1/changes/{change['id']}/draft", f'"{change["etag"]}"'
    answer = here.ask("PUT", path, "ann", here.draft(tier("9.9.9")), if_match=tag)
    refused(answer, 409, "conflict", "The change cannot be edited: it was submitted, which froze it")
    here.moved("withdraw", change)
    version = change["versions"][0]["version"]
    again = here.create(tier(version, 999), effective=later(here, 30))
    refused(here.act("submit", again), 422, "change-unfit", "was submitted before with another text")


def test_a_change_that_everybody_has_not_signed_is_not_scheduled(here: Company) -> None:
    change = submitted(here, 220)
    refused(here.act("schedule", change), 409, "conflict", "The change cannot be scheduled:")
    here.moved("withdraw", change)


def test_only_the_author_withdraws_and_only_signers_reject(here: Company) -> None:
    change = submitted(here, 221)
    refused(here.act("withdraw", change, "ben"), 403, "not-allowed", "Only Ann, who began this change")
    refused(here.act("reject", change, "ann"), 403, "not-allowed", "you are author.")
    refused(here.act("reject", change, "finance"), 403, "not-allowed", "may decide about this change")
    change = here.moved("reject", change, "compliance")
    assert change["state"] == "rejected"
    refused(here.act("withdraw", change), 409, "conflict", "it was rejected")


def test_the_table_of_permissions_lets_through_whom_the_table_of_changes_knows() -> None:
    paths = {
        Action.EDIT: "draft",
        Action.SIGN_OFF: "sign-offs",
        Action.COMMENT: "comments",
        Action.REQUEST_CHANGES: "request-changes",
        Action.ANALYSE: "submit",  # where there are many decisions on record
        Action.END_ANALYSIS: "end-analysis",
    }
    for action in {action for _, action in TRANSITIONS}:
        roles = frozenset(role for (_, each), step in TRANSITIONS.items() if each is action for role in step.roles)
        path = f"/v1/changes/{{change}}/{paths.get(action, action)}"
        row = PERMISSIONS["PUT" if action is Action.EDIT else "POST", path]
        assert (row.roles, row.machines) == (roles, False), action


def test_what_somebody_may_do_is_told_with_the_reason_why_not(here: Company) -> None:
    change = submitted(here, 222)
    author, director, both = (here.read(change, by)["may"] for by in ("ann", "sales", "both"))
    assert author["withdraw"] == {"allowed": True, "reason": None, "roles": None}
    assert author["sign_off"]["reason"].startswith("A change is signed by the sales director or")
    assert author["edit"]["reason"].startswith("The change cannot be edited: it was submitted")
    assert director["sign_off"] == {"allowed": True, "reason": None, "roles": ["sales_director"]}
    assert both["sign_off"]["roles"] == ["sales_director", "compliance"]
    assert set(author) == {action for action in Action if action is not Action.CREATE}
    here.moved("withdraw", change)


def test_a_signature_of_somebody_who_left_is_marked_and_owed_again() -> None:
    with company() as here:
        change = here.sign(here.moved("submit", here.create(tier("1.1.0", 200))), "sally", "sales_director").json()
        with here.database.write(here.clock) as transaction:
            disable(transaction, SERVICE, here.people["sally"].id)
        change = here.sign(here.read(change), "compliance").json()
        assert (change["state"], change["owed"]) == ("submitted", ["sales_director"])
        assert [(each["counts"], each["why_not"]) for each in change["signatures"]] == [
            (False, "Sally no longer has an enabled account."),
            (True, None),
        ]
        result = assert_problem(here.act("schedule", change), 409, "conflict")["detail"]
        assert "Sally no longer has an enabled account." in result
        page = Visitor(here, "sales").get(f"/changes/{change['id']}")
        assert "does not count" in page.text("#signatures")
        change = here.sign(change, "sales").json()
        assert here.moved("schedule", change)["state"] == "scheduled"


def test_a_change_whose_day_has_passed_asks_for_another_day_before_anybody_signs() -> None:
    with company() as here:
        soon = {"from": timestamp(here.clock.at + timedelta(seconds=3))}
        change = here.sign(here.moved("submit", here.create(tier("1.1.0", 200), effective=soon)), "sales").json()
        here.clock.move(seconds=4)
        may = here.read(change, "compliance")["may"]["sign_off"]
        assert not may["allowed"]
        assert "It needs another day" in may["reason"]
        assert "It needs another day" in assert_problem(here.sign(change, "compliance"), 409, "conflict")["detail"]
        assert here.did("GET", "/v1/changes?waiting-for-me=true", "compliance")["items"] == []
        draft = here.moved("request-changes", change)
        assert (draft["state"], draft["texts"]) == ("draft", change["texts"])

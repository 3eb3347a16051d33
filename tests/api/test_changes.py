"""A change over HTTP, from its first draft to the day it is in force."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from policy_service.database import DatabaseUnavailable
from policy_service.workers import pool as workers
from policy_service.workers.pool import SHARED, WorkerDied
from tests.api.client import assert_problem
from tests.api.company import Company, Json, company, later, refused
from tests.approval.world import BONUS, TIER, bonus, tier
from tests.databases import BACKENDS


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """One company for all tests that leave no version in force behind; each drafts for a day of its own."""
    with company() as made:
        yield made


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_change_is_drafted_sent_back_amended_signed_scheduled_and_then_in_force(backend: str) -> None:
    with company(backend) as here:
        created = here.ask("POST", "/v1/changes", "ann", here.draft(tier("1.1.0", 200)))
        change = created.json()
        assert (created.status_code, created.headers["location"]) == (201, f"/v1/changes/{change['id']}")
        assert created.headers["etag"] == f'"{change["etag"]}"'
        change = here.moved("submit", change)
        assert (change["state"], change["owed"]) == ("submitted", ["sales_director", "compliance"])
        change = here.moved("request-changes", change, "sales")
        assert change["state"] == "draft"
        path, tag = f"/v1/changes/{change['id']}/draft", f'"{change["etag"]}"'
        change = here.did("PUT", path, "ann", here.draft(tier("1.2.0", 150)), if_match=tag)
        change = here.moved("submit", change)
        signed = here.sign(change, "sales").json()
        assert (signed["state"], signed["owed"]) == ("submitted", ["compliance"])
        change = here.sign(change, "compliance", meaning="conforms").json()
        assert change["state"] == "signed_off"
        results = [(each["by"]["printed_name"], each["role"], each["meaning"]) for each in change["signatures"]]
        assert results == [("Sales", "sales_director", "approved"), ("Compliance", "compliance", "conforms")]
        assert {each["digest"] for each in change["signatures"]} == {change["digest"]}
        assert here.moved("schedule", change)["state"] == "scheduled"
        assert here.version() == "1.0.0"
        here.clock.move(days=1)
        assert here.version() == "1.2.0"


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_people_who_sign_at_the_same_instant_both_sign(backend: str) -> None:
    with company(backend) as here:
        change = here.moved("submit", here.create(tier("1.1.0", 200)))
        path = f"/v1/changes/{change['id']}/sign-offs"
        both = [
            ("POST", path, "sales", here.signature(change, "sales_director")),
            ("POST", path, "compliance", here.signature(change, "compliance")),
        ]
        assert [answer.status_code for answer in here.ask_all(both)] == [201, 201]
        assert here.read(change)["state"] == "signed_off"


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_people_who_sign_in_the_same_role_at_the_same_instant_are_told_who_was_first(backend: str) -> None:
    with company(backend) as here:
        change = here.moved("submit", here.create(tier("1.1.0", 200)))
        path, body = f"/v1/changes/{change['id']}/sign-offs", here.signature(change, "sales_director")
        answers = here.ask_all([("POST", path, "sales", body), ("POST", path, "sally", body)])
        assert sorted(answer.status_code for answer in answers) == [201, 403]
        late = next(answer for answer in answers if answer.status_code == 403)
        refused(late, 403, "not-allowed", "signed for the sales director already.")
        assert len(here.read(change)["signatures"]) == 1


def test_a_rollback_is_signed_like_any_change() -> None:
    with company() as here:
        here.in_force(tier("1.1.0", 200))
        assert here.version() == "1.1.0"
        back = here.signed(rollback={TIER: "1.0.0"})
        assert (back["kind"], [each["version"] for each in back["versions"]]) == ("rollback", ["1.0.0"])
        here.moved("schedule", back)
        here.clock.move(days=1)
        assert here.version() == "1.0.0"


def test_a_schedule_in_the_past_is_refused(here: Company) -> None:
    change = here.signed(tier(here.next_version(), 201), effective=later(here, 3))
    here.clock.move(days=3)
    problem = refused(here.act("schedule", change), 409, "conflict", "has passed: ask for another one")
    assert len(problem["reasons"]) == 1
    here.moved("withdraw", change)


def test_what_is_scheduled_can_be_taken_back_before_its_day(here: Company) -> None:
    change = here.moved("schedule", here.signed(tier(here.next_version(), 202), effective=later(here, 4)))
    refused(here.act("cancel", change, "ben"), 403, "not-allowed", "may decide about this change")
    assert here.moved("cancel", change)["state"] == "cancelled"


def test_two_changes_for_the_same_policy_and_day_cannot_both_be_open(here: Company) -> None:
    first = here.moved("submit", here.create(tier(here.next_version(), 203), effective=later(here, 5)))
    second = here.create(tier(here.next_version(), 204), effective=later(here, 5))
    refused(here.act("submit", second), 422, "change-unfit", "is open for tiering/size from the same instant.")
    here.moved("withdraw", first)
    here.moved("withdraw", second)


# ------------------------------------------------------------------------------------------- drafts and reports


def test_a_draft_may_be_faulty_and_its_report_says_what_is_wrong(here: Company) -> None:
    change = here.create(b"policy: tiering/size\nversion: one", bonus("1.1.0", 20, expected=30))
    path = f"/v1/changes/{change['id']}"
    report = here.did("GET", f"{path}/report", "ben")
    assert not report["frozen"]
    assert report["diagnostics"][0]["text"] == change["texts"][0]
    assert report["diagnostics"][0]["faults"][0]["line"]
    problem = assert_problem(here.act("submit", change), 422, "change-unfit")
    assert problem["reasons"] == report["problems"]
    assert problem["diagnostics"] == report["diagnostics"]


def test_a_draft_whose_examples_fail_has_a_report_and_cannot_be_submitted(here: Company) -> None:
    change = here.create(bonus("1.1.0", 20, expected=30))
    report = here.did("GET", f"/v1/changes/{change['id']}/report")
    assert report["report"]["candidates"]
    problem = assert_problem(here.act("submit", change), 422, "change-unfit")
    assert problem["report"] == report["report"]
    assert any(reason.startswith(BONUS) for reason in problem["reasons"])


def test_a_draft_that_takes_too_long_to_check_is_abandoned() -> None:
    with company(policy_check_seconds=0.001, workers=SHARED) as here:
        change = here.create(tier("1.1.0", 200))
        refused(here.act("submit", change), 422, "check-abandoned", "checking it takes more than 0.001 s")
        assert here.read(change)["state"] == "draft"


def test_a_draft_that_takes_too_much_memory_to_check_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    with company(workers=SHARED) as here:
        change = here.create(tier("1.1.0", 200))
        monkeypatch.setattr(workers._Worker, "request", Mock(side_effect=WorkerDied))
        answer = here.ask("GET", f"/v1/changes/{change['id']}/report")
        refused(answer, 422, "check-abandoned", "exceeds the memory limit")


def test_a_database_that_is_gone_for_the_process_that_checks_is_told(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = here.create(tier("1.1.0", 200))
    monkeypatch.setattr(
        "policy_service.population.draft_work.prepare_submission", Mock(side_effect=DatabaseUnavailable("gone"))
    )
    refused(here.act("submit", change), 503, "database-unavailable", "the database is gone")


def test_the_report_of_what_was_submitted_is_frozen(here: Company) -> None:
    change = here.create(tier(here.next_version(), 205), effective=later(here, 6))
    made = here.did("GET", f"/v1/changes/{change['id']}/report")
    assert (made["frozen"], made["problems"]) == (False, [])
    change = here.moved("submit", change)
    frozen = here.did("GET", f"/v1/changes/{change['id']}/report", "sales")
    assert frozen == {"frozen": True, "problems": [], "diagnostics": [], "report": made["report"], "simulation": None}
    here.moved("withdraw", change)


def test_a_text_is_kept_byte_for_byte(here: Company) -> None:
    change = here.create(tier("1.1.6", 206, note="备注"))
    answer = here.ask("GET", f"/v1/changes/{change['id']}/texts/{change['texts'][0]}", "compliance")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.content == tier("1.1.6", 206, note="备注")
    other = f"/v1/changes/{change['id']}/texts/sha256:{'0' * 64}"
    refused(here.ask("GET", other), 404, "not-found", "the change holds no such text")


def test_a_comment_is_shown_with_the_name_of_who_made_it(here: Company) -> None:
    change = here.create(tier("1.1.7", 207))
    path = f"/v1/changes/{change['id']}/comments"
    answer = here.ask("POST", path, "sales", {"text": "why so large?"})
    assert answer.status_code == 201
    result = here.read(change)
    assert result["comments"] == [answer.json()]
    assert (result["comments"][0]["by"]["printed_name"], result["etag"]) == ("Sales", change["etag"])


def test_everything_that_is_wrong_with_a_draft_is_told_at_once_by_pointer(here: Company) -> None:
    body = {"title": "", "effective": {"from": "tomorrow"}, "texts": [1], "rollback": {"Size": "1"}, "x": 0}
    problem = assert_problem(here.ask("POST", "/v1/changes", "ann", body), 422, "request-refused")
    results = {fault["pointer"] for fault in problem["problems"]}
    assert {"/title", "/reason", "/effective/from", "/texts/0", "/x"} <= results


@pytest.mark.parametrize(
    "effective",
    [
        {"from": "2027-01-02T00:00:00Z", "until": "2027-01-02T00:00:00Z"},
        {"from": "2027-01-02T00:00:00"},
        {"from": 1_800_000_000},
        {"from": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_period_that_is_none_is_refused(here: Company, effective: Json) -> None:
    answer = here.ask("POST", "/v1/changes", "ann", here.draft(effective=effective))
    assert_problem(answer, 422, "request-refused")


def test_texts_and_a_rollback_do_not_go_together(here: Company) -> None:
    body = here.draft(tier("1.1.8"), rollback={TIER: "1.0.0"})
    assert_problem(here.ask("POST", "/v1/changes", "ann", body), 422, "request-refused")


def test_a_rollback_to_what_was_never_in_force_is_refused(here: Company) -> None:
    body = here.draft(rollback={TIER: "9.0.0"})
    refused(here.ask("POST", "/v1/changes", "ann", body), 422, "change-unfit", "There is no version 9.0.0 of")


def test_a_hidden_character_in_a_title_is_refused(here: Company) -> None:
    for hidden in ("\u0000", "\u202e"):
        body = here.draft(title=f"a{hidden}b")
        message = f"The title: leave out the hidden character U+{ord(hidden):04X}"
        refused(here.ask("POST", "/v1/changes", "ann", body), 422, "change-unfit", message)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_change_that_is_not_there_is_not_found(here: Company, method: str) -> None:
    name = "00000000-0000-7000-8000-000000000000"
    path = f"/v1/changes/{name}" if method == "GET" else f"/v1/changes/{name}/submit"
    refused(here.ask(method, path, if_match='"1.1"'), 404, "not-found", "There is no change")


# -------------------------------------------------------------------------------------------------------- lists


def test_changes_are_listed_by_state_policy_author_and_whom_they_wait_for() -> None:
    with company() as here:
        draft = here.create(tier("1.1.0", 200), by="ben")
        first = here.moved("submit", here.create(tier("1.2.0", 201), effective=later(here, 2)))
        second = here.moved("submit", here.create(bonus("1.1.0", 20), effective=later(here, 3)))
        back = here.create(rollback={TIER: "1.0.0"})

        def listed(query: str, by: str = "ann") -> list[str]:
            return [each["id"] for each in here.did("GET", f"/v1/changes?{query}", by)["items"]]

        assert listed("") == [back["id"], second["id"], first["id"], draft["id"]]
        assert listed("state=submitted") == [second["id"], first["id"]]
        assert listed("kind=rollback") == [back["id"]]
        assert listed(f"policy={BONUS}") == [second["id"]]
        assert listed("author=me", "ben") == listed(f"author={draft['author']['id']}") == [draft["id"]]
        assert listed("waiting-for-me=true", "sales") == [first["id"]]
        assert listed("waiting-for-me=true", "compliance") == [second["id"], first["id"]]
        assert listed("waiting-for-me=true", "root") == []
        here.sign(first, "sales")
        assert listed("waiting-for-me=true", "sales") == []


def test_a_long_list_comes_in_pages() -> None:
    with company() as here:
        made = [here.create(title=f"change {index}")["id"] for index in range(5)]
        pages = [here.did("GET", "/v1/changes?limit=2")]
        while cursor := pages[-1]["next_cursor"]:
            pages.append(here.did("GET", f"/v1/changes?limit=2&cursor={cursor}"))
        assert [[each["id"] for each in page["items"]] for page in pages] == [made[:2:-1], made[2:0:-1], made[:1]]

"""One effect for one `Idempotency-Key`; edits only of what was seen (`If-Match`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from sqlmodel import select

from policy_service.database import DatabaseUnavailable
from policy_service.idempotency import IdempotencyRow
from policy_service.in_flight import InFlight, RequestInFlight
from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company, later
from tests.approval.world import tier
from tests.databases import BACKENDS


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def count(here: Company) -> int:
    """How many changes there are."""
    return len(here.did("GET", "/v1/changes")["items"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_request_with_the_same_key_has_one_effect_and_one_answer(backend: str) -> None:
    with company(backend) as here:
        body = here.draft(tier("1.1.0"))
        first, again = (here.ask("POST", "/v1/changes", "ann", body, idempotency_key="k1") for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.content == again.content
        assert {name: first.headers[name] for name in ("etag", "location")} == {
            name: again.headers[name] for name in ("etag", "location")
        }
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert count(here) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_at_once_with_the_same_key_have_one_effect_and_equal_answers(backend: str) -> None:
    with company(backend) as here:
        body = here.draft(tier("1.1.0"))
        answers = here.ask_all([("POST", "/v1/changes", "ann", body)] * 100, idempotency_key="k2")
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert count(here) == 1


def test_the_same_key_with_another_body_is_refused(here: Company) -> None:
    here.ask("POST", "/v1/changes", "ann", here.draft(), idempotency_key="k3")
    before = count(here)
    answer = here.ask("POST", "/v1/changes", "ann", here.draft(title="another"), idempotency_key="k3")
    assert_problem(answer, 422, "idempotency-key-reused")
    assert count(here) == before


def test_the_same_key_at_another_address_is_refused(here: Company) -> None:
    change = here.did("POST", "/v1/changes", "ann", here.draft(), idempotency_key="k4")
    answer = here.act("submit", change, idempotency_key="k4")
    assert_problem(answer, 422, "idempotency-key-reused")


def test_keys_of_different_people_have_nothing_to_do_with_each_other(here: Company) -> None:
    names = {
        here.did("POST", "/v1/changes", by, here.draft(), idempotency_key="k5")["author"]["name"]
        for by in ("ann", "ben")
    }
    assert names == {"ann", "ben"}


def test_a_refusal_is_not_kept_so_the_key_may_be_used_again(here: Company) -> None:
    refused = here.ask("POST", "/v1/changes", "ann", here.draft(reason=" "), idempotency_key="k6")
    assert_problem(refused, 422, "change-unfit")
    assert here.ask("POST", "/v1/changes", "ann", here.draft(), idempotency_key="k6").status_code == 201


@pytest.mark.parametrize("key", ["", "two words", "k" * 201, "k\x7f"])
def test_a_key_that_is_none_is_refused(here: Company, key: str) -> None:
    answer = here.ask("POST", "/v1/changes", "ann", here.draft(), idempotency_key=key)
    problem = assert_problem(answer, 422, "invalid-parameter")
    assert [fault["parameter"] for fault in problem["problems"]] == ["Idempotency-Key"]


def test_a_submission_sent_again_is_answered_again_though_the_change_moved_on(here: Company) -> None:
    change = here.create(tier(here.next_version(), 200))
    first = here.act("submit", change, idempotency_key="k7")
    here.moved("withdraw", first.json())
    again = here.act("submit", change, idempotency_key="k7")
    assert (again.status_code, again.content) == (200, first.content)


def test_a_signature_sent_again_is_one_signature_and_no_digest_of_the_password_is_kept(here: Company) -> None:
    change = here.moved("submit", here.create(tier(here.next_version(), 300), effective=later(here, 300)))
    first, again = (here.sign(change, "sales", key="k8") for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert len(here.read(change)["signatures"]) == 1
    with here.database.read() as session:
        row = session.exec(select(IdempotencyRow).where(IdempotencyRow.key == "k8")).one()
    assert SECRET.encode() not in row.body
    without = here.sign(change, "sales", key="k8", password="another long secret")  # noqa: S106
    assert_problem(without, 403, "confirmation-needed")


def test_a_stale_etag_is_refused(here: Company) -> None:
    change = here.create()
    path = f"/v1/changes/{change['id']}/draft"
    tag = f'"{change["etag"]}"'
    edited = here.ask("PUT", path, "ann", here.draft(title="first"), if_match=tag)
    assert edited.headers["etag"] != tag
    late = here.ask("PUT", path, "ben", here.draft(title="second"), if_match=tag)
    problem = assert_problem(late, 412, "precondition-failed")
    assert problem["detail"] == "The change was altered since you read it: read it again."
    assert here.read(change)["title"] == "first"
    for action in ("submit", "withdraw"):
        assert_problem(here.act(action, change), 412, "precondition-failed")


@pytest.mark.parametrize("tag", ["", "*"])
@pytest.mark.parametrize("action", ["submit", "request-changes", "reject", "withdraw", "schedule", "cancel"])
def test_a_missing_etag_is_asked_for(here: Company, action: str, tag: str) -> None:
    change = here.create()
    by = "sales" if action in {"request-changes", "reject"} else "ann"
    assert_problem(here.act(action, change, by, if_match=tag), 428, "precondition-required")


def test_an_edit_without_an_etag_is_refused(here: Company) -> None:
    change = here.create()
    answer = here.ask("PUT", f"/v1/changes/{change['id']}/draft", "ann", here.draft())
    assert_problem(answer, 428, "precondition-required")


def test_two_edits_of_the_same_state_at_the_same_instant_are_one_edit(here: Company) -> None:
    change = here.create()
    path = f"/v1/changes/{change['id']}/draft"
    edits = [("PUT", path, by, here.draft(title=by)) for by in ("ann", "ben")]
    answers = here.ask_all(edits, if_match=f'"{change["etag"]}"')
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert here.read(change)["revision"] == 2


def test_what_is_read_names_its_state(here: Company) -> None:
    change = here.create()
    answer = here.ask("GET", f"/v1/changes/{change['id']}", "sales")
    assert answer.headers["etag"] == f'"{change["etag"]}"'
    assert json.loads(answer.content)["etag"] == change["etag"]


def test_a_database_that_is_full_is_told_and_nothing_is_written(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    before = count(here)

    def full(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr("policy_service.idempotency.store_response", full)
        answer = here.ask("POST", "/v1/changes", "ann", here.draft(), idempotency_key="k9")
    problem = assert_problem(answer, 503, "database-unavailable")
    assert (problem["detail"], "retry-after" in answer.headers) == ("the database is full", True)
    assert count(here) == before
    assert here.ask("POST", "/v1/changes", "ann", here.draft(), idempotency_key="k9").status_code == 201


# ---------------------------------------------------------------------------------------------------- in flight


def test_another_request_with_the_key_of_one_under_way_is_refused() -> None:
    async def two() -> None:
        flights = InFlight()
        async with flights.exclusive(("ann", "k"), "one"):
            with pytest.raises(RequestInFlight, match="another request"):
                async with flights.exclusive(("ann", "k"), "two"):
                    raise AssertionError
        async with flights.exclusive(("ann", "k"), "two"):
            pass

    asyncio.run(two())


def test_the_same_request_waits_for_the_one_before_but_not_for_ever() -> None:
    async def two() -> None:
        flights = InFlight(max_wait=0.01)
        async with flights.exclusive(("ann", "k"), "one"):
            with pytest.raises(RequestInFlight, match="sent before"):
                async with flights.exclusive(("ann", "k"), "one"):
                    raise AssertionError

    asyncio.run(two())

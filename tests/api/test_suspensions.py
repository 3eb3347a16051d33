"""Emergency suspensions over HTTP: one director, a password, a reason; ended by itself, by somebody, or ratified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, Json, company
from tests.approval.world import BONUS, SIGN_OFF, TIER, tier
from tests.databases import BACKENDS


def body(role: str = "sales_director", **changes: object) -> Json:
    """A director's request."""
    return {
        "policy": TIER,
        "version": "1.1.0",
        "role": role,
        "reason": "it misjudges everybody",
        "password": SECRET,
        **changes,
    }


def signed(role: str) -> Json:
    return {"role": role, "reason": "rightly so", "password": SECRET}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company in which the second version of a policy is in force."""
    with company() as made:
        made.in_force(tier("1.1.0", 200))
        yield made


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_suspension_falls_back_at_once_is_ratified_by_another_and_ended(backend: str) -> None:
    with company(backend) as here:
        here.in_force(tier("1.1.0", 200))
        here.token("sales")
        assert here.strangers_try("sales") == [401, 401, 401, 401, 429, 429]
        made = here.ask("POST", "/v1/suspensions", "sales", body())
        suspension = made.json()
        path = f"/v1/suspensions/{suspension['id']}"
        assert (made.status_code, made.headers["location"]) == (201, path)
        assert (suspension["fallback"], suspension["runs"], here.version()) == ("1.0.0", True, "1.0.0")
        here.clock.move(hours=1)
        own = here.ask("POST", f"{path}/ratify", "sales", signed("sales_director"))
        assert (
            "You suspended it, so another person must ratify it." in assert_problem(own, 403, "not-allowed")["detail"]
        )
        ratified = here.did("POST", f"{path}/ratify", "compliance", signed("compliance"))
        assert ratified["ratified"]["by"]["printed_name"] == "Compliance"
        here.clock.move(days=4)
        assert here.version() == "1.0.0"
        ended = here.did("POST", f"{path}/end", "general", signed("general_manager"))
        assert (ended["runs"], ended["ended"]["reason"], here.version()) == (False, "rightly so", "1.1.0")
        again = here.ask("POST", f"{path}/end", "general", signed("general_manager"))
        assert assert_problem(again, 409, "conflict")["detail"] == "The suspension is over."
        assert here.did("GET", path, "ann") == ended
        assert here.did("GET", f"/v1/suspensions?policy={TIER}")["items"] == [ended]
        assert here.did("GET", f"/v1/suspensions?policy={BONUS}")["items"] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_first_version_is_stopped_and_whoever_asks_is_told(backend: str) -> None:
    """The right value of a request that was refused with 409: any version can be stopped, the first one too."""
    with company(backend) as here:
        stop = body("general_manager", policy=TIER, version="1.0.0", reason="pays out wrongly")
        made = here.ask("POST", "/v1/suspensions", "general", stop)
        suspension = made.json()
        assert (made.status_code, suspension["fallback"], suspension["fallback_digest"]) == (201, None, None)
        answer = here.decide({"subject": "C1", "facts": {"orders": 300}})
        assert answer["outcomes"][TIER] | {"digest": ""} == {
            "status": "suspended",
            "suspension": suspension["id"],
            "reason": "pays out wrongly",
            "version": "1.0.0",
            "digest": "",
        }
        assert (answer["outcomes"][BONUS]["status"], answer["outcomes"][BONUS]["missing"]) == (
            "missing_facts",
            ["size"],
        )
        replayed = here.did("POST", f"/v1/decisions/{answer['decision_id']}/replay", "compliance")
        assert (replayed["verdict"], replayed["differences"]) == ("same", [])
        active = here.did("GET", f"/v1/policies/{TIER}/active")
        assert (active["status"], active["active"]) == ("suspended", None)
        assert active["suspended"]["suspension"] == suspension["id"]
        assert active["suspended"]["reason"] == "pays out wrongly"
        listed = {
            each["policy"]: (each["status"], each["suspension"]) for each in here.did("GET", "/v1/policies")["items"]
        }
        fine = ("in_force", None)
        assert listed == {TIER: ("suspended", suspension["id"]), BONUS: fine, SIGN_OFF: fine}
        result = assert_problem(here.ask("GET", f"/v1/policies/{TIER}"), 404, "unknown-policy")
        assert "is suspended, and no version applies: pays out wrongly" in result["detail"]
        assert here.did("GET", f"/v1/policies/{TIER}/requirements")
        assert not here.did("GET", f"/v1/policies/{TIER}/versions")["items"][0]["active"]
        here.clock.move(hours=1)
        here.did("POST", f"/v1/suspensions/{suspension['id']}/ratify", "compliance", signed("compliance"))
        here.did("POST", f"/v1/suspensions/{suspension['id']}/end", "finance", signed("finance_director"))
        assert here.did("GET", f"/v1/policies/{TIER}/active")["status"] == "in_force"
        again = here.decide({"subject": "C1", "facts": {"orders": 300}})
        assert again["outcomes"][TIER]["status"] == "decided"
        assert here.did("POST", f"/v1/decisions/{answer['decision_id']}/replay", "compliance")["verdict"] == "same"


def test_it_ends_by_itself() -> None:
    with company() as here:
        here.in_force(tier("1.1.0", 200))
        suspension = here.did("POST", "/v1/suspensions", "sales", body())
        here.clock.move(hours=72)
        assert here.version() == "1.1.0"
        assert not here.did("GET", f"/v1/suspensions/{suspension['id']}")["runs"]
        here.did("POST", "/v1/suspensions", "general", body("general_manager"))
        page = here.did("GET", "/v1/suspensions?limit=1")
        assert page["items"][0]["signed"]["by"]["name"] == "general"
        page = here.did("GET", f"/v1/suspensions?limit=1&cursor={page['next_cursor']}")
        assert (page["items"][0]["id"], page["next_cursor"]) == (suspension["id"], None)


@pytest.mark.parametrize(
    ("by", "changes", "status", "name", "sentence"),
    [
        ("ann", {}, 403, "not-allowed", "you are author."),
        ("root", {}, 403, "not-allowed", "you are administrator."),
        ("compliance", {"role": "compliance"}, 403, "not-allowed", "you are compliance."),
        ("sales", {"role": "general_manager"}, 403, "not-allowed", "You do not hold the role of the general manager"),
        ("sales", {"password": None}, 403, "confirmation-needed", "Send your password with the request."),
        ("sales", {"version": "1.0.0"}, 409, "conflict", "tiering/size 1.1.0 is in force, not 1.0.0"),
        ("sales", {"policy": SIGN_OFF, "version": "1.0.0"}, 403, "not-allowed", "Who must sign cannot be suspended"),
        ("sales", {"policy": "tiering/none"}, 409, "conflict", "there is nothing to suspend."),
        ("sales", {"reason": " "}, 422, "change-unfit", "The reason must be given."),
        ("sales", {"policy": "Size"}, 422, "request-refused", "/policy"),
    ],
)
def test_a_refusal_says_why(  # who, what, and what is said
    here: Company, by: str, changes: Json, status: int, name: str, sentence: str
) -> None:
    answer = here.ask("POST", "/v1/suspensions", by, body(**changes))
    assert sentence in assert_problem(answer, status, name)["detail"]
    assert here.version() == "1.1.0"


def test_a_suspension_that_is_not_there_is_not_found(here: Company) -> None:
    path = "/v1/suspensions/00000000-0000-7000-8000-000000000000"
    assert_problem(here.ask("GET", path), 404, "not-found")
    assert_problem(here.ask("POST", f"{path}/ratify", "sales", signed("sales_director")), 404, "not-found")


def test_a_suspension_sent_twice_with_one_key_is_one() -> None:
    with company() as here:
        here.in_force(tier("1.1.0", 200))
        first, again = (here.ask("POST", "/v1/suspensions", "sales", body(), idempotency_key="once") for _ in range(2))
        assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
        assert again.headers["location"] == first.headers["location"]
        assert len(here.did("GET", "/v1/suspensions")["items"]) == 1

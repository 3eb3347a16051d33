"""The desk: what is answered is on record, one key has one effect, and who waits is told in time."""

import asyncio
import threading
from dataclasses import replace
from decimal import Decimal
from unittest.mock import patch

import msgspec
import pytest

from policy_service import load_bytes
from policy_service.actor import Actor, Role
from policy_service.decisions.group import RecordedAnswer
from policy_service.decisions.in_force import InForce, NotReady, VersionsChanging
from policy_service.decisions.record import decode_fact
from policy_service.decisions.record_queries import UnknownDecision, read_decision, subject_history
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import DecisionService, open_decision_service
from policy_service.errors import FactsRejected, UnknownPolicies, UnknownSubjectKind
from policy_service.idempotency import IdempotencyKeyReused, InvalidIdempotencyKey
from policy_service.in_flight import RequestInFlight
from policy_service.registry.model import Period
from policy_service.subject import Subject
from tests.databases import BACKENDS, fresh_database
from tests.databases import TestClock as Clock
from tests.decisions.desks import ZONE, held, opened, put, setting, signing, tier

CRM = Actor("k1", "crm", "CRM", frozenset({Role.INTEGRATION}), "machine")
SHOP = Actor("k2", "shop", "Shop", frozenset({Role.INTEGRATION}), "machine")


def request_of(subject: str = "C1", amount: object = "150.00", **more: object) -> DecisionRequest:
    return DecisionRequest(subject, {"amount": amount, **more})


def ask(decisions: DecisionService, request: DecisionRequest, actor: Actor = CRM, **more: str) -> RecordedAnswer:
    return asyncio.run(decisions.decide(request, actor, **more))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_answered_is_on_record(backend: str) -> None:
    with setting(backend) as each:
        answer = ask(each.decisions, request_of(amount=Decimal("150.10")))
        body = msgspec.json.decode(answer.body)
        assert body["outcomes"] == answer.outcomes
        assert body["outcomes"]["tiering/one"]["outcome"] == {"tier": "A"}
        assert body["as_of"] == "2026-11-20"
        assert "trace" not in body
        with each.database.read() as session:
            record = read_decision(session, body["decision_id"])
            with pytest.raises(UnknownDecision, match="there is no decision x"):
                read_decision(session, "x")
        assert record.seq == 1
        assert record.subject == (body["subject"], body["kind"]) == ("C1", "customer")
        assert record.outcomes == body["outcomes"]
        assert record.decided_at == each.clock.now()
        assert decode_fact(record.facts["amount"]) == Decimal("150.10")
        assert record.requested == ("tiering/one",)
        assert record.policies["tiering/one"] == ("1.0.0", tier().digest)
        assert record.engine == {"tiering/one": "python"}
        assert record.by == {"id": "k1", "name": "crm", "kind": "machine"}
        assert not record.explain


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_hundred_requests_with_one_key_have_one_effect_and_equal_answers(backend: str) -> None:
    async def all_at_once(decisions: DecisionService) -> list[RecordedAnswer]:
        return await asyncio.gather(
            *(decisions.decide(request_of(), CRM, key="same", fingerprint="f") for _ in range(100)),
        )

    with setting(backend) as each:
        answers = asyncio.run(all_at_once(each.decisions))
        assert len({answer.body for answer in answers}) == 1
        assert [answer.outcomes is None for answer in answers].count(False) == 1
        assert len(each.records()) == 1
        again = ask(each.decisions, request_of(), key="same", fingerprint="f")
        assert (again.body, again.outcomes) == (answers[0].body, None)
        assert len(each.records()) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_services_on_one_database_give_one_key_one_effect(backend: str) -> None:
    with setting(backend) as one, opened(one.database, one.clock) as (other, _):
        answers: list[RecordedAnswer] = []

        def go(decisions: DecisionService) -> None:
            answers.append(decisions.decide_in_thread(request_of(), CRM, key="same", fingerprint="f"))

        threads = [threading.Thread(target=go, args=(each,)) for each in (one.decisions, other) * 10]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 20
        assert len({answer.body for answer in answers}) == 1
        assert len(one.records()) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_key_belongs_to_who_chose_it(backend: str) -> None:
    with setting(backend) as each:
        ask(each.decisions, request_of(), CRM, key="1", fingerprint="f")
        ask(each.decisions, request_of(), SHOP, key="1", fingerprint="g")
        assert len(each.records()) == 2


def test_a_key_with_another_request_is_refused_on_record_and_under_way() -> None:
    async def both(decisions: DecisionService) -> None:
        first = asyncio.create_task(decisions.decide(request_of(), CRM, key="1", fingerprint="f"))
        await asyncio.sleep(0)
        with pytest.raises(IdempotencyKeyReused):
            await decisions.decide(request_of("C2"), CRM, key="1", fingerprint="g")
        await first

    with setting("sqlite") as each:
        asyncio.run(both(each.decisions))
        with pytest.raises(IdempotencyKeyReused, match="take a new key"):
            ask(each.decisions, request_of("C2"), key="1", fingerprint="g")
        with pytest.raises(InvalidIdempotencyKey):
            ask(each.decisions, request_of(), key="not visible", fingerprint="f")
        assert len(each.records()) == 1


def test_who_waits_too_long_for_the_same_request_is_told() -> None:
    async def both(decisions: DecisionService, release: threading.Event) -> RecordedAnswer:
        first = asyncio.create_task(decisions.decide(request_of(), CRM, key="1", fingerprint="f"))
        await asyncio.sleep(0)
        with pytest.raises(RequestInFlight, match="still in progress"):
            await decisions.decide(request_of(), CRM, key="1", fingerprint="f")
        release.set()
        return await first

    with setting("sqlite", patience=0.05) as each, held(each.database, each.clock) as release:
        assert asyncio.run(both(each.decisions, release)).outcomes is not None


def test_a_caller_who_leaves_does_not_undo_what_others_wait_for() -> None:
    async def leave(decisions: DecisionService) -> RecordedAnswer:
        first = asyncio.create_task(decisions.decide(request_of(), CRM, key="1", fingerprint="f"))
        await asyncio.sleep(0)
        second = asyncio.create_task(decisions.decide(request_of(), CRM, key="1", fingerprint="f"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    with setting("sqlite") as each:
        assert asyncio.run(leave(each.decisions)).body
        assert len(each.records()) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_refusal_is_not_kept_but_what_was_answered_stays_though_the_policies_changed(backend: str) -> None:
    with setting(backend) as each:
        with pytest.raises(FactsRejected):
            ask(each.decisions, request_of(amount="-1"), key="1", fingerprint="f")
        answer = ask(each.decisions, request_of(), key="1", fingerprint="f")
        put(each.database, each.clock, load_bytes(tier("2.0.0").text.replace("amount", "sum").encode()))
        each.decisions.in_force.refresh()
        assert ask(each.decisions, request_of(), key="1", fingerprint="f").body == answer.body
        with pytest.raises(FactsRejected):
            ask(each.decisions, request_of(), key="2", fingerprint="f")


def test_what_policies_ask_is_refused_before_anything_is_recorded() -> None:
    with setting("sqlite") as each:
        with pytest.raises(UnknownPolicies):
            ask(each.decisions, DecisionRequest("C1", {"amount": 1}, policies=("tiering/none",)))
        assert each.records() == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sensitive_fact_is_sealed_on_record_and_masked_in_the_trace(backend: str) -> None:
    with setting(backend) as each:
        request = DecisionRequest("C1", {"amount": "1.00", "phone": "13900000001"}, explain=True)
        answer = ask(each.decisions, request, key="1", fingerprint="f")
        rules = msgspec.json.decode(answer.body)["trace"]["tiering/one"]
        assert rules[0]["saw"] == {"phone": "•••"}
        (record,) = each.records()
        assert list(record.facts["phone"]) == ["$sealed"]
        assert record.explain
        with each.database.read() as session:
            facts = each.secrets.decrypt_facts(session, record.subject, record.decision_id, record.facts)
        assert facts["phone"] == "13900000001"
        assert b"13900000001" not in answer.body


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_subject_has_a_history_from_the_newest_backwards(backend: str) -> None:
    with setting(backend) as each:
        for amount in range(5):
            ask(each.decisions, request_of(amount=amount))
            ask(each.decisions, request_of("C2", amount))
        with each.database.read() as session:
            page = subject_history(session, Subject("C1"), limit=2)
            assert [record.facts["amount"] for record in page.records] == [4, 3]
            page = subject_history(session, Subject("C1"), page.cursor, limit=2)
            assert [record.facts["amount"] for record in page.records] == [2, 1]
            page = subject_history(session, Subject("C1"), page.cursor, limit=2)
            assert [record.facts["amount"] for record in page.records] == [0]
            assert page.cursor is None
            assert subject_history(session, Subject("nobody")).records == []


def test_policies_of_governance_decide_only_when_they_are_asked_for() -> None:
    with setting("sqlite", tier(), signing()) as each:
        assert list(ask(each.decisions, request_of()).outcomes or {}) == ["tiering/one"]
        request = DecisionRequest("X", {"domain": "other"}, policies=("governance/signing",), kind="change")
        assert list(ask(each.decisions, request).outcomes or {}) == ["governance/signing"]
        with pytest.raises(UnknownSubjectKind, match="no policy is about `change`, only about `customer`"):
            ask(each.decisions, replace(request, policies=None))


def test_a_desk_without_policies_is_not_ready() -> None:
    with (
        fresh_database("sqlite") as database,
        opened(database, Clock()) as (decisions, _),
        pytest.raises(NotReady, match="no policy is in force"),
    ):
        ask(decisions, request_of())


def test_a_change_of_versions_at_its_instant_is_decided_by_the_new_ones() -> None:
    with setting("sqlite", look_seconds=30.0) as each:
        start = each.clock.now()
        put(each.database, each.clock, tier("1.1.0", 200), Period(start.replace(hour=5)))
        each.decisions.in_force.refresh()
        assert (ask(each.decisions, request_of()).outcomes or {})["tiering/one"]["version"] == "1.0.0"
        each.clock.move(hours=4)
        assert (ask(each.decisions, request_of()).outcomes or {})["tiering/one"]["outcome"] == {"tier": "B"}
        assert each.decisions.decide_in_thread(request_of(), CRM).outcomes
        assert [record.policies["tiering/one"].version for record in each.records()] == ["1.0.0", "1.1.0", "1.1.0"]


@pytest.mark.parametrize("in_thread", [False, True])
def test_who_asks_while_versions_change_waits_for_them(*, in_thread: bool) -> None:
    with setting("sqlite", look_seconds=30) as each, patch.object(InForce, "_build_next"):
        start = each.clock.now()
        put(each.database, each.clock, tier("1.1.0", 200), Period(start.replace(hour=5)))
        each.decisions.in_force.refresh()
        each.clock.move(hours=4)
        if in_thread:
            decision = each.decisions.decide_in_thread(request_of(), CRM, key="1", fingerprint="f")
        else:
            decision = ask(each.decisions, request_of())
        assert (decision.outcomes or {})["tiering/one"]["version"] == "1.1.0"


def test_who_waits_too_long_for_the_versions_is_told() -> None:
    async def both(decisions: DecisionService, release: threading.Event) -> None:
        for _ in range(2):
            with pytest.raises(VersionsChanging):
                await decisions.decide(request_of(), CRM)
        release.set()

    release = threading.Event()
    with (
        setting("sqlite", look_seconds=30, patience=0.05) as each,
        patch.object(each.decisions.in_force, "evaluate", side_effect=VersionsChanging),
        patch.object(each.decisions.in_force, "refresh", side_effect=lambda: release.wait(30)) as refresh,
    ):
        asyncio.run(both(each.decisions, release))
        assert refresh.call_count == 1


def test_a_service_that_ends_gives_up_what_is_under_way() -> None:
    async def begin(decisions: DecisionService) -> None:
        task = asyncio.create_task(decisions.decide(request_of(), CRM, key="1", fingerprint="f"))
        await asyncio.sleep(0.01)
        del task

    with setting("sqlite") as each, held(each.database, each.clock):
        asyncio.run(begin(each.decisions))
        assert each.decisions._request_tasks == {}


def test_a_desk_is_opened_with_what_is_in_force() -> None:
    with setting("sqlite") as each:
        decisions = open_decision_service(each.database, each.clock, ZONE, each.secrets, engine="python")
        assert decisions.decide_in_thread(request_of(), CRM).outcomes
        decisions.close()

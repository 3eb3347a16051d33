"""Decisions, exceptions, erasures and seals at the same time: in the end everything verifies and replays."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from policy_service.actor import Role
from policy_service.audit.service import ensure_signing_key
from policy_service.decisions.block_store import prove_decision, verify_blocks
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import end_override
from policy_service.decisions.replay import replay
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.sealer import Sealer
from policy_service.decisions.subjects import ErasureRejected, erase_subject
from policy_service.subject import Subject
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, setting, tier
from tests.decisions.setting import MACHINE, person
from tests.overrides.alone import record_alone

PHONE = "13800000000"
ROUNDS = 8


def decide(each: Setting, subject: str, **facts: object) -> dict[str, Any]:
    decision = each.decisions.decide_in_thread(DecisionRequest(subject, {"amount": "150.00", **facts}), MACHINE)
    body: dict[str, Any] = msgspec.json.decode(decision.body)
    return body


def override(each: Setting, subject: str = "C1") -> Override:
    director = person("director", Role.SALES_DIRECTOR, confirmed_at=each.clock.now())
    with each.database.write(each.clock) as transaction:
        return record_alone(
            transaction,
            director,
            subject=Subject(subject),
            policy="tiering/one",
            outcome={"tier": "B"},
            role=Role.SALES_DIRECTOR,
            reason="closing down",
            until=transaction.now + timedelta(days=30),
        )


def end(each: Setting, made: Override) -> None:
    compliance = person("compliance", Role.COMPLIANCE, confirmed_at=each.clock.now())
    with each.database.write(each.clock) as transaction:
        end_override(transaction, compliance, made.id, role=Role.COMPLIANCE, reason="not justified")


def erase(each: Setting, subject: str) -> bool:
    compliance = person("compliance", Role.COMPLIANCE, confirmed_at=each.clock.now())
    try:
        with each.database.write(each.clock) as transaction:
            erase_subject(transaction, compliance, Subject(subject), "asked for it")
    except ErasureRejected:
        return False
    return True


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exception_holds_for_the_very_next_decision_and_until_it_is_ended(backend: str) -> None:
    with setting(backend, tier(), look_seconds=60) as each:
        for _ in range(3):
            made = override(each)
            each.clock.move(seconds=1)
            entry = decide(each, "C1")["outcomes"]["tiering/one"]
            assert entry["overridden"]["override"] == made.id
            assert "overridden" not in decide(each, "C2")["outcomes"]["tiering/one"]
            end(each, made)
            each.clock.move(seconds=1)
            assert "overridden" not in decide(each, "C1")["outcomes"]["tiering/one"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_of_it_at_once_verifies_and_replays(backend: str, tmp_path: Path) -> None:
    with setting(backend, tier()) as each:
        with each.database.write(each.clock) as transaction:
            ensure_signing_key(transaction, tmp_path)
        sealer = Sealer(each.database, each.clock, tmp_path, interval_seconds=0.05)
        sealer.start()
        results: dict[str, list[dict[str, Any]]] = {"C1": [], "C2": []}

        def decides(subject: str) -> None:
            results[subject] += [decide(each, subject, phone=PHONE) for _ in range(ROUNDS)]

        threads = [threading.Thread(target=decides, args=[subject]) for subject in results]
        for thread in threads:
            thread.start()
        for _ in range(3):
            made = override(each)
            erase(each, "C2")
            end(each, made)
        for thread in threads:
            thread.join()
        last = decide(each, "C2", phone=PHONE)
        sealer.close()
        with each.database.read() as session:
            assert verify_blocks(session).to_dict()["faults"] == []
            verdicts = {
                subject: [replay(session, each.secrets, body["decision_id"]).verdict for body in bodies]
                for subject, bodies in results.items()
            }
            assert verdicts["C1"] == ["same"] * ROUNDS
            assert set(verdicts["C2"]) <= {"same", "not_replayable"}
            assert replay(session, each.secrets, last["decision_id"]).verdict == "same"
            assert prove_decision(session, last["decision_id"])["record"]["path"] is not None
        assert erase(each, "C2")
        assert not erase(each, "C2")

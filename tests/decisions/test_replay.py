"""Replays: the same, different, or not to be made again; from the record alone; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from policy_service import Decider, Policy
from policy_service.actor import Role
from policy_service.canonical import digest, to_canonical_json
from policy_service.database import Database
from policy_service.decisions.block_store import seal, verify_blocks
from policy_service.decisions.masking import MASK
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import end_override
from policy_service.decisions.record_queries import UnknownDecision
from policy_service.decisions.replay import NotReplayable, ReplayVerdict, explain_decision, replay
from policy_service.decisions.subjects import FactCipher, erase_subject
from policy_service.decisions.tables import DecisionRow
from policy_service.subject import Subject
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.decisions.policies import LISTED, POINTS, TAKES_LIST, TIER, VISITS, policy
from tests.decisions.setting import decide_and_record, person, put_in_force, tamper
from tests.decisions.test_encryption import PERSONAL
from tests.overrides.alone import record_alone
from tests.shipped import NEWEST

POLICIES = (TIER, VISITS, LISTED, TAKES_LIST, POINTS, PERSONAL)
FACTS: dict[str, Any] = {
    "amount": "2000.00",
    "days": 10,
    "mean": Decimal("1000.5"),
    "last_contact_on": "2026-01-31",
    "vip": True,
    "late": False,
    "income": Decimal("1000.10"),
    "standing": ["villa"],
}
CLOCK = TestClock()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        put_in_force(database, CLOCK, *POLICIES)
        yield database


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider(POLICIES) as decider:
        yield decider


@pytest.fixture
def secrets(tmp_path: Path) -> FactCipher:
    return FactCipher(open_or_create(tmp_path))


def again(database: Database, secrets: FactCipher, id_: str) -> ReplayVerdict:
    with database.read() as session:
        return replay(session, secrets, id_)


def record_of(database: Database, id_: str) -> dict[str, Any]:
    with database.read() as session:
        line = session.exec(select(DecisionRow.line).where(DecisionRow.id == id_)).one()
    read: dict[str, Any] = msgspec.json.decode(line)
    return read


def rewrite(database: Database, id_: str, record: dict[str, Any]) -> None:
    """A record that says something else, with a digest to match."""
    line = to_canonical_json(record)
    tamper(
        database,
        "UPDATE decision SET line = :line, digest = :digest WHERE id = :id",
        line=line,
        digest=digest(line),
        id=id_,
    )


@pytest.mark.parametrize("requests", [None, ["followup/small"], ["rewards/takes_list", "tiering/points"]])
def test_what_the_engine_decided_the_definition_decides_again(
    database: Database, decider: Decider, secrets: FactCipher, requests: list[str] | None
) -> None:
    for left_out in [("amount",), ("last_contact_on", "late"), ("days", "standing")]:
        facts = {name: value for name, value in FACTS.items() if name not in left_out}
        id_ = decide_and_record(database, CLOCK, decider, "C1", facts, secrets=secrets, policies=requests)
        verdict = again(database, secrets, id_)
        assert verdict.verdict == "same", verdict
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets, policies=requests)
    assert again(database, secrets, id_).to_dict() == {
        "decision_id": id_,
        "verdict": "same",
        "why": None,
        "differences": [],
        "engine": "definition",
        "policies": record_of(database, id_)["policies"],
    }


def test_the_shipped_policies_replay_for_their_own_examples(secrets: FactCipher) -> None:
    with fresh_database("sqlite") as database, Decider(NEWEST, engine="python") as decider:
        put_in_force(database, CLOCK, *NEWEST)
        for each in NEWEST:
            facts = requirements(each)
            id_ = decide_and_record(database, CLOCK, decider, "C1", facts, secrets=secrets, policies=[each.id])
            assert again(database, secrets, id_).verdict == "same", each.id


def requirements(policy: Policy) -> dict[str, Any]:
    """The facts of a policy's first example, as JSON."""
    from policy_service.language.types import format_value  # noqa: PLC0415

    example = next(iter(policy.examples))
    return {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}


def test_a_replay_does_not_mind_what_is_in_force_today(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    CLOCK.move(days=1)
    newer = TIER.text.replace("version: 1.0.0", "version: 2.0.0").replace("then: [S]", "then: [C]")
    put_in_force(database, CLOCK, policy(newer))
    assert again(database, secrets, id_).verdict == "same"


def test_an_answer_that_the_definition_does_not_give_is_told_with_both_answers(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    record = record_of(database, id_)
    recorded = record["outcomes"]["tiering/points"]
    expected = recorded | {"outcome": dict(recorded["outcome"])}
    recorded["outcome"]["class"] = "low"
    rewrite(database, id_, record)
    verdict = again(database, secrets, id_)
    assert verdict.verdict == "different"
    assert verdict.to_dict()["differences"] == [
        {"policy": "tiering/points", "recorded": recorded, "replayed": expected}
    ]


def test_a_policy_on_record_that_needs_another_is_told_when_that_answers_nothing(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets, policies=["followup/small"])
    record = record_of(database, id_)
    removed = record["outcomes"].pop("tiering/small")
    rewrite(database, id_, record)
    [difference] = again(database, secrets, id_).differences
    assert (difference.policy, difference.recorded, difference.replayed) == ("tiering/small", None, removed)


def an_override(database: Database, outcome: object = None) -> Override:
    director = person("director", Role.SALES_DIRECTOR, confirmed_at=CLOCK.now())
    with database.write(CLOCK) as transaction:
        return record_alone(
            transaction,
            director,
            subject=Subject("C1"),
            policy="tiering/small",
            outcome={"tier": "C"} if outcome is None else outcome,
            role=Role.SALES_DIRECTOR,
            reason="closing down",
            until=CLOCK.now() + timedelta(days=30),
        )


def test_an_exception_is_replayed_as_it_was_though_it_has_ended(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    made = an_override(database)
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets, overrides={made.policy: made})
    compliance = person("compliance", Role.COMPLIANCE, confirmed_at=CLOCK.now())
    with database.write(CLOCK) as transaction:
        end_override(transaction, compliance, made.id, role=Role.COMPLIANCE, reason="not justified")
    record = record_of(database, id_)
    assert record["overrides"] == [made.id]
    assert record["outcomes"]["followup/small"]["outcome"]["owner"] == "sales"
    assert again(database, secrets, id_).verdict == "same"


def test_an_exception_that_did_not_fit_is_replayed_too(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    made = replace(an_override(database), outcome={"tier": "Z"})
    tamper(database, "UPDATE override SET outcome = :outcome", outcome=to_canonical_json(made.outcome))
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets, overrides={made.policy: made})
    assert "override_unfit" in record_of(database, id_)["outcomes"]["tiering/small"]
    assert again(database, secrets, id_).verdict == "same"


def test_a_subject_erased_leaves_records_that_verify_but_cannot_be_replayed(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    with database.write(CLOCK) as transaction:
        seal(transaction)
    assert again(database, secrets, id_).verdict == "same"
    compliance = person("compliance", Role.COMPLIANCE, confirmed_at=CLOCK.now())
    with database.write(CLOCK) as transaction:
        erase_subject(transaction, compliance, Subject("C1"), "asked for it")
    verdict = again(database, secrets, id_)
    assert (verdict.verdict, verdict.reason) == (
        "not_replayable",
        "The key of C1 was deleted, so its sensitive facts cannot be read: income, standing.",
    )
    with database.read() as session:
        assert not verify_blocks(session).faults
        with pytest.raises(NotReplayable, match="The key of C1 was deleted"):
            explain_decision(session, secrets, id_)


def test_a_record_that_is_not_what_was_written_is_not_replayed(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    record = record_of(database, id_)
    tamper(database, "UPDATE decision SET line = :line", line=to_canonical_json(record | {"subject": "C2"}))
    verdict = again(database, secrets, id_)
    assert verdict.verdict == "not_replayable"
    assert verdict.reason == "Decision record 1 was altered: it does not have the digest it was written with."
    rewrite(database, id_, record | {"facts": record["facts"] | {"amount": "lots"}})
    assert again(database, secrets, id_).reason == "The facts on record are refused today: amount."
    swapped = record["facts"] | {"income": record["facts"]["standing"]}
    rewrite(database, id_, record | {"facts": swapped})
    assert again(database, secrets, id_).reason == "the sealed fact `income` was altered"


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        (
            "policies",
            {"tiering/small": {"version": "9.9.9", "digest": "sha256:9"}},
            "no version has the digest sha256:9",
        ),
        ("overrides", ["o-none"], "There is no such override."),
    ],
)
def test_what_is_not_on_record_any_more_is_told(
    database: Database, decider: Decider, secrets: FactCipher, member: str, value: object, why: str
) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    rewrite(database, id_, record_of(database, id_) | {member: value})
    assert again(database, secrets, id_).reason == why


def test_a_decision_nobody_made_is_not_replayed(database: Database, secrets: FactCipher) -> None:
    with pytest.raises(UnknownDecision):
        again(database, secrets, "none")


def test_an_explanation_names_the_condition_that_failed_and_the_value_seen(
    database: Database, decider: Decider, secrets: FactCipher
) -> None:
    facts = FACTS | {"income": 10}
    id_ = decide_and_record(
        database, CLOCK, decider, "C1", facts, secrets=secrets, policies=["tiering/small", "tiering/personal"]
    )
    with database.read() as session:
        hidden = explain_decision(session, secrets, id_).to_dict()
    assert hidden["decision_id"] == id_
    assert hidden["outcomes"] == record_of(database, id_)["outcomes"]
    assert hidden["trace"]["tiering/small"][0] == {
        "rule": "never",
        "matched": False,
        "failed": "days is missing",
        "saw": {"days": 10},
    }
    assert hidden["trace"]["tiering/personal"][0] == {
        "rule": "rich",
        "matched": False,
        "failed": "income > 1000",
        "saw": {"income": MASK},
    }


def test_no_sensitive_value_is_kept_in_the_clear(database: Database, decider: Decider, secrets: FactCipher) -> None:
    id_ = decide_and_record(database, CLOCK, decider, "C1", FACTS, secrets=secrets)
    text = to_canonical_json(record_of(database, id_)).decode()
    assert "villa" not in text
    assert "1000.10" not in text
    assert '"amount":"2000.00"' in text

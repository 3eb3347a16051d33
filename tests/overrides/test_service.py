"""How far one person's override reaches, who else must sign it, and from when until when it applies."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlmodel import select

from policy_service.actor import Actor, Role
from policy_service.approval.service import ChangeState, ValidationFailed
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.override import signing_roles
from policy_service.decisions.override_store import (
    OverrideEnd,
    OverridePermissionDenied,
    OverrideRejected,
    end_override,
    read_override_end,
)
from policy_service.overrides.service import record_override
from policy_service.subject import Subject
from tests.approval.world import (
    BOTH,
    COMPLIANCE,
    DAY,
    FINANCE,
    GENERAL,
    MACHINE,
    SALES,
    SIGN_OFF,
    TIER,
    World,
    person,
    sign_off_text,
    tier,
    world,
)
from tests.overrides.setting import (
    MOMENT,
    REWARD,
    SHIPPED,
    book,
    events,
    override_request,
    prepare,
    record,
    refusal,
    sign,
)

# ------------------------------------------------------------------------------------------------ by one alone


def test_one_director_pays_nobody_80000_yuan_for_a_year(made: World) -> None:
    result = refusal(made, override_request(made, "FRIEND", REWARD, {"reward": "80000.00"}, days=360))
    assert "governance/overrides 1.0.0 rejects this override by its rule `money-large`: 超过 50,000 元" in result
    assert "An amount above 50,000 CNY is no exception; the policy has to be changed (R-GOV-2)" in result


def test_an_amount_counts_without_its_sign_and_in_all(made: World) -> None:
    assert "money-large" in refusal(made, override_request(made, "C1", REWARD, {"reward": "-50000.01"}))
    facts = prepare(made, override_request(made, "C1", REWARD, {"reward": "-20.50"})).facts
    assert (facts["outcome_kind"], Decimal(facts["amount"])) == ("money", Decimal("20.50"))


def test_money_applies_only_once_everybody_who_signs_a_change_of_the_policy_has_signed(both: World) -> None:
    it = record(both, override_request(both, "C1", REWARD, {"reward": "20000.00"}, days=60))
    assert (it.verdict, it.missing_roles) == ("needs_signers", ("finance_director", "general_manager", "compliance"))
    assert (it.state(both.now), it.covers(both.now), it.starts_at) == ("waiting", False, None)
    assert book(both).active_overrides(Subject("C1"), both.now) == {}
    for by in (FINANCE, GENERAL):
        both.move(hours=1)
        it = sign(both, it, by)
        assert not it.covers(both.now)
    both.move(hours=1)
    it = sign(both, it, COMPLIANCE)
    assert (it.starts_at, it.missing_roles, it.state(both.now)) == (both.now, (), "runs")
    assert book(both).active_overrides(Subject("C1"), both.now) == {REWARD: it}
    assert it.covers(it.until - MOMENT)
    assert not it.covers(it.until)
    assert [(each.printed_name, each.role, each.meaning) for each in it.signatures] == [
        ("Finance", "finance_director", "approved"),
        ("General", "general_manager", "approved"),
        ("Compliance", "compliance", "approved"),
    ]
    assert events(both) == ["override_recorded", *["override_signed"] * 3]


def test_what_waits_lapses_without_having_applied(made: World) -> None:
    it = record(made, override_request(made, "C1", REWARD, {"reward": "20000.00"}, days=60))
    made.move(days=7)
    assert it.state(made.now) == "lapsed"
    with pytest.raises(OverrideRejected, match="lapsed without the required signatures"):
        sign(made, it, FINANCE)
    assert record(made, override_request(made, "C1", REWARD, {"reward": "20000.00"})).id != it.id


def test_a_tier_applies_at_once_and_lapses_to_the_microsecond_unless_the_others_sign(both: World) -> None:
    it = record(both, override_request(both))
    assert (it.verdict, it.missing_roles) == ("provisional", ("compliance",))
    assert it.lapses_at == both.now + 3 * DAY
    stored = book(both)
    assert stored.active_overrides(Subject("C1"), it.lapses_at - MOMENT) == {TIER: it}
    assert stored.active_overrides(Subject("C1"), it.lapses_at) == {}
    assert [it.state(at) for at in (both.now, it.lapses_at - MOMENT, it.lapses_at)] == ["provisional"] * 2 + ["lapsed"]
    both.move(days=1)
    signed = sign(both, it)
    with both.database.read() as session:
        stored.refresh(session)
    assert stored.active_overrides(Subject("C1"), it.until - MOMENT) == {TIER: signed}
    assert [signed.state(at) for at in (both.now, it.until)] == ["runs", "over"]


def test_for_three_days_one_signature_is_enough_but_not_again(made: World) -> None:
    it = record(made, override_request(made, days=3))
    assert (it.verdict, it.lapses_at, it.missing_roles, it.state(made.now)) == ("allowed", None, (), "runs")
    with pytest.raises(OverrideRejected, match="needs no further signature"):
        sign(made, it)
    made.move(days=3)
    assert record(made, override_request(made, days=3)).verdict == "needs_signers"
    assert record(made, override_request(made, "C2", days=3)).verdict == "allowed"


def test_one_that_lapsed_is_not_recorded_again_by_one_alone(made: World) -> None:
    record(made, override_request(made))
    made.move(days=4)
    assert record(made, override_request(made)).verdict == "needs_signers"


def test_it_lasts_no_longer_than_governance_says(made: World) -> None:
    result = refusal(made, override_request(made, "C1", REWARD, days=91))
    assert result == "governance/overrides 1.0.0 allows this override at most 90 days; it would last 91."


def test_who_has_too_many_records_no_more(made: World) -> None:
    for number in range(4):
        made.import_(tier("1.0.0").replace(TIER.encode(), f"tiering/t{number}".encode()), at=made.now)
    for number in range(4):
        it = replace(override_request(made), policy=f"tiering/t{number}")
        record(made, it)
    record(made, override_request(made))
    assert prepare(made, override_request(made, "C2")).facts["running_of_person"] == 5
    made.import_(tier("1.0.0").replace(TIER.encode(), b"tiering/more"), at=made.now)
    assert "by its rule `too-many`" in refusal(made, replace(override_request(made), policy="tiering/more"))


# ---------------------------------------------------------------------------------------------- who signs


@pytest.mark.parametrize(
    ("by", "role", "fresh", "why"),
    [
        (SALES, Role.COMPLIANCE, True, "You recorded this override, so another person must sign it"),
        (GENERAL, Role.GENERAL_MANAGER, True, "The signature of general_manager is not required"),
        (GENERAL, Role.COMPLIANCE, True, "You do not hold the role compliance"),
        (COMPLIANCE, Role.COMPLIANCE, False, "Confirm who you are first"),
        (MACHINE, Role.COMPLIANCE, True, "Only a person may do this"),
    ],
)
def test_who_does_not_sign(made: World, by: Actor, role: Role, *, fresh: bool, why: str) -> None:
    it = record(made, override_request(made))
    with pytest.raises(OverridePermissionDenied, match=why):
        sign(made, it, by, role, fresh=fresh)


def test_nobody_signs_in_two_roles(made: World) -> None:
    finance_and_compliance = person("two", Role.FINANCE_DIRECTOR, Role.COMPLIANCE)
    it = record(made, override_request(made, "C1", REWARD, {"reward": "20000.00"}))
    sign(made, it, finance_and_compliance, Role.COMPLIANCE)
    with pytest.raises(OverridePermissionDenied, match="every signature must be another person's"):
        sign(made, it, finance_and_compliance, Role.FINANCE_DIRECTOR)


def test_a_signature_is_on_what_was_shown(made: World) -> None:
    it = record(made, override_request(made))
    with pytest.raises(OverrideRejected, match="The override has changed since you read it"):
        sign(made, it, digest=f"sha256:{'0' * 64}")


def test_the_reader_is_told_in_which_roles_they_may_sign(made: World) -> None:
    it = record(made, override_request(made))
    assert signing_roles(it, COMPLIANCE, made.now) == (Role.COMPLIANCE,)
    assert signing_roles(it, BOTH, made.now) == (Role.COMPLIANCE,)
    assert signing_roles(it, SALES, made.now) == ()
    assert signing_roles(it, COMPLIANCE, made.now + 3 * DAY) == ()


def test_one_that_waits_is_ended_by_those_who_may(made: World) -> None:
    it = record(made, override_request(made, "C1", REWARD, {"reward": "20000.00"}))
    with made.database.write(made.clock) as transaction:
        ended = end_override(transaction, made.fresh(COMPLIANCE), it.id, role=Role.COMPLIANCE, reason="no")
        assert read_override_end(transaction.session, it.id) == OverrideEnd(COMPLIANCE.id, made.now, "no")
        assert read_override_end(transaction.session, "another") is None
    assert ended.state(made.now) == "ended"
    with pytest.raises(OverrideRejected, match="has already ended"):
        sign(made, it, FINANCE)


# ------------------------------------------------------------------------------------- what governance says


def test_without_a_policy_of_its_own_every_override_needs_the_others_first() -> None:
    with world() as made:
        it = record(made, override_request(made))
        assert (it.verdict, it.missing_roles, it.lapses_at) == ("needs_signers", ("compliance",), made.now + 3 * DAY)
        assert it.decided_by is not None
        assert (it.decided_by["overrides"], it.decided_by["sign_off"]["policy"]) == (None, SIGN_OFF)


def test_what_was_decided_by_which_rule_of_which_facts_is_on_record(made: World) -> None:
    it = record(made, override_request(made))
    assert it.decided_by is not None
    assert (it.decided_by["rule"], it.decided_by["overrides"]["version"]) == ("other", "1.0.0")
    assert it.decided_by["facts"] == {
        "domain": "tiering",
        "outcome_kind": "other",
        "days": 30,
        "running_of_policy": 0,
        "running_of_subject": 0,
        "running_of_person": 0,
        "unsigned_before": 0,
        "signed": ["sales_director"],
    }
    with made.database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == "override_recorded")).one()
    assert json.loads(entry.line)["body"]["decided_by"] == it.decided_by


def test_what_changed_since_governance_was_asked_is_asked_again(made: World) -> None:
    prepared = prepare(made, override_request(made))
    record(made, override_request(made, "C2"))
    with (
        made.database.write(made.clock) as transaction,
        pytest.raises(OverrideRejected, match="changed while this was"),
    ):
        record_override(transaction, made.fresh(SALES), prepared)
    prepared = prepare(made, override_request(made))
    with (
        made.database.write(made.clock) as transaction,
        pytest.raises(OverrideRejected, match="changed while this was"),
    ):
        record_override(transaction, made.fresh(BOTH), prepared)


def test_a_version_that_the_service_cannot_ask_is_not_signed(made: World) -> None:
    text = SHIPPED.replace(b"version: 1.0.0", b"version: 1.1.0")
    assert made.submit(made.create(text)).state is ChangeState.SUBMITTED
    for before, after, why in (
        (b"provisional_days", b"provisional_time", "must decide `provisional_days`, a whole number from 1 to 30"),
        (b"unsigned_before", b"unsigned_ever", "demands unsigned_ever, which the service does not know"),
        (b"max: 366, title: {zh: \xe6\x9c\x80", b"max: 400, title: {zh: \xe6\x9c\x80", "from 1 to 366"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            made.submit(made.create(text.replace(before, after), start=made.now + 2 * DAY))
        assert why in "\n".join(refused.value.messages)


OTHERWISE = b"""
policy: governance/overrides
version: 1.1.0
title: {zh: a, en: a}
subject: override
facts:
  days: {type: integer, min: 1, max: 366}
outcome:
  verdict: {type: choice, of: [allowed, refused]}
  max_days: {type: integer, min: 1, max: 366}
  provisional_days: {type: integer, min: 1, max: 30}
rules:
  hit: FIRST
  rows:
    - {id: brief, when: days <= 7, then: [allowed, 7, 3], because: {zh: a, en: a}}
    - {id: other, when: "true", then: [refused, 1, 1], because: {zh: a, en: a}}
"""
"""Another `governance/overrides` of a company's own."""


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b"verdict:", b"answer:", "must decide `verdict`, one of allowed, provisional, needs_signers"),
        (b"of: [allowed, refused]", b"of: [allowed, refused, perhaps]", "must decide `verdict`, one of allowed"),
        (b"hit: FIRST", b"hit: COLLECT", "must decide one outcome, not a list of them"),
    ],
)
def test_a_version_that_decides_something_else_is_not_signed(
    made: World, before: bytes, after: bytes, why: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        made.submit(made.create(OTHERWISE.replace(before, after)))
    assert why in "\n".join(refused.value.messages)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            b"max: 366}\noutcome",
            b"max: 20}\noutcome",
            "governance/overrides 1.1.0 does not decide overrides where days is `30`: it expects",
        ),
        (b'when: "true"', b"when: days > 300", "governance/overrides 1.1.0 does not decide this override."),
    ],
)
def test_what_governance_does_not_decide_is_not_recorded(made: World, before: bytes, after: bytes, why: str) -> None:
    made.import_(OTHERWISE.replace(before, after), at=made.now)
    assert refusal(made, override_request(made)).startswith(why)
    assert record(made, override_request(made, days=7)).verdict == "allowed"


def test_nobody_records_while_nobody_can_say_who_signs() -> None:
    with world() as made:
        it = override_request(made)
        prepared = prepare(made, it)
        assert prepared.sign_off is not None
        made.import_(sign_off_text("1.1.0"), at=made.now)
        with made.database.write(made.clock) as transaction, pytest.raises(OverrideRejected, match="changed while"):
            record_override(transaction, made.fresh(SALES), prepared)


def test_nobody_is_excepted_from_a_policy_that_is_suspended(both: World) -> None:
    both.suspend(version="1.0.0")
    assert refusal(both, override_request(both)) == f"{TIER} is suspended, so there is nothing to override."

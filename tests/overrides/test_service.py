"""How far one person's override reaches, who else must sign it, and from when until when it applies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import col, select

from policy_service import Decider, load_bytes
from policy_service.actor import Actor, Role
from policy_service.approval.service import Signers, State, Unfit
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.overrides import (
    Book,
    Forbidden,
    OverrideRefused,
    end_override,
    of_subject,
    read_override,
    read_overrides,
)
from policy_service.decisions.overriding import Overriding, signing_roles
from policy_service.decisions.replay import replay
from policy_service.decisions.state_tables import OverrideRow
from policy_service.decisions.subjects import Secrets
from policy_service.overrides.counting import read_as_it_counts
from policy_service.overrides.service import AskedOverride, PreparedOverride, prepare_override, record_override
from policy_service.overrides.service import sign_override as sign_it
from policy_service.shipped import shipped_policies
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
from tests.databases import BACKENDS
from tests.decisions.setting import decide_and_record

REACH = "governance/overrides"
SHIPPED = (shipped_policies() / REACH / "1.0.0.yaml").read_bytes()
REWARD = "rewards/customer"
PAYS = f"""
policy: {REWARD}
version: 1.0.0
title: {{zh: 奖励, en: reward}}
subject: customer
facts:
  orders: {{type: integer, min: 0}}
outcome:
  reward: {{type: money, currency: CNY, min: -100000, max: 100000}}
rules:
  hit: FIRST
  rows:
    - {{id: some, when: orders > 10, then: {{reward: 100}}, because: {{zh: a, en: a}}}}
    - {{id: none, when: "true", then: {{reward: 0}}, because: {{zh: a, en: a}}}}
""".encode()
SIGNERS = Signers()
SMALL = {"size": "small"}
MOMENT = timedelta(microseconds=1)


@pytest.fixture(params=BACKENDS)
def both(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(request.param) as made:
        made.import_(PAYS, SHIPPED, at=made.now)
        yield made


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        one.import_(PAYS, SHIPPED, at=one.now)
        yield one


def asked(
    made: World,
    subject: str = "C1",
    policy: str = TIER,
    outcome: object = None,
    role: Role = Role.SALES_DIRECTOR,
    days: float = 30,
) -> AskedOverride:
    wanted = {TIER: SMALL, REWARD: {"reward": "500.00"}}[policy] if outcome is None else outcome
    return AskedOverride(Subject(subject), policy, wanted, role, "a partner of ten years", made.now + days * DAY)


def prepare(made: World, it: AskedOverride, by: Actor = SALES) -> PreparedOverride:
    with made.database.read() as session:
        return prepare_override(session, SIGNERS, made.fresh(by), it, made.now)


def record(made: World, it: AskedOverride, by: Actor = SALES) -> Overriding:
    prepared = prepare(made, it, by)
    with made.database.write(made.clock) as transaction:
        return record_override(transaction, made.fresh(by), prepared)


def sign(
    made: World,
    it: Overriding,
    by: Actor = COMPLIANCE,
    role: Role | None = None,
    *,
    digest: str = "",
    fresh: bool = True,
) -> Overriding:
    actor = made.fresh(by) if fresh else by
    with made.database.write(made.clock) as transaction:
        return sign_it(
            transaction,
            actor,
            it.id,
            role=role or next(iter(by.roles)),
            digest=digest or it.digest,
            reason="as agreed with the customer",
        )


def refusal(made: World, it: AskedOverride, by: Actor = SALES) -> str:
    with pytest.raises(OverrideRefused) as refused:
        prepare(made, it, by)
    return "\n".join(refused.value.problems)


def book(made: World) -> Book:
    found = Book()
    with made.database.read() as session:
        found.refresh(session)
    return found


def events(made: World) -> list[str]:
    with made.database.read() as session:
        names = session.exec(select(AuditEntry.event).order_by(col(AuditEntry.seq)))
        return [name for name in names if name.startswith("override")]


# ------------------------------------------------------------------------------------------------ by one alone


def test_one_director_pays_nobody_80000_yuan_for_a_year(made: World) -> None:
    told = refusal(made, asked(made, "FRIEND", REWARD, {"reward": "80000.00"}, days=360))
    assert "governance/overrides 1.0.0 refuses this exception by its rule `money-large`: 超过 50,000 元" in told
    assert "An amount above 50,000 CNY is no exception; the policy has to be changed (R-GOV-2)" in told


def test_an_amount_counts_without_its_sign_and_in_all(made: World) -> None:
    assert "money-large" in refusal(made, asked(made, "C1", REWARD, {"reward": "-50000.01"}))
    facts = prepare(made, asked(made, "C1", REWARD, {"reward": "-20.50"})).facts
    assert (facts["outcome_kind"], Decimal(facts["amount"])) == ("money", Decimal("20.50"))


def test_money_applies_only_once_everybody_who_signs_a_change_of_the_policy_has_signed(both: World) -> None:
    it = record(both, asked(both, "C1", REWARD, {"reward": "20000.00"}, days=60))
    assert (it.verdict, it.owed) == ("needs_signers", ("finance_director", "general_manager", "compliance"))
    assert (it.state(both.now), it.covers(both.now), it.starts_at) == ("waiting", False, None)
    assert book(both).active_overrides(Subject("C1"), both.now) == {}
    for by in (FINANCE, GENERAL):
        both.move(hours=1)
        it = sign(both, it, by)
        assert not it.covers(both.now)
    both.move(hours=1)
    it = sign(both, it, COMPLIANCE)
    assert (it.starts_at, it.owed, it.state(both.now)) == (both.now, (), "runs")
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
    it = record(made, asked(made, "C1", REWARD, {"reward": "20000.00"}, days=60))
    made.move(days=7)
    assert it.state(made.now) == "lapsed"
    with pytest.raises(OverrideRefused, match="lapsed without the signatures it needed"):
        sign(made, it, FINANCE)
    assert record(made, asked(made, "C1", REWARD, {"reward": "20000.00"})).id != it.id


def test_a_tier_applies_at_once_and_lapses_to_the_microsecond_unless_the_others_sign(both: World) -> None:
    it = record(both, asked(both))
    assert (it.verdict, it.owed) == ("provisional", ("compliance",))
    assert it.lapses_at == both.now + 3 * DAY
    kept = book(both)
    assert kept.active_overrides(Subject("C1"), it.lapses_at - MOMENT) == {TIER: it}
    assert kept.active_overrides(Subject("C1"), it.lapses_at) == {}
    assert [it.state(at) for at in (both.now, it.lapses_at - MOMENT, it.lapses_at)] == ["provisional"] * 2 + ["lapsed"]
    both.move(days=1)
    signed = sign(both, it)
    with both.database.read() as session:
        kept.refresh(session)
    assert kept.active_overrides(Subject("C1"), it.until - MOMENT) == {TIER: signed}
    assert [signed.state(at) for at in (both.now, it.until)] == ["runs", "over"]


def test_for_three_days_one_signature_is_enough_but_not_again(made: World) -> None:
    it = record(made, asked(made, days=3))
    assert (it.verdict, it.lapses_at, it.owed, it.state(made.now)) == ("allowed", None, (), "runs")
    with pytest.raises(OverrideRefused, match="needs no further signature"):
        sign(made, it)
    made.move(days=3)
    assert record(made, asked(made, days=3)).verdict == "needs_signers"
    assert record(made, asked(made, "C2", days=3)).verdict == "allowed"


def test_one_that_lapsed_is_not_recorded_again_by_one_alone(made: World) -> None:
    record(made, asked(made))
    made.move(days=4)
    assert record(made, asked(made)).verdict == "needs_signers"


def test_it_lasts_no_longer_than_governance_says(made: World) -> None:
    told = refusal(made, asked(made, "C1", REWARD, days=91))
    assert told == "governance/overrides 1.0.0 lets this exception last 90 days at most; it would last 91."


def test_who_has_too_many_records_no_more(made: World) -> None:
    for number in range(4):
        made.import_(tier("1.0.0").replace(TIER.encode(), f"tiering/t{number}".encode()), at=made.now)
    for number in range(4):
        it = replace(asked(made), policy=f"tiering/t{number}")
        record(made, it)
    record(made, asked(made))
    assert prepare(made, asked(made, "C2")).facts["running_of_person"] == 5
    made.import_(tier("1.0.0").replace(TIER.encode(), b"tiering/more"), at=made.now)
    assert "by its rule `too-many`" in refusal(made, replace(asked(made), policy="tiering/more"))


# ---------------------------------------------------------------------------------------------- who signs


@pytest.mark.parametrize(
    ("by", "role", "fresh", "why"),
    [
        (SALES, Role.COMPLIANCE, True, "You recorded this exception, so someone else must sign it"),
        (GENERAL, Role.GENERAL_MANAGER, True, "The signature of general_manager is not asked for"),
        (GENERAL, Role.COMPLIANCE, True, "You do not hold the role compliance"),
        (COMPLIANCE, Role.COMPLIANCE, False, "Confirm who you are first"),
        (MACHINE, Role.COMPLIANCE, True, "Only a person may do this"),
    ],
)
def test_who_does_not_sign(made: World, by: Actor, role: Role, *, fresh: bool, why: str) -> None:
    it = record(made, asked(made))
    with pytest.raises(Forbidden, match=why):
        sign(made, it, by, role, fresh=fresh)


def test_nobody_signs_in_two_roles(made: World) -> None:
    finance_and_compliance = person("two", Role.FINANCE_DIRECTOR, Role.COMPLIANCE)
    it = record(made, asked(made, "C1", REWARD, {"reward": "20000.00"}))
    sign(made, it, finance_and_compliance, Role.COMPLIANCE)
    with pytest.raises(Forbidden, match="every signature must be another person's"):
        sign(made, it, finance_and_compliance, Role.FINANCE_DIRECTOR)


def test_a_signature_is_on_what_was_shown(made: World) -> None:
    it = record(made, asked(made))
    with pytest.raises(OverrideRefused, match="What you were shown is not this exception"):
        sign(made, it, digest=f"sha256:{'0' * 64}")


def test_the_reader_is_told_in_which_roles_they_may_sign(made: World) -> None:
    it = record(made, asked(made))
    assert signing_roles(it, COMPLIANCE, made.now) == (Role.COMPLIANCE,)
    assert signing_roles(it, BOTH, made.now) == (Role.COMPLIANCE,)
    assert signing_roles(it, SALES, made.now) == ()
    assert signing_roles(it, COMPLIANCE, made.now + 3 * DAY) == ()


def test_one_that_waits_is_ended_by_those_who_may(made: World) -> None:
    it = record(made, asked(made, "C1", REWARD, {"reward": "20000.00"}))
    with made.database.write(made.clock) as transaction:
        ended = end_override(transaction, made.fresh(COMPLIANCE), it.id, role=Role.COMPLIANCE, reason="no")
    assert ended.state(made.now) == "ended"
    with pytest.raises(OverrideRefused, match="has already ended"):
        sign(made, it, FINANCE)


# ------------------------------------------------------------------------------------- what governance says


def test_without_a_policy_of_its_own_every_override_needs_the_others_first() -> None:
    with world() as made:
        it = record(made, asked(made))
        assert (it.verdict, it.owed, it.lapses_at) == ("needs_signers", ("compliance",), made.now + 3 * DAY)
        assert it.decided_by is not None
        assert (it.decided_by["overrides"], it.decided_by["sign_off"]["policy"]) == (None, SIGN_OFF)


def test_what_was_decided_by_which_rule_of_which_facts_is_on_record(made: World) -> None:
    it = record(made, asked(made))
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
    prepared = prepare(made, asked(made))
    record(made, asked(made, "C2"))
    with made.database.write(made.clock) as transaction, pytest.raises(OverrideRefused, match="changed while this was"):
        record_override(transaction, made.fresh(SALES), prepared)
    prepared = prepare(made, asked(made))
    with made.database.write(made.clock) as transaction, pytest.raises(OverrideRefused, match="changed while this was"):
        record_override(transaction, made.fresh(BOTH), prepared)


def test_a_version_that_the_service_cannot_ask_is_not_signed(made: World) -> None:
    text = SHIPPED.replace(b"version: 1.0.0", b"version: 1.1.0")
    assert made.submit(made.create(text)).state is State.SUBMITTED
    for before, after, why in (
        (b"provisional_days", b"provisional_time", "must decide `provisional_days`, a whole number from 1 to 30"),
        (b"unsigned_before", b"unsigned_ever", "demands unsigned_ever, which the service does not know"),
        (b"max: 366, title: {zh: \xe6\x9c\x80", b"max: 400, title: {zh: \xe6\x9c\x80", "from 1 to 366"),
    ):
        with pytest.raises(Unfit) as refused:
            made.submit(made.create(text.replace(before, after), start=made.now + 2 * DAY))
        assert why in "\n".join(refused.value.sentences)


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
    with pytest.raises(Unfit) as refused:
        made.submit(made.create(OTHERWISE.replace(before, after)))
    assert why in "\n".join(refused.value.sentences)


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
    assert refusal(made, asked(made)).startswith(why)
    assert record(made, asked(made, days=7)).verdict == "allowed"


def test_nobody_records_while_nobody_can_say_who_signs() -> None:
    with world() as made:
        it = asked(made)
        prepared = prepare(made, it)
        assert prepared.sign_off is not None
        made.import_(sign_off_text("1.1.0"), at=made.now)
        with made.database.write(made.clock) as transaction, pytest.raises(OverrideRefused, match="changed while"):
            record_override(transaction, made.fresh(SALES), prepared)


# -------------------------------------------------------------------------------------- records and lists


def test_a_decision_made_while_it_was_provisional_is_replayed_as_it_was(made: World) -> None:
    it = record(made, asked(made))
    assert it.lapses_at is not None
    with Decider([load_bytes(tier("1.0.0"))], engine="definition") as decider:
        first = decide_and_record(made.database, made.clock, decider, "C1", {"orders": 500}, overrides={TIER: it})
        made.move(days=1)
        signed = sign(made, it)
        made.move(hours=1)
        second = decide_and_record(made.database, made.clock, decider, "C1", {"orders": 500}, overrides={TIER: signed})
    with made.database.read() as session:
        verdicts = [replay(session, Secrets({}), name).verdict for name in (first, second)]  # type: ignore[arg-type]
    assert verdicts == ["same", "same"]


def test_lists_tell_what_waits_applies_and_is_over(both: World) -> None:
    provisional = record(both, asked(both, "P"))
    waiting = record(both, asked(both, "W", REWARD, {"reward": "20000.00"}))
    alone = record(both, asked(both, "A", days=2))
    signed = sign(both, record(both, asked(both, "S")))

    def listed(**which: object) -> list[str]:
        with both.database.read() as session:
            return [each.subject.id for _, each in read_overrides(session, **which)]  # type: ignore[arg-type]

    now = both.now
    assert listed(waiting_at=now) == ["P", "W"]
    assert listed(active_at=now) == ["P", "A", "S"]
    assert listed(over_at=now) == []
    both.move(days=3)
    assert listed(waiting_at=both.now) == ["W"]
    assert listed(active_at=both.now) == ["S"]
    assert listed(over_at=both.now) == ["P", "A"]
    both.move(days=4)
    assert listed(over_at=both.now) == ["P", "W", "A"]
    assert {each.id for each in (provisional, waiting, alone, signed)} == {
        each.id for each in (read_all(both, name) for name in "PWAS")
    }


def read_all(made: World, subject: str) -> Overriding:
    with made.database.read() as session:
        [found] = of_subject(session, Subject(subject))
        return read_override(session, found.id)


def test_what_was_recorded_before_governance_decided_lasts_to_its_end(both: World) -> None:
    with both.database.write(both.clock) as transaction:
        transaction.session.add(
            OverrideRow(
                seq=1,
                id="before",
                subject="C1",
                kind="customer",
                policy=TIER,
                version="1.0.0",
                outcome=b'{"size":"small"}',
                role="sales_director",
                actor="id-sales",
                printed_name="Sales",
                reason="a friend",
                recorded_at=transaction.now,
                until=transaction.now + 200 * DAY,
            )
        )
    [active] = book(both).active_overrides(Subject("C1"), both.now + 199 * DAY).values()
    assert (active.verdict, active.owed, active.state(both.now + 199 * DAY)) == (None, (), "runs")
    with pytest.raises(OverrideRefused, match="needs no further signature"):
        sign(both, active)


# ------------------------------------------------------------------------------ signatures that count no more

SECOND = person("second", Role.FINANCE_DIRECTOR)


def shown(made: World, it: Overriding) -> Overriding:
    with made.database.read() as session:
        return read_as_it_counts(session, it.id, made.now)


@pytest.fixture
def left(both: World) -> tuple[World, Overriding]:
    """An exception that the finance director signed, who has left since."""
    for actor in (SALES, FINANCE, SECOND, GENERAL, COMPLIANCE):
        both.hire(actor)
    it = record(both, asked(both, "C1", REWARD, {"reward": "20000.00"}))
    sign(both, it, FINANCE)
    both.dismiss(FINANCE)
    return both, it


def test_a_signature_counts_while_its_signer_has_the_account_and_the_role(left: tuple[World, Overriding]) -> None:
    made, it = left
    found = shown(made, it)
    assert found.void == {FINANCE.id: "Finance has no enabled account any more."}
    assert found.owed == ("finance_director", "general_manager", "compliance")
    made.engage(FINANCE)
    assert (shown(made, it).void, shown(made, it).owed) == ({}, ("general_manager", "compliance"))
    made.employ(FINANCE, Role.AUTHOR)
    assert shown(made, it).void == {FINANCE.id: "Finance no longer holds the role of the finance director."}
    made.employ(FINANCE, Role.FINANCE_DIRECTOR)
    made.unvouch(FINANCE)
    assert list(shown(made, it).void) == [FINANCE.id]


def test_another_person_signs_in_the_role_before_all_others(left: tuple[World, Overriding]) -> None:
    made, it = left
    assert signing_roles(shown(made, it), GENERAL, made.now) == ()
    with pytest.raises(Forbidden, match=r"Finance has no enabled account any more\. First another person must sign"):
        sign(made, it, GENERAL)
    found = sign(made, it, SECOND)
    assert found.owed == ("general_manager", "compliance")
    assert [(each.printed_name, each.role) for each in found.signatures] == [
        ("Finance", "finance_director"),
        ("Second", "finance_director"),
    ]
    sign(made, it, GENERAL)
    found = sign(made, it, COMPLIANCE)
    assert (found.owed, found.state(made.now)) == ((), "runs")
    assert book(made).active_overrides(Subject("C1"), made.now) == {REWARD: found}
    made.dismiss(SECOND)
    assert (shown(made, it).void, shown(made, it).state(made.now)) == ({}, "runs")


def test_one_who_signed_instead_may_leave_as_well(left: tuple[World, Overriding]) -> None:
    made, it = left
    third = person("third", Role.FINANCE_DIRECTOR)
    sign(made, it, SECOND)
    made.dismiss(SECOND)
    assert shown(made, it).owed[0] == "finance_director"
    made.hire(third)
    assert sign(made, it, third).owed == ("general_manager", "compliance")
    made.engage(FINANCE)
    assert sorted(shown(made, it).void) == [SECOND.id]
    assert shown(made, it).owed == ("general_manager", "compliance")


def test_when_who_recorded_it_has_left_it_is_recorded_anew(left: tuple[World, Overriding]) -> None:
    made, it = left
    made.dismiss(SALES)
    assert set(shown(made, it).void) == {FINANCE.id, SALES.id}
    with pytest.raises(
        OverrideRefused, match=r"Sales has no enabled account any more\. End this exception, and record"
    ):
        sign(made, it, SECOND)


def test_what_applies_for_a_time_goes_on_when_a_signer_leaves_and_lapses(made: World) -> None:
    made.hire(SALES)
    it = record(made, asked(made))
    made.dismiss(SALES)
    assert it.lapses_at is not None
    assert shown(made, it).void
    assert list(book(made).active_overrides(Subject("C1"), it.lapses_at - MOMENT)) == [TIER]
    assert book(made).active_overrides(Subject("C1"), it.lapses_at) == {}
    made.move(days=3)
    assert (shown(made, it).void, shown(made, it).state(made.now)) == ({}, "lapsed")

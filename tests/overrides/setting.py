"""Overrides in a world with a policy that pays, and what people do to them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from policy_service.actor import Actor, Role
from policy_service.approval.service import GovernanceEvaluator
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import (
    OverrideCache,
    OverrideRejected,
)
from policy_service.overrides.service import OverrideRequest, PreparedOverride, prepare_override, record_override
from policy_service.overrides.service import sign_override as sign_it
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject
from tests.approval.world import (
    COMPLIANCE,
    DAY,
    SALES,
    TIER,
    World,
)

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
SIGNERS = GovernanceEvaluator()
SMALL = {"size": "small"}
MOMENT = timedelta(microseconds=1)


def override_request(
    made: World,
    subject: str = "C1",
    policy: str = TIER,
    outcome: object = None,
    role: Role = Role.SALES_DIRECTOR,
    days: float = 30,
) -> OverrideRequest:
    expected = {TIER: SMALL, REWARD: {"reward": "500.00"}}[policy] if outcome is None else outcome
    return OverrideRequest(Subject(subject), policy, expected, role, "a partner of ten years", made.now + days * DAY)


def prepare(made: World, it: OverrideRequest, by: Actor = SALES) -> PreparedOverride:
    with made.database.read() as session:
        return prepare_override(session, SIGNERS, made.fresh(by), it, made.now)


def record(made: World, it: OverrideRequest, by: Actor = SALES) -> Override:
    prepared = prepare(made, it, by)
    with made.database.write(made.clock) as transaction:
        return record_override(transaction, made.fresh(by), prepared)


def sign(
    made: World,
    it: Override,
    by: Actor = COMPLIANCE,
    role: Role | None = None,
    *,
    digest: str = "",
    fresh: bool = True,
) -> Override:
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


def refusal(made: World, it: OverrideRequest, by: Actor = SALES) -> str:
    with pytest.raises(OverrideRejected) as refused:
        prepare(made, it, by)
    return "\n".join(refused.value.problems)


def book(made: World) -> OverrideCache:
    result = OverrideCache()
    with made.database.read() as session:
        result.refresh(session)
    return result


def events(made: World) -> list[str]:
    with made.database.read() as session:
        names = session.exec(select(AuditEntry.event).order_by(col(AuditEntry.seq)))
        return [name for name in names if name.startswith("override")]

"""Recent actions by the service itself: overrides for a few hundred customers, and two suspensions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from benchmarks.company.people import People
from benchmarks.company.texts import LEVELS, policy_name
from policy_service.actor import Actor, Role
from policy_service.approval.service import GovernanceEvaluator, ratify, suspend
from policy_service.approval.suspension_queries import read_suspensions
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.override_store import end_override
from policy_service.identity.account import Account
from policy_service.identity.service import accounts
from policy_service.overrides.service import OverrideRequest, prepare_override, record_override, sign_override
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.subject import Subject

OVERRIDES = 500
RUNNING = 13
"""Of how many overrides one lasts; the others ended early, as `governance/overrides` lets a person have 50."""
SUSPENDED = (8, 9)
"""The numbers of the policies of which a version is suspended."""
SUSPENDING = (Role.SALES_DIRECTOR, Role.COMPLIANCE)
"""Who suspends, and who ratifies the first."""


def record_recent_actions(database: Database, clock: Clock, people: People) -> None:
    """Record the overrides and the suspensions."""
    director, compliance = people.signers[Role.SALES_DIRECTOR][0], people.signers[Role.COMPLIANCE][0]
    with GovernanceEvaluator() as signers:
        for number in range(OVERRIDES):
            _record_override(database, clock, signers, director, compliance, number)
    suspend_policies(database, clock)


def suspend_policies(database: Database, clock: Clock) -> None:
    """Record the suspensions, unless the database has them."""
    with database.read() as session:
        if read_suspensions(session):
            return
        known = {each.name: each for each in accounts(session).values()}
    director, compliance = (_actor(known[f"{role}-0".replace("_", "-")], role) for role in SUSPENDING)
    for number in SUSPENDED:
        _suspend(database, clock, director, compliance, policy_name(number))


def _actor(account: Account, role: Role) -> Actor:
    return Actor(account.id, account.name, account.printed_name, frozenset({role}))


def _record_override(  # noqa: PLR0913, PLR0917  # where, and who signs
    database: Database, clock: Clock, signers: GovernanceEvaluator, director: Actor, compliance: Actor, number: int
) -> None:
    role = Role.SALES_DIRECTOR
    with database.write(clock) as transaction:
        actor = replace(director, confirmed_at=transaction.now)
        request = OverrideRequest(
            Subject(f"C{number:06}"),
            policy_name(number % 4),
            {"level": LEVELS[number % 4]},
            role,
            "示例：合同约定的等级 / as agreed in the contract",
            transaction.now + timedelta(days=90),
        )
        preparation = prepare_override(transaction.session, signers, actor, request, transaction.now)
        override = record_override(transaction, actor, preparation)
    with database.write(clock) as transaction:
        second = replace(compliance, confirmed_at=transaction.now)
        reason = "与合同一致 / as the contract says"
        sign_override(transaction, second, override.id, role=Role.COMPLIANCE, digest=override.digest, reason=reason)
    if number % RUNNING != 0:
        with database.write(clock) as transaction:
            actor = replace(director, confirmed_at=transaction.now)
            end_override(transaction, actor, override.id, role=role, reason="合同已变更 / the contract was changed")


def _suspend(database: Database, clock: Clock, director: Actor, compliance: Actor, policy: str) -> None:
    with database.write(clock) as transaction:
        now = transaction.now
        active = active_at(activations(transaction.session, policy), policy, now, now)
        if active is None:
            raise LookupError(policy)
        actor, role = replace(director, confirmed_at=now), Role.SALES_DIRECTOR
        suspension = suspend(
            transaction, actor, policy=policy, version=active.version, role=role, reason="限额有误 / a wrong limit"
        )
    if policy == policy_name(SUSPENDED[0]):
        with database.write(clock) as transaction:
            actor, role = replace(compliance, confirmed_at=transaction.now), Role.COMPLIANCE
            ratify(transaction, actor, suspension.id, role=role, reason="情况属实 / rightly so")

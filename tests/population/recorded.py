"""Decision records of many subjects in the small company of the approval's tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_service.actor import Actor, Role
from policy_service.clock import Clock
from policy_service.database import Database, LaneName
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import GroupWriter, PendingDecision
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.population.recorded_effect import RecordedEffects
from policy_service.subject import Subject
from tests.approval.world import TIER, World

MACHINE = Actor("0197a000-0000-7000-8000-000000000009", "shop", "shop", frozenset({Role.INTEGRATION}), "machine")
UTC = ZoneInfo("UTC")


def record(
    database: Database, clock: Clock, keys: Path, orders: Mapping[str, int], policies: tuple[str, ...] = (TIER,)
) -> None:
    """Decide the size of customers, by their orders, or what else policies say of them."""
    record_facts(database, clock, keys, {name: {"orders": count} for name, count in orders.items()}, policies)


def record_facts(
    database: Database,
    clock: Clock,
    keys: Path,
    facts: Mapping[str, Mapping[str, object]],
    policies: tuple[str, ...],
) -> None:
    """Decide what policies say of customers, by their facts."""
    in_force = InForce(database, clock, engine="python")
    try:
        in_force.refresh()
        day = clock.now().date()
        questions = [Question(Subject(name), dict(given), day, policies) for name, given in facts.items()]
        pending = [PendingDecision(in_force.evaluate(each), MACHINE) for each in questions]
        with database.write(clock, LaneName.DECISIONS) as transaction:
            GroupWriter(in_force, FactCipher(open_or_create(keys))).write(transaction, pending)
    finally:
        in_force.close()


def effects(made: World, keys: Path) -> RecordedEffects:
    """What works out effects over the records."""
    return RecordedEffects(made.database, lambda: FactCipher(open_or_create(keys)), UTC)


NEARLY_BIG = {f"L{number}": 95 + number % 5 for number in range(6)}
CUSTOMERS = {**{f"C{number:03}": 20 for number in range(594)}, **NEARLY_BIG}
"""600 customers, of whom 6 have nearly as many orders as a big one."""

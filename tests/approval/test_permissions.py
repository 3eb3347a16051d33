"""What somebody may do, all of it at once, is what each act alone says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.service import Action, InvalidState
from policy_service.approval.suspension_queries import SuspensionFilter, SuspensionStatus, list_suspensions
from policy_service.database import Database
from tests.approval.world import ANN, BOTH, COMPLIANCE, GENERAL, PEOPLE, SALES, TIER, World, tier
from tests.databases import BACKENDS, fresh_database


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty database."""
    with fresh_database("sqlite") as made:
        yield made


@pytest.fixture
def world(database: Database) -> World:
    """A world in which a second version is in force."""
    made = World(database)
    made.import_(tier("1.0.0"))
    made.clock.move(hours=1)
    made.import_(tier("1.1.0", 200), at=made.now)
    made.clock.move(hours=1)
    return made


def suspended(world: World, by: str = "sales") -> approval.Suspension:
    """A suspension that begins now."""
    actor, role = {"sales": (SALES, Role.SALES_DIRECTOR), "general": (GENERAL, Role.GENERAL_MANAGER)}[by]
    with world.database.write(world.clock) as transaction:
        return approval.suspend(
            transaction, world.fresh(actor), policy=TIER, version="1.1.0", role=role, reason="it misjudges"
        )


@pytest.mark.parametrize("actor", PEOPLE, ids=lambda actor: actor.name)
def test_each_verdict_is_that_of_its_act(world: World, actor: Actor) -> None:
    with world.database.write(world.clock) as transaction:
        change = approval.create(
            transaction,
            ANN,
            title="a title",
            reason="a reason",
            effective=approval.make_period(world.now + timedelta(days=1), None),
            texts=[tier("1.2.0", 300)],
        )
    result = approval.change_permissions(change, actor, world.now)
    assert set(result) == set(Action) - {Action.CREATE}
    for action in set(result) - {Action.SIGN_OFF}:
        alone = approval.check_permission(change, action, actor, world.now)
        assert (result[action].allowed, result[action].denied_reason) == (
            alone is True,
            None if alone is True else alone,
        )
    assert result[Action.SIGN_OFF].denied_reason is not None


def test_whoever_would_confirm_may_sign_in_the_roles_they_hold(world: World) -> None:
    made = suspended(world)
    assert approval.ratify_permission(made, BOTH, world.now).roles == (Role.SALES_DIRECTOR, Role.COMPLIANCE)
    assert approval.ratify_permission(made, COMPLIANCE, world.now).roles == (Role.COMPLIANCE,)
    own = approval.ratify_permission(made, SALES, world.now)
    assert own.denied_reason == "You suspended it, so another person must ratify it."
    assert "a suspension is ratified by" in str(approval.ratify_permission(made, ANN, world.now).denied_reason).lower()
    assert approval.end_permission(made, SALES, world.now).allowed


def test_a_suspension_that_is_ratified_or_over_says_so(world: World) -> None:
    made = suspended(world)
    with world.database.write(world.clock) as transaction:
        ratified = approval.ratify(
            transaction, world.fresh(COMPLIANCE), made.id, role=Role.COMPLIANCE, reason="rightly so"
        )
    assert (
        approval.ratify_permission(ratified, GENERAL, world.now).denied_reason
        == "Compliance ratified the suspension already."
    )
    over = made.until + timedelta(days=40)
    assert approval.ratify_permission(ratified, GENERAL, over).denied_reason == "The suspension is over."
    assert approval.end_permission(ratified, GENERAL, over).denied_reason == "The suspension is over."


def test_what_a_suspension_would_do_is_told_before_it_is_signed(world: World) -> None:
    with world.database.read() as session:
        result = approval.preview_suspension(session, SALES, TIER, None, world.now)
        assert result.fallback is not None
        assert (result.suspended.version, result.fallback.version) == ("1.1.0", "1.0.0")
        assert approval.suspend_permission(result, SALES, world.now).roles == (Role.SALES_DIRECTOR,)
        assert not approval.suspend_permission(result, COMPLIANCE, world.now).allowed
        with pytest.raises(InvalidState, match=r"1\.1\.0 is in force, not 1\.0\.0"):
            approval.preview_suspension(session, SALES, TIER, "1.0.0", world.now)
        with pytest.raises(InvalidState, match="nothing to suspend"):
            approval.preview_suspension(session, SALES, "tiering/none", None, world.now)
    suspended(world)
    with world.database.read() as session:
        result = approval.preview_suspension(session, SALES, TIER, None, world.now)
        assert (result.suspended.version, result.fallback) == ("1.0.0", None)


def test_that_nothing_would_apply_is_told_before_it_is_signed(database: Database) -> None:
    world = World(database)
    world.import_(tier("1.0.0"))
    world.clock.move(hours=1)
    with world.database.read() as session:
        result = approval.preview_suspension(session, SALES, TIER, None, world.now)
    assert (result.suspended.version, result.fallback) == ("1.0.0", None)
    assert approval.suspend_permission(result, SALES, world.now).allowed


@pytest.mark.parametrize("backend", BACKENDS)
def test_suspensions_are_listed_by_how_they_stand_a_page_at_a_time(backend: str) -> None:
    with fresh_database(backend) as database:
        world = World(database)
        world.import_(tier("1.0.0"))
        world.clock.move(hours=1)
        world.import_(tier("1.1.0", 200), at=world.now)
        world.clock.move(hours=1)
        first = suspended(world)
        world.clock.move(hours=73)
        second = suspended(world, "general")
        with database.write(world.clock) as transaction:
            approval.end_suspension(
                transaction, world.fresh(COMPLIANCE), second.id, role=Role.COMPLIANCE, reason="mended"
            )
        world.clock.move(days=31)
        third = suspended(world)
        expected: dict[SuspensionStatus | None, list[str]] = {
            None: [third.id, second.id, first.id],
            "running": [third.id],
            "unratified": [third.id],
            "over": [second.id, first.id],
        }
        with database.read() as session:
            for standing, names in expected.items():
                page = list_suspensions(session, SuspensionFilter(None, standing), world.now)
                assert ([each.id for each in page.items], page.next_cursor) == (names, None)
            page = list_suspensions(session, SuspensionFilter(TIER), world.now, limit=2)
            assert [each.id for each in page.items] == [third.id, second.id]
            page = list_suspensions(session, SuspensionFilter(TIER), world.now, cursor=page.next_cursor, limit=2)
            assert ([each.id for each in page.items], page.next_cursor) == ([first.id], None)
            page = list_suspensions(session, SuspensionFilter(), world.now, sort="begun", limit=1)
            assert [each.id for each in page.items] == [first.id]
            page = list_suspensions(session, SuspensionFilter(), world.now, sort="begun", cursor=page.next_cursor)
            assert [each.id for each in page.items] == [second.id, third.id]
            assert list_suspensions(session, SuspensionFilter("rewards/bonus"), world.now).items == ()
        with database.write(world.clock) as transaction:
            approval.ratify(transaction, world.fresh(GENERAL), third.id, role=Role.GENERAL_MANAGER, reason="so it is")
        world.clock.move(days=5)
        with database.read() as session:
            running = list_suspensions(session, SuspensionFilter(None, "running"), world.now).items
            assert [each.id for each in running] == [third.id]
            assert list_suspensions(session, SuspensionFilter(None, "unratified"), world.now).items == ()

"""Two people at the same instant: one comes after the other, and neither is lost nor counted twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from policy_service.actor import Role
from policy_service.approval.service import Change, ChangeState, OperationRejected
from tests.approval.world import BOTH, COMPLIANCE, GENERAL, SALES, in_force, tier, world
from tests.databases import BACKENDS


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Does all of it at the same instant; what was refused is among the results."""
    start = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def do(index: int, act: Callable[[], object]) -> None:
        start.wait()
        try:
            results[index] = act()
        except OperationRejected as refused:
            results[index] = refused

    threads = [threading.Thread(target=do, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_people_sign_at_the_same_instant_and_both_count(backend: str) -> None:
    with world(backend) as made:
        change = made.submit(made.create(tier("1.1.0", 200)))
        result = at_once(lambda: made.sign(change, SALES), lambda: made.sign(change, COMPLIANCE))
        assert {each.state for each in result if isinstance(each, Change)} == {
            ChangeState.SUBMITTED,
            ChangeState.SIGNED_OFF,
        }
        assert len(made.read(change).signatures) == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_role_is_signed_by_one_of_two_people_and_the_other_is_told(backend: str) -> None:
    with world(backend) as made:
        change = made.submit(made.create(tier("1.1.0", 200)))
        result = at_once(lambda: made.sign(change, SALES), lambda: made.sign(change, BOTH, Role.SALES_DIRECTOR))
        assert sorted(isinstance(each, OperationRejected) for each in result) == [False, True]
        [refused] = [str(each) for each in result if isinstance(each, OperationRejected)]
        assert refused.endswith("signed for the sales director already.")
        assert made.read(change).missing_roles == (Role.COMPLIANCE,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_change_is_scheduled_once_and_a_policy_suspended_once(backend: str) -> None:
    with world(backend) as made:
        change = made.signed(tier("1.1.0", 200))
        result = at_once(*[lambda: made.schedule(change)] * 3)
        assert sum(isinstance(each, OperationRejected) for each in result) == 2
        made.cancel(made.read(change))
        in_force(made, "1.2.0")
        result = at_once(
            lambda: made.suspend(version="1.2.0"),
            lambda: made.suspend(GENERAL, Role.GENERAL_MANAGER, version="1.2.0"),
        )
        assert sum(isinstance(each, OperationRejected) for each in result) == 1
        assert made.version() == "1.0.0"

"""Overrides on record: what replays, lists and books tell of them at any instant."""

from __future__ import annotations

import pytest

from policy_service import Decider, load_bytes
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import (
    OverrideRejected,
    overrides_of_subject,
    read_override,
    read_overrides,
)
from policy_service.decisions.replay import replay
from policy_service.decisions.state_tables import OverrideRow
from policy_service.decisions.subjects import FactCipher
from policy_service.subject import Subject
from tests.approval.world import (
    DAY,
    TIER,
    World,
    tier,
)
from tests.decisions.setting import decide_and_record
from tests.overrides.setting import (
    REWARD,
    book,
    override_request,
    record,
    sign,
)


def test_a_decision_made_while_it_was_provisional_is_replayed_as_it_was(made: World) -> None:
    it = record(made, override_request(made))
    assert it.lapses_at is not None
    with Decider([load_bytes(tier("1.0.0"))], engine="definition") as decider:
        first = decide_and_record(made.database, made.clock, decider, "C1", {"orders": 500}, overrides={TIER: it})
        made.move(days=1)
        signed = sign(made, it)
        made.move(hours=1)
        second = decide_and_record(made.database, made.clock, decider, "C1", {"orders": 500}, overrides={TIER: signed})
    with made.database.read() as session:
        verdicts = [replay(session, FactCipher({}), name).verdict for name in (first, second)]  # type: ignore[arg-type]
    assert verdicts == ["same", "same"]


def test_lists_tell_what_waits_applies_and_is_over(both: World) -> None:
    provisional = record(both, override_request(both, "P"))
    waiting = record(both, override_request(both, "W", REWARD, {"reward": "20000.00"}))
    alone = record(both, override_request(both, "A", days=2))
    signed = sign(both, record(both, override_request(both, "S")))

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


def read_all(made: World, subject: str) -> Override:
    with made.database.read() as session:
        [result] = overrides_of_subject(session, Subject(subject))
        return read_override(session, result.id)


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
    assert (active.verdict, active.missing_roles, active.state(both.now + 199 * DAY)) == (None, (), "runs")
    with pytest.raises(OverrideRejected, match="needs no further signature"):
        sign(both, active)

"""Corrections: a new decision names the one on wrong facts, takes its place in lists, and neither is altered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from policy_service.decisions.corrections import CorrectionRejected, corrections_of
from policy_service.decisions.groups.queries import MemberFilter, list_members
from policy_service.decisions.groups.verification import group_faults
from policy_service.decisions.record_queries import read_decision
from policy_service.decisions.replay import replay
from policy_service.decisions.request import DecisionRequest
from tests.decisions.desks import Setting, setting
from tests.decisions.setting import MACHINE

DAY = date(2026, 11, 20)
NOBODY = "01a1f677-aa80-7000-8000-0000000000ff"


@pytest.fixture(scope="module")
def world() -> Iterator[Setting]:
    with setting("sqlite") as each:
        yield each


def decide(
    world: Setting, subject: str, amount: str, as_of: date = DAY, corrects: str | None = None, kind: str = "customer"
) -> str:
    request = DecisionRequest(subject, {"amount": amount}, ("tiering/one",), as_of, kind=kind, corrects=corrects)
    body: dict[str, str] = json.loads(world.decisions.decide_in_thread(request, MACHINE).body)
    return body["decision_id"]


def test_a_correction_names_what_it_corrects_and_takes_its_place(world: Setting) -> None:
    wrong = decide(world, "C1", "150.00")
    decide(world, "C1", "150.00", DAY - timedelta(days=1))
    first = decide(world, "C1", "90.00", corrects=wrong)
    second = decide(world, "C1", "80.00", corrects=wrong)
    third = decide(world, "C1", "70.00", corrects=second)
    with world.database.read() as session:
        records = {each: read_decision(session, each) for each in (wrong, first, second, third)}
        assert [each.corrects for each in records.values()] == [None, wrong, wrong, second]
        assert corrections_of(session, records[wrong]) == (first, second)
        assert corrections_of(session, records[second]) == (third,)
        assert corrections_of(session, records[third]) == ()
        [member] = list_members(session, MemberFilter("tiering/one")).items
        assert (member.group.name, member.decision.decision_id) == ("tier:B", third)
        assert list(group_faults(session)) == []
        assert {replay(session, world.secrets, each).verdict for each in records} == {"same"}


def test_one_that_names_what_it_cannot_correct_is_refused_and_not_recorded(world: Setting) -> None:
    wrong = decide(world, "C2", "150.00")
    count = len(world.records())
    for subject, as_of, corrects, sentence in (
        ("C2", DAY, NOBODY, f"There is no decision {NOBODY} to correct."),
        ("C3", DAY, wrong, f"The decision {wrong} is about another subject."),
        (
            "C2",
            DAY - timedelta(days=1),
            wrong,
            f"The decision {wrong} was made for 2026-11-20: correct it with `as_of` for the same day.",
        ),
    ):
        with pytest.raises(CorrectionRejected) as rejected:
            decide(world, subject, "90.00", as_of, wrong if corrects == wrong else corrects)
        assert str(rejected.value) == sentence
    assert len(world.records()) == count

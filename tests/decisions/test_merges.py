"""Merges: the log tells them, lists name the subject that remains, and what makes no sense is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from policy_service.actor import SERVICE, Actor, Role
from policy_service.decisions.groups.merged import parts_of, read_merges
from policy_service.decisions.groups.queries import MemberFilter, group_sizes, list_members
from policy_service.decisions.groups.service import rebuild
from policy_service.decisions.groups.verification import group_faults
from policy_service.decisions.merges import MergePermissionDenied, MergeRejected, merge_subjects
from policy_service.decisions.reevaluation import Reevaluation, Reevaluator, reevaluate
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.subjects import erase_subject
from policy_service.subject import InvalidSubject, Subject
from tests.decisions.desks import Setting, setting
from tests.decisions.setting import MACHINE, person
from tests.identity.people import event_names

POLICY = "tiering/one"


@pytest.fixture
def world() -> Iterator[Setting]:
    with setting("sqlite") as each:
        for subject, amount in (("C1", "150.00"), ("C2", "150.00"), ("C3", "90.00")):
            decide(each, subject, amount)
        yield each


def decide(world: Setting, subject: str, amount: str = "150.00", phone: str | None = None) -> None:
    facts = {"amount": amount} | ({} if phone is None else {"phone": phone})
    world.decisions.decide_in_thread(DecisionRequest(subject, facts), MACHINE)


def merge(world: Setting, subject: Subject, into: Subject, actor: Actor = SERVICE, reason: str = "one company") -> None:
    with world.database.write(world.clock) as transaction:
        merge_subjects(transaction, actor, subject, into, reason)


def members(world: Setting) -> list[str]:
    with world.database.read() as session:
        assert list(group_faults(session)) == []
        names = [each.subject.id for each in list_members(session, MemberFilter(POLICY)).items]
        assert sum(each.subjects for each in group_sizes(session, [POLICY])) == len(names)
    return names


def test_lists_name_the_subject_that_remains_and_nothing_is_lost(world: Setting) -> None:
    merge(world, Subject("C2"), Subject("C1"))
    assert members(world) == ["C1", "C3"]
    decide(world, "C2")  # a system that does not know yet
    assert members(world) == ["C1", "C3"]
    assert [each.subject.id for each in world.records()] == ["C1", "C2", "C3", "C2"]
    rebuild(world.database, world.clock)
    assert members(world) == ["C1", "C3"]
    with world.database.read() as session:
        merges = read_merges(session, ["C2"])
        assert merges == read_merges(session, ["C1"]) == read_merges(session) == {Subject("C2"): Subject("C1")}
        assert read_merges(session, ["C3"]) == {}
        assert (parts_of(Subject("C1"), merges), parts_of(Subject("C2"), merges)) == (("C2",), ())
    assert event_names(world.database)[-1] == "subjects_merged"


def test_one_that_was_merged_is_not_decided_again_with_everybody(world: Setting) -> None:
    merge(world, Subject("C2"), Subject("C1"))
    reevaluator = Reevaluator(world.decisions, world.database, world.clock, world.secrets)
    scope = Reevaluation(POLICY, world.records()[0].as_of + timedelta(days=1))
    assert reevaluate(reevaluator, SERVICE, scope, on_undecided=lambda _: None).decided == 2
    assert [each.subject.id for each in world.records()[3:]] == ["C1", "C3"]


def test_the_one_that_remains_may_be_merged_in_turn(world: Setting) -> None:
    merge(world, Subject("C2"), Subject("C1"))
    merge(world, Subject("C1"), Subject("C3"))
    assert members(world) == ["C3"]


def test_every_merge_that_makes_no_sense_is_refused_with_why(world: Setting) -> None:
    decide(world, "C4", phone="13800000000")
    with world.database.write(world.clock) as transaction:
        erase_subject(transaction, SERVICE, Subject("C4"), "asked for it")
    merge(world, Subject("C2"), Subject("C1"))
    for subject, into, sentence in (
        (Subject("C1"), Subject("C1"), "A subject is not merged with itself."),
        (Subject("C1"), Subject("C3", "complaint"), "Subjects of two kinds are not merged: customer and complaint."),
        (Subject("C2"), Subject("C3"), "C2 was merged into C1 already."),
        (Subject("C3"), Subject("C2"), "C2 was merged into C1 already."),
        (Subject("C3"), Subject("C9"), "Nothing was decided about C9."),
        (Subject("C3"), Subject("C4"), "C4 was erased, and nothing was decided about it since."),
        (Subject("C4"), Subject("C3"), "C4 was erased, and nothing was decided about it since."),
        (Subject("C8"), Subject("C9"), "Nothing was decided about C8. Nothing was decided about C9."),
    ):
        with pytest.raises(MergeRejected) as rejected:
            merge(world, subject, into)
        assert str(rejected.value) == sentence
    with pytest.raises(MergeRejected, match="Give a reason"):
        merge(world, Subject("C3"), Subject("C1"), reason=" ")
    with pytest.raises(InvalidSubject):
        merge(world, Subject("C3"), Subject(" C1"))
    assert members(world) == ["C1", "C3"]
    world.clock.move(seconds=1)
    decide(world, "C4")
    merge(world, Subject("C4"), Subject("C3"))


def test_compliance_merges_in_person_and_nobody_else(world: Setting) -> None:
    compliance = person("carla", Role.COMPLIANCE, confirmed_at=world.clock.at)
    for actor in (MACHINE, person("sam", Role.SALES_DIRECTOR, confirmed_at=world.clock.at)):
        with pytest.raises(MergePermissionDenied, match="Only compliance may merge subjects"):
            merge(world, Subject("C2"), Subject("C1"), actor)
    with pytest.raises(MergePermissionDenied, match="Confirm who you are first"):
        merge(world, Subject("C2"), Subject("C1"), replace(compliance, confirmed_at=None))
    merge(world, Subject("C2"), Subject("C1"), compliance)

"""Data checks find what is missing, old, or there twice, and tell no value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from policy_service import load_bytes
from policy_service.actor import SERVICE
from policy_service.decisions.data_check import (
    Check,
    DataCheck,
    DataCheckRejected,
    RecordFinding,
    check_data,
    parse_keys,
)
from policy_service.decisions.merges import merge_subjects
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.subjects import erase_subject
from policy_service.subject import Subject
from tests.decisions.desks import Setting, put, setting, tier
from tests.decisions.setting import MACHINE
from tests.decisions.test_reevaluation import VISITS

DAY = date(2026, 11, 20)
PHONE = "139-0000 0000"


@pytest.fixture
def world() -> Iterator[Setting]:
    with setting("sqlite", tier(), VISITS) as each:
        yield each


def decide(world: Setting, subject: str, *policies: str, days_ago: int = 0, **facts: object) -> None:
    names, as_of = policies or ("tiering/one",), DAY - timedelta(days=days_ago)
    world.decisions.decide_in_thread(DecisionRequest(subject, facts, policies=names, as_of=as_of), MACHINE)


def found(world: Setting, keys: str = "", kind: str = "customer") -> tuple[dict[str, int], list[RecordFinding]]:
    findings: list[RecordFinding] = []
    check = DataCheck(kind, DAY, 31, parse_keys(keys))
    counts = check_data(world.database, world.secrets, world.clock.now(), check, on_finding=findings.append)
    return counts, findings


def test_what_is_missing_or_old_is_found(world: Setting) -> None:
    decide(world, "C1", amount="1.00")
    decide(world, "C2")
    decide(world, "C3", days_ago=32, amount="1.00")
    decide(world, "C4", "followup/visits", amount="1.00")  # the tier is decided; the visit is nowhere
    counts, findings = found(world)
    assert findings == [
        RecordFinding("C2", "customer", Check.INCOMPLETE, ("amount",)),
        RecordFinding("C3", "customer", Check.OLD, ("amount",), DAY - timedelta(days=32)),
        RecordFinding("C4", "customer", Check.INCOMPLETE, ("visited",)),
    ]
    assert counts == {"subjects": 4, "incomplete": 2, "old": 1, "duplicate": 0}


def test_a_fact_that_the_version_in_force_needs_now_is_missing(world: Setting) -> None:
    decide(world, "C1", amount="1.00")
    text = tier("2.0.0").text.replace("  phone:", "  listed: {type: boolean}\n  phone:")
    text = text.replace("when: amount >= 100", "when: listed and amount >= 100")
    text = text.replace("when: amount < 100", 'when: "true"')
    put(world.database, world.clock, load_bytes(text.encode()))
    assert found(world)[1] == [RecordFinding("C1", "customer", Check.INCOMPLETE, ("listed",))]


def test_likely_duplicates_are_found_by_keys_and_by_identifiers(world: Setting) -> None:
    decide(world, "C-17", amount="1.00", phone=PHONE)
    decide(world, "c17", amount="2.00", phone="137 0000 0000")
    decide(world, "D1", amount="1.00", phone="139 0000-0000")
    decide(world, "D2", amount="10.00")
    assert found(world)[1] == [RecordFinding("c17", "customer", Check.DUPLICATE, ("identifier",), None, "C-17")]
    assert found(world, "phone")[1] == [
        RecordFinding("D1", "customer", Check.DUPLICATE, ("phone",), None, "C-17"),
        RecordFinding("c17", "customer", Check.DUPLICATE, ("identifier",), None, "C-17"),
    ]
    assert [each.subject for each in found(world, "phone, amount")[1]] == ["D1", "c17"]
    assert PHONE not in str(found(world, "phone"))
    with world.database.write(world.clock) as transaction:
        merge_subjects(transaction, SERVICE, Subject("c17"), Subject("C-17"), "one company")
        erase_subject(transaction, SERVICE, Subject("D1"), "asked for it")
    assert found(world, "phone") == ({"subjects": 3, "incomplete": 0, "old": 0, "duplicate": 0}, [])


def test_keys_are_read_and_what_no_policy_reads_is_refused(world: Setting) -> None:
    assert parse_keys(" name , city ,name; phone;; ") == (("name", "city"), ("phone",))
    assert parse_keys("") == ()
    for text in (",", "a;" * 11):
        with pytest.raises(DataCheckRejected, match="Write at most 10 keys"):
            parse_keys(text)
    with pytest.raises(DataCheckRejected, match="No policy in force about this kind reads these facts: fax, telex"):
        found(world, "telex; fax, phone")


def test_a_kind_that_nothing_is_known_about_is_refused(world: Setting) -> None:
    decide(world, "C1", amount="1.00")
    for kind in ("complaint", "custmer"):
        with pytest.raises(DataCheckRejected, match="No policy in force is about this kind"):
            found(world, kind=kind)

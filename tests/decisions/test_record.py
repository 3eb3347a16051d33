"""A record has all that the decision was made from, in canonical bytes."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from policy_service import Decider
from policy_service.actor import SERVICE
from policy_service.canonical import to_canonical_json
from policy_service.decisions.record import (
    FactsNeeded,
    VersionUsed,
    decode_fact,
    encode_fact,
    encode_facts_read,
    read_record,
    record_line,
)
from policy_service.subject import Subject
from tests.decisions.policies import TIER, VISITS

AT = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)


def line_of(facts: dict[str, object], requests: list[str]) -> bytes:
    with Decider([TIER, VISITS], engine="python") as decider:
        decision = decider.decide(facts, as_of=date(2026, 11, 21), policies=requests)
    reads = FactsNeeded.of([entry.policy for entry in decision.evaluated.values()])
    return record_line(
        decision,
        reads,
        decision_id="d1",
        seq=7,
        subject=Subject("C1"),
        decided_at=AT,
        by=SERVICE,
        facts=encode_facts_read(facts, reads),
        requested=requests,
        outcomes=decision.to_dict(),
    )


def test_a_record_reads_as_it_was_written() -> None:
    facts = {"amount": Decimal("2E+2"), "days": 10, "mean": "100.00", "last_contact_on": None}
    record = read_record(line_of(facts, ["followup/small"]))
    assert (record.decision_id, record.seq, record.subject) == ("d1", 7, Subject("C1"))
    assert (record.as_of, record.decided_at) == (date(2026, 11, 21), AT)
    assert record.by == {"id": "service", "name": "service", "kind": "service"}
    assert record.facts == {"amount": {"$number": "2E+2"}, "days": 10, "mean": "100.00"}
    assert record.requested == ("followup/small",)
    assert record.policies == {
        "tiering/small": VersionUsed("1.0.0", TIER.digest),
        "followup/small": VersionUsed("1.0.0", VISITS.digest),
    }
    assert record.outcomes["followup/small"]["status"] == "missing_facts"
    assert record.engine == {"tiering/small": "python", "followup/small": "python"}
    assert (record.benchmark_set, record.overrides, record.explain) == (None, (), False)


def test_a_policy_that_was_needed_and_could_not_decide_is_in_the_record_though_not_in_the_answer() -> None:
    record = read_record(line_of({"last_contact_on": "2026-01-01", "tier": "A"}, ["followup/small"]))
    assert list(record.outcomes) == ["followup/small"]
    assert set(record.policies) == {"tiering/small", "followup/small"}


def test_a_fact_that_no_policy_read_is_not_kept() -> None:
    facts = {"amount": 200, "days": 10, "mean": 100, "last_contact_on": "2026-01-01"}
    assert "last_contact_on" not in read_record(line_of(facts, ["tiering/small"])).facts


def test_a_line_is_canonical() -> None:
    import msgspec  # noqa: PLC0415

    line = line_of({"amount": Decimal("200.10"), "days": 10, "mean": 100}, ["tiering/small"])
    assert to_canonical_json(msgspec.json.decode(line)) == line


@for_all(
    some.one_of(
        some.none(),
        some.booleans(),
        some.text(),
        some.integers(-(2**53) + 1, 2**53 - 1),
        some.decimals(allow_nan=False, allow_infinity=False),
        some.lists(some.text()),
    )
)
def test_what_is_kept_is_what_was_given(value: object) -> None:
    again = decode_fact(encode_fact(value))
    assert again == value
    assert type(again) is type(value)
    assert str(again) == str(value)


def test_other_forms_of_a_fact_are_kept_as_json_has_them() -> None:
    assert encode_fact(2**60) == {"$number": str(2**60)}
    assert decode_fact(encode_fact(2**60)) == 2**60
    assert encode_fact(date(2026, 11, 21)) == "2026-11-21"
    assert encode_fact(frozenset({"b", "a"})) == ["a", "b"]
    assert encode_fact(("a",)) == ["a"]
    assert decode_fact({"$sealed": "…"}) == {"$sealed": "…"}
    with pytest.raises(TypeError, match="no fact is a dict"):
        encode_fact({})


def test_a_record_from_before_kinds_is_about_a_customer() -> None:
    line = line_of({"amount": 200, "days": 10, "mean": 100}, ["tiering/small"])
    assert b'"kind":"customer"' in line
    before = line.replace(b'"kind":"customer",', b"")
    assert read_record(before) == read_record(line)

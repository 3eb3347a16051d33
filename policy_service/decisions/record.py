"""A decision record: one line of canonical JSON with everything needed to replay the decision.

| member        | value                                                                                |
|---------------|--------------------------------------------------------------------------------------|
| decision_id   | the decision's identifier                                                            |
| seq           | its place among all records, from 1 without a gap                                    |
| subject       | whom or what it is about: its identifier                                             |
| kind          | of which kind the subject is; records from before kinds do not say: `customer`       |
| as_of         | the day it was made for                                                              |
| decided_at    | when its versions were in force; never before that of the record before              |
| by            | who asked: id, name and kind of the actor                                            |
| facts         | those that the policies evaluated read, as given; others of the request are not kept |
| asked         | the policies that were asked for                                                     |
| explain       | whether the answer said why each rule did not match                                  |
| policies      | version and digest of every policy evaluated, by id, also of those that others need  |
| outcomes      | the answer's `outcomes`                                                              |
| engine        | the evaluator that answered, by policy                                               |
| benchmark_set | the digest of a benchmark set that was given as a file, or null                       |
| overrides     | the overrides that were looked at                                                   |
| corrects      | the decision that was made on wrong facts; records that correct none do not say      |
| previous      | the subject's last outcomes that policies read, by policy and outcome; only if any   |

A fact is stored as JSON, with two exceptions. A number that JSON can write in several ways is `{"$number": "0.10"}`,
with the digits that were given. A sensitive fact is `{"$sealed": "…"}`. No fact is an object, so neither can be
mistaken for a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from policy_service.actor import Actor
from policy_service.canonical import MAX_INTEGER, to_canonical_json_unchecked
from policy_service.clock import timestamp
from policy_service.decisions.decision import Decision
from policy_service.decisions.masking import sensitive_facts
from policy_service.decisions.previous import PreviousByPolicy, PreviousOutcome
from policy_service.integrity import reading_row
from policy_service.language.policy import Policy
from policy_service.subject import CUSTOMER, Subject

Json = dict[str, Any]
NUMBER = "$number"
ARCHIVED = "archived"
"""The member with the archive's number, present only in the remainder of an archived record."""
MOVED: Mapping[str, Any] = {
    "facts": {},
    "asked": [],
    "explain": False,
    "engine": {},
    "benchmark_set": None,
    "overrides": [],
    "previous": {},
}
"""The members that only the archive holds, with the values read for them from a remainder."""


class VersionUsed(NamedTuple):
    """The version of a policy that decided."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A parsed decision record; see the table above."""

    decision_id: str
    seq: int
    subject: Subject
    as_of: date
    decided_at: datetime
    by: Mapping[str, str]
    facts: Mapping[str, Any]
    """The stored facts: `decode_fact` returns the value that the caller gave."""
    requested: tuple[str, ...]
    explain: bool
    policies: Mapping[str, VersionUsed]
    outcomes: Mapping[str, Any]
    engine: Mapping[str, str]
    benchmark_set: str | None
    overrides: tuple[str, ...]
    corrects: str | None = None
    previous: PreviousByPolicy = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FactsNeeded:
    """The facts that a set of policies needs, and their versions; shared by many decisions."""

    facts: frozenset[str]
    sensitive: frozenset[str]
    policies: Json

    @staticmethod
    def of(policies: Collection[Policy]) -> FactsNeeded:
        """Return the facts that these policies read."""
        return FactsNeeded(
            frozenset(name for policy in policies for name in policy.facts),
            sensitive_facts(policies),
            {policy.id: {"version": policy.version, "digest": policy.digest} for policy in policies},
        )


def record_line(  # noqa: PLR0913  # the members of a record that the decision does not know itself
    decision: Decision,
    reads: FactsNeeded,
    *,
    decision_id: str,
    seq: int,
    subject: Subject,
    decided_at: datetime,
    by: Actor,
    facts: Mapping[str, Any],
    requested: Sequence[str],
    outcomes: Json,
    corrects: str | None = None,
) -> bytes:
    """Return the record's canonical bytes; `facts` are in their stored form.

    Raises ValueError for text with a lone surrogate.
    """
    return to_canonical_json_unchecked(
        {
            "decision_id": decision_id,
            "seq": seq,
            "subject": subject.id,
            "kind": subject.kind,
            "as_of": decision.as_of.isoformat(),
            "decided_at": timestamp(decided_at),
            "by": {"id": by.id, "name": by.name, "kind": by.kind},
            "facts": facts,
            "asked": list(requested),
            "explain": decision.trace is not None,
            "policies": reads.policies,
            "outcomes": outcomes,
            "engine": {id_: entry.served_by for id_, entry in decision.evaluated.items()},
            "benchmark_set": decision.benchmark_set,
            "overrides": list(decision.overrides),
            **({} if corrects is None else {"corrects": corrects}),
            **({"previous": previous_json(decision.previous)} if decision.previous else {}),
        }
    )


def read_row(seq: int, line: bytes) -> DecisionRecord:
    """Return the record in the row of a number. Raises DamagedRecord."""
    with reading_row("decision", seq):
        return read_record(line)


def is_archived(line: bytes) -> bool:
    """Return True if the line is the remainder of an archived record."""
    return line.startswith(b'{"archived":')


def read_record(line: bytes) -> DecisionRecord:
    """Return the record that a line holds. Raises ValueError, KeyError, TypeError or the like if it holds none."""
    document = msgspec.json.decode(line)
    if is_archived(line):
        document = {**MOVED, **document}
    return DecisionRecord(
        decision_id=document["decision_id"],
        seq=document["seq"],
        subject=Subject(document["subject"], document.get("kind", CUSTOMER)),
        as_of=date.fromisoformat(document["as_of"]),
        decided_at=datetime.fromisoformat(document["decided_at"]),
        by=document["by"],
        facts=document["facts"],
        requested=tuple(document["asked"]),
        explain=document["explain"],
        policies={id_: VersionUsed(each["version"], each["digest"]) for id_, each in document["policies"].items()},
        outcomes=document["outcomes"],
        engine=document["engine"],
        benchmark_set=document["benchmark_set"],
        overrides=tuple(document["overrides"]),
        corrects=document.get("corrects"),
        previous=_read_previous(document.get("previous", {})),
    )


def previous_json(previous: PreviousByPolicy) -> Json:
    """Return previous outcomes as a record stores them."""
    return {
        policy: {name: {"value": each.value, "since": each.since.isoformat()} for name, each in outcomes.items()}
        for policy, outcomes in previous.items()
    }


def _read_previous(document: Json) -> PreviousByPolicy:
    return {
        policy: {
            name: PreviousOutcome(each["value"], date.fromisoformat(each["since"])) for name, each in outcomes.items()
        }
        for policy, outcomes in document.items()
    }


def encode_facts_read(facts: Mapping[str, object], reads: FactsNeeded) -> dict[str, Any]:
    """Return the facts that the policies read, in stored form; a null fact counts as not given."""
    return {name: encode_fact(value) for name, value in facts.items() if value is not None and name in reads.facts}


def encode_fact(value: object) -> Any:  # noqa: ANN401  # JSON
    """Return a fact's value in a canonical form that preserves what was given."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if -MAX_INTEGER <= value <= MAX_INTEGER else {NUMBER: str(value)}
        case Decimal():
            return {NUMBER: str(value)}
        case date():
            return value.isoformat()
        case frozenset() | set():
            return sorted(map(str, value))
        case list() | tuple():
            return [encode_fact(item) for item in value]
        case _:
            raise TypeError(f"no fact is a {type(value).__name__}")


def decode_fact(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return the value that the client gave; an encrypted one stays encrypted."""
    match value:
        case {"$number": str(digits)}:
            return Decimal(digits)
        case list():
            return [decode_fact(item) for item in value]
        case _:
            return value

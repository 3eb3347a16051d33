"""A request for a decision: a JSON object, validated member by member; all errors are reported at once.

| member   | value                                                  | left out or null                                 |
|----------|--------------------------------------------------------|--------------------------------------------------|
| subject  | an identifier, in its one spelling (see `subject`)     | refused                                          |
| kind     | what the subject is: `customer`, `salesperson`, …      | `customer`                                       |
| facts    | an object: each fact's value by its name               | refused; a fact that is null counts as not given |
| policies | a list of names of policies                            | all policies about subjects of the kind          |
| as_of    | the day the decision is made for, `2026-11-21`         | today                                            |
| explain  | true: the answer says why each rule did not match      | false                                            |
| corrects | the decision that was made on wrong facts, by its id   | corrects none                                    |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from policy_service.decisions.exact_json import read_json
from policy_service.decisions.facts_reader import MAX_HINTS, raw_text
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.types import DateType, ValueRejected, parse_value
from policy_service.subject import CUSTOMER, MAX_ID, id_error, kind_error

MAX_POLICIES = 200
MAX_FACTS = 2_000
AN_ID = f"an identifier of 1 to {MAX_ID} characters, in its one spelling"
A_KIND = "a kind of subject, such as `customer` or `salesperson`"
MEMBERS = ("subject", "kind", "facts", "policies", "as_of", "explain", "corrects")
DECISION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAY = DateType()


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A parsed request for a decision about one subject."""

    subject: str
    """The identifier."""
    facts: Mapping[str, object]
    policies: Sequence[str] | None = None
    as_of: date | None = None
    explain: bool = False
    kind: str = CUSTOMER
    corrects: str | None = None
    """The identifier of the decision made on wrong facts."""


@dataclass(frozen=True, slots=True)
class RequestProblem:
    """An error in one member; `pointer` is its JSON pointer (RFC 6901)."""

    pointer: str
    code: str
    value: object
    expected: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "pointer": self.pointer,
            "code": self.code,
            "value": format_or_null(self.value),
            "expected": self.expected,
            "hint": self.hint,
        }


class InvalidRequest(ValueError):
    """The JSON is no valid request; `problems` has every error.

    `valid_members` has the valid members, so that the errors of their facts can be reported in the same answer.
    """

    def __init__(self, problems: Sequence[RequestProblem], valid_members: DecisionRequest) -> None:
        super().__init__("; ".join(f"{problem.pointer}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)
        self.valid_members = valid_members


def read_request(content: bytes) -> DecisionRequest:
    """Parse a request from JSON text. Raises NotJsonError, InvalidRequest."""
    document = read_json(content)
    if not isinstance(document, dict):
        problem = RequestProblem("", "mistyped", document, "an object with `subject` and `facts`")
        raise InvalidRequest([problem], DecisionRequest("", {}))
    problems = list(_problems(document))
    invalid_members = {problem.pointer.split("/")[1] for problem in problems}
    members = {
        name: document[name] for name in MEMBERS if document.get(name) is not None and name not in invalid_members
    }
    request = DecisionRequest(
        subject=members.get("subject", ""),
        facts=members.get("facts", {}),
        policies=tuple(members["policies"]) if "policies" in members else None,
        as_of=date.fromisoformat(members["as_of"]) if "as_of" in members else None,
        explain=members.get("explain", False),
        kind=members.get("kind", CUSTOMER),
        corrects=members.get("corrects"),
    )
    if problems:
        raise InvalidRequest(problems, request)
    return request


def read_facts(content: bytes) -> Mapping[str, object]:
    """Parse facts, an object, from JSON text. Raises NotJsonError, InvalidRequest."""
    document = read_json(content)
    if isinstance(document, dict) and len(document) <= MAX_FACTS:
        return document
    problem = RequestProblem(
        "", "mistyped", document, f"an object with each fact's value by its name, at most {MAX_FACTS:,}"
    )
    raise InvalidRequest([problem], DecisionRequest("", {}))


def _problems(document: Mapping[str, object]) -> Iterator[RequestProblem]:
    """Yield the errors of the members, in the order of the table above, unknown members last."""
    subject, kind, facts, policies, as_of, explain, corrects = map(document.get, MEMBERS)
    if not isinstance(subject, str):
        yield _member_problem("/subject", subject, AN_ID, missing="subject" not in document)
    elif (id_hint := id_error(subject)) is not None:
        yield RequestProblem("/subject", "mistyped", subject, AN_ID, id_hint)
    if kind is not None and not isinstance(kind, str):
        yield _member_problem("/kind", kind, A_KIND)
    elif kind is not None and (kind_hint := kind_error(kind)) is not None:
        yield RequestProblem("/kind", "mistyped", kind, A_KIND, kind_hint)
    if not isinstance(facts, dict):
        expected = "an object with each fact's value by its name"
        yield _member_problem("/facts", facts, expected, missing="facts" not in document)
    elif len(facts) > MAX_FACTS:
        yield RequestProblem("/facts", "too-many-facts", f"{len(facts):,} facts", f"at most {MAX_FACTS:,} facts")
    if policies is not None:
        yield from _policies(policies)
    if as_of is not None:
        yield from _as_of(as_of)
    if explain is not None and not isinstance(explain, bool):
        yield _member_problem("/explain", explain, "true or false")
    if corrects is not None and not (isinstance(corrects, str) and DECISION_ID.fullmatch(corrects)):
        yield _member_problem("/corrects", corrects, "the identifier of a decision")
    unknown = [name for name in document if name not in MEMBERS]
    for index, name in enumerate(unknown):
        hint = did_you_mean(name, MEMBERS) if index < MAX_HINTS else None
        yield RequestProblem(
            f"/{escape_pointer(name)}", "unknown-member", document[name], f"one of {', '.join(MEMBERS)}", hint
        )


def _policies(policies: object) -> Iterator[RequestProblem]:
    if not isinstance(policies, list) or not 0 < len(policies) <= MAX_POLICIES:
        yield _member_problem(
            "/policies",
            policies,
            f"a list of 1 to {MAX_POLICIES:,} names of policies; leave it out for all of them",
        )
        return
    for index, name in enumerate(policies):
        if not isinstance(name, str):
            yield _member_problem(f"/policies/{index}", name, "the name of a policy, such as tiering/rfm_value")


def _as_of(as_of: object) -> Iterator[RequestProblem]:
    try:
        parse_value(_DAY, as_of)
    except ValueRejected as error:
        yield RequestProblem("/as_of", error.kind, as_of, error.expected)


def _member_problem(pointer: str, value: object, expected: str, *, missing: bool = False) -> RequestProblem:
    return RequestProblem(pointer, "missing-member" if missing else "mistyped", value, expected)


def escape_pointer(name: str) -> str:
    """Return a member's name as a step of a JSON pointer (RFC 6901 section 3)."""
    return shorten(name).replace("~", "~0").replace("/", "~1")


def format_or_null(value: object) -> str:
    """Return a rejected value as JSON, shortened; `null` for None."""
    return "null" if value is None else raw_text(value)

"""What is asked of a decision: the JSON object of a request, checked member by member, every fault named at once.

| member   | value                                                  | left out or null                                 |
|----------|--------------------------------------------------------|--------------------------------------------------|
| subject  | an identifier, in its one spelling (see `subject`)     | refused                                          |
| kind     | what the subject is: `customer`, `salesperson`, …      | `customer`                                       |
| facts    | an object: each fact's value by its name               | refused; a fact that is null counts as not given |
| policies | a list of names of policies                            | all policies about subjects of the kind          |
| as_of    | the day the decision is made for, `2026-11-21`         | today                                            |
| explain  | true: the answer says why each rule did not match      | false                                            |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from policy_service.decisions.exact_json import read_json
from policy_service.decisions.reading import MAX_HINTS, show
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.types import DateType, ValueRefused, read
from policy_service.subject import CUSTOMER, MAX_ID, id_fault, kind_fault

MAX_POLICIES = 200
MAX_FACTS = 2_000
AN_ID = f"an identifier of 1 to {MAX_ID} characters, in its one spelling"
A_KIND = "a kind of subject, such as `customer` or `salesperson`"
MEMBERS = ("subject", "kind", "facts", "policies", "as_of", "explain")
_DAY = DateType()


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """One question: what is decided about this subject."""

    subject: str
    """Its identifier."""
    facts: Mapping[str, object]
    policies: Sequence[str] | None = None
    as_of: date | None = None
    explain: bool = False
    kind: str = CUSTOMER


@dataclass(frozen=True, slots=True)
class RequestProblem:
    """What is wrong with one member; `pointer` is a JSON pointer (RFC 6901) to it."""

    pointer: str
    code: str
    value: object
    expected: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {
            "pointer": self.pointer,
            "code": self.code,
            "value": shown(self.value),
            "expected": self.expected,
            "hint": self.hint,
        }


class RequestRefused(ValueError):
    """The request is JSON, but asks nothing that can be decided; every fault is in `problems`.

    `sound` has the members that are right, so that the faults of the facts can be told in the same answer.
    """

    def __init__(self, problems: Sequence[RequestProblem], sound: DecisionRequest) -> None:
        super().__init__("; ".join(f"{problem.pointer}: {problem.code}" for problem in problems))
        self.problems = tuple(problems)
        self.sound = sound


def read_request(content: bytes) -> DecisionRequest:
    """The request that JSON text makes. Raises NotJsonError, RequestRefused."""
    document = read_json(content)
    if not isinstance(document, dict):
        problem = RequestProblem("", "mistyped", document, "an object with `subject` and `facts`")
        raise RequestRefused([problem], DecisionRequest("", {}))
    problems = list(_problems(document))
    wrong = {problem.pointer.split("/")[1] for problem in problems}
    given = {name: document[name] for name in MEMBERS if document.get(name) is not None and name not in wrong}
    request = DecisionRequest(
        subject=given.get("subject", ""),
        facts=given.get("facts", {}),
        policies=tuple(given["policies"]) if "policies" in given else None,
        as_of=date.fromisoformat(given["as_of"]) if "as_of" in given else None,
        explain=given.get("explain", False),
        kind=given.get("kind", CUSTOMER),
    )
    if problems:
        raise RequestRefused(problems, request)
    return request


def read_facts(content: bytes) -> Mapping[str, object]:
    """The facts that JSON text gives, an object. Raises NotJsonError, RequestRefused."""
    document = read_json(content)
    if isinstance(document, dict) and len(document) <= MAX_FACTS:
        return document
    problem = RequestProblem(
        "", "mistyped", document, f"an object with each fact's value by its name, at most {MAX_FACTS:,}"
    )
    raise RequestRefused([problem], DecisionRequest("", {}))


def _problems(document: Mapping[str, object]) -> Iterator[RequestProblem]:
    """What is wrong with the members, in the order of the table above, the unknown ones last."""
    subject, kind, facts, policies, as_of, explain = map(document.get, MEMBERS)
    if not isinstance(subject, str):
        yield _refused("/subject", subject, AN_ID, missing="subject" not in document)
    elif (write := id_fault(subject)) is not None:
        yield RequestProblem("/subject", "mistyped", subject, AN_ID, write)
    if kind is not None and not isinstance(kind, str):
        yield _refused("/kind", kind, A_KIND)
    elif kind is not None and (how := kind_fault(kind)) is not None:
        yield RequestProblem("/kind", "mistyped", kind, A_KIND, how)
    if not isinstance(facts, dict):
        expected = "an object with each fact's value by its name"
        yield _refused("/facts", facts, expected, missing="facts" not in document)
    elif len(facts) > MAX_FACTS:
        yield RequestProblem("/facts", "too-many-facts", f"{len(facts):,} facts", f"at most {MAX_FACTS:,} facts")
    if policies is not None:
        yield from _policies(policies)
    if as_of is not None:
        yield from _as_of(as_of)
    if explain is not None and not isinstance(explain, bool):
        yield _refused("/explain", explain, "true or false")
    unknown = [name for name in document if name not in MEMBERS]
    for index, name in enumerate(unknown):
        hint = did_you_mean(name, MEMBERS) if index < MAX_HINTS else None
        yield RequestProblem(f"/{escape(name)}", "unknown-member", document[name], f"one of {', '.join(MEMBERS)}", hint)


def _policies(policies: object) -> Iterator[RequestProblem]:
    if not isinstance(policies, list) or not 0 < len(policies) <= MAX_POLICIES:
        yield _refused(
            "/policies",
            policies,
            f"a list of 1 to {MAX_POLICIES:,} names of policies; leave it out for all of them",
        )
        return
    for index, name in enumerate(policies):
        if not isinstance(name, str):
            yield _refused(f"/policies/{index}", name, "the name of a policy, such as tiering/rfm_value")


def _as_of(as_of: object) -> Iterator[RequestProblem]:
    try:
        read(_DAY, as_of)
    except ValueRefused as refused:
        yield RequestProblem("/as_of", refused.kind, as_of, refused.expected)


def _refused(pointer: str, value: object, expected: str, *, missing: bool = False) -> RequestProblem:
    return RequestProblem(pointer, "missing-member" if missing else "mistyped", value, expected)


def escape(name: str) -> str:
    """A member's name as a step of a JSON pointer (RFC 6901 section 3)."""
    return shorten(name).replace("~", "~0").replace("/", "~1")


def shown(value: object) -> str:
    """A refused value as JSON would write it, shortened."""
    return "null" if value is None else show(value)

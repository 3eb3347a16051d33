"""Exceptions from the rules for one subject (R-GOV-4): who may make them, whether they fit, what an answer says.

    {"status": "decided", "outcome": {"tier": "A"}, "rules": [], "because": [the reason],
     "overridden": {"override": …, "by": …, "role": …, "reason": …, "until": …, "rules_said": what the rules answered}}

Policies that take the outcome see the exception, not what the rules said. An exception that the version in force has no
room for, since its outcomes have changed, is not applied, and the answer says that too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from policy_service.actor import DIRECTORS, Actor, Role
from policy_service.characters import text_fault
from policy_service.clock import timestamp
from policy_service.decisions.reading import show
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.outcome import Decided, Result, Values
from policy_service.language.policy import Policy
from policy_service.language.types import Value, ValueRefused, read, write
from policy_service.sentences import Sentence, in_turn, listed, plain
from policy_service.subject import Subject

LONGEST = timedelta(days=366)
"""How long an exception may last."""
MAX_REASON = 1_000
MAX_LISTED = 100
"""Entries an exception to a policy that lists may have."""
ENDING_ROLES = (*DIRECTORS, Role.COMPLIANCE)
"""The roles that may end an exception early."""


class OutcomeUnfit(ValueError):
    """An outcome is none that the version could give; `problems` has a sentence for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(in_turn(self.problems))


@dataclass(frozen=True, slots=True)
class Overriding:
    """One exception."""

    id: str
    subject: Subject
    policy: str
    version: str
    """The version in force when it was made."""
    outcome: Any
    """What is answered instead: an object, or a list of them for a policy that lists."""
    role: str
    printed_name: str
    reason: str
    recorded_at: datetime
    until: datetime
    ended_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether it applies at an instant."""
        end = self.until if self.ended_at is None else min(self.until, self.ended_at)
        return self.recorded_at <= at < end

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "override": self.id,
            "subject": self.subject.id,
            "kind": self.subject.kind,
            "policy": self.policy,
            "version": self.version,
            "outcome": self.outcome,
            "by": self.printed_name,
            "role": self.role,
            "reason": self.reason,
            "recorded_at": timestamp(self.recorded_at),
            "until": timestamp(self.until),
            "ended_at": timestamp(self.ended_at) if self.ended_at else None,
        }


class Excepted(NamedTuple):
    """What an exception did to one policy's answer: nothing, when `unfit` says why not."""

    overriding: Overriding
    rules_said: Result
    unfit: tuple[str, ...] = ()


def overrides_at(overrides: Iterable[Overriding], subject: Subject, at: datetime) -> dict[str, Overriding]:
    """The exceptions that apply to a subject at an instant, by policy; of several the one recorded last."""
    found = [each for each in overrides if each.subject == subject and each.covers(at)]
    return {each.policy: each for each in sorted(found, key=lambda each: (each.recorded_at, each.id))}


def apply(policy: Policy, said: Result, overriding: Overriding) -> tuple[Result, Excepted]:
    """The answer with the exception in it, or the rules' answer when the exception does not fit the version."""
    try:
        values = read_outcome(policy, overriding.outcome)
    except OutcomeUnfit as unfit:
        return said, Excepted(overriding, said, tuple(map(plain, unfit.problems)))  # as the record keeps them
    return Decided(values, ()), Excepted(overriding, said)


def told(entry: dict[str, Any], said: dict[str, Any], excepted: Excepted) -> dict[str, Any]:
    """The entry of an excepted policy, from the written answers with and without the exception."""
    overriding = excepted.overriding
    if excepted.unfit:
        return {**said, "override_unfit": {"override": overriding.id, "why": list(excepted.unfit)}}
    rules_said = {name: value for name, value in said.items() if name not in {"version", "digest"}}
    return {
        **entry,
        "because": [{"zh": overriding.reason, "en": overriding.reason}],
        "overridden": {
            "override": overriding.id,
            "by": overriding.printed_name,
            "role": overriding.role,
            "reason": overriding.reason,
            "until": timestamp(overriding.until),
            "rules_said": rules_said,
        },
    }


# ------------------------------------------------------------------------------------------------- outcomes


def read_outcome(policy: Policy, outcome: object) -> tuple[Values, ...]:
    """An outcome in JSON as the values it is kept as. Raises OutcomeUnfit with every fault."""
    if not policy.lists:
        return (_values(policy, outcome),)
    if not isinstance(outcome, list | tuple) or len(outcome) > MAX_LISTED:
        wrong = Sentence(
            "{policy} answers a list: expected a list of at most {limit} outcomes", policy=policy.id, limit=MAX_LISTED
        )
        raise OutcomeUnfit([wrong])
    problems: list[str] = []
    values: list[Values] = []
    for number, each in enumerate(outcome, 1):
        try:
            values.append(_values(policy, each))
        except OutcomeUnfit as unfit:
            problems += [Sentence("entry {number}: {fault}", number=number, fault=fault) for fault in unfit.problems]
    if problems:
        raise OutcomeUnfit(problems)
    return tuple(values)


def write_outcome(policy: Policy, values: tuple[Values, ...]) -> Any:  # noqa: ANN401  # an object or a list of them
    """Kept values as JSON, in the one way there is to write them."""
    kinds = [(name, outcome.type) for name, outcome in policy.outcomes.items()]
    objects = [{name: write(kind, value) for (name, kind), value in zip(kinds, each, strict=True)} for each in values]
    return objects if policy.lists else objects[0]


def _values(policy: Policy, outcome: object) -> Values:
    if not isinstance(outcome, Mapping):
        raise OutcomeUnfit([Sentence("expected an object with {outcomes}", outcomes=listed(policy.outcomes))])
    problems: list[str] = []
    values: list[Value] = []
    for name, declared in policy.outcomes.items():
        if name not in outcome:
            problems.append(Sentence("`{name}` is missing", name=name))
            continue
        try:
            values.append(read(declared.type, outcome[name]))
        except ValueRefused as refused:
            found = show(outcome[name])
            problems.append(
                Sentence(
                    "`{name}`: expected {expected}, found {found}", name=name, expected=refused.expected, found=found
                )
            )
    for name in [name for name in outcome if name not in policy.outcomes][:MAX_LISTED]:
        unknown = Sentence("{policy} has no outcome `{name}`", policy=policy.id, name=shorten(str(name)))
        hint = did_you_mean(str(name), policy.outcomes)
        problems.append(in_turn([unknown, hint] if hint else [unknown]))
    if problems:
        raise OutcomeUnfit(problems)
    return tuple(values)


def text_problems(outcome: Any) -> list[str]:  # noqa: ANN401  # an object or a list of them
    """What is wrong with the texts that a person wrote into an outcome."""
    entries = outcome if isinstance(outcome, list) else [outcome]
    texts = [(name, value) for entry in entries for name, value in entry.items() if isinstance(value, str)]
    return [
        Sentence("`{name}`: {fault}", name=name, fault=fault) for name, value in texts if (fault := text_fault(value))
    ]


# ----------------------------------------------------------------------------------------------- permission


def may_override(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    """Whether the actor may make an exception in a role: a director, in person, freshly confirmed."""
    if role not in DIRECTORS:
        return Sentence("Only a director may except a subject from the rules.")
    return _may_sign(actor, role, now)


def may_end(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    """Whether the actor may end an exception in a role: a director or compliance, in person, freshly confirmed."""
    if role not in ENDING_ROLES:
        return Sentence("Only a director or compliance may end an exception.")
    return _may_sign(actor, role, now)


def _may_sign(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    if actor.kind != "person":
        return Sentence("Only a person may do this, not a machine.")
    if role not in actor.roles:
        return actor.why_waiting([role]) or Sentence("You do not hold the role {role}.", role=role.value)
    if not actor.is_fresh(now):
        return Sentence("Confirm who you are first: enter your password again.")
    return True


def term_problems(until: datetime, reason: str, now: datetime) -> list[str]:
    """What is wrong with the end and the reason of an exception."""
    problems: list[str] = []
    if until <= now:
        problems.append(Sentence("The end must lie in the future."))
    elif until > now + LONGEST:
        problems.append(Sentence("An exception lasts at most {days} days.", days=LONGEST.days))
    return problems + reason_problems(reason)


def reason_problems(reason: str) -> list[str]:
    """What is wrong with a reason."""
    if not reason.strip():
        return [Sentence("Give a reason.")]
    found: list[str] = []
    if len(reason) > MAX_REASON:
        found.append(Sentence("The reason has at most {limit:,} characters.", limit=MAX_REASON))
    if (fault := text_fault(reason)) is not None:
        found.append(Sentence("The reason: {fault}.", fault=fault))
    return found

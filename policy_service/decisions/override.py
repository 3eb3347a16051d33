"""Overrides of the rules for one subject (R-GOV-4): who may make them, whether they fit, what an answer says.

    {"status": "decided", "outcome": {"tier": "A"}, "rules": [], "because": [the reason],
     "overridden": {"override": …, "by": …, "role": …, "reason": …, "until": …, "rules_said": what the rules answered}}

| verdict         | it applies                                                 | unless the others sign by `lapses_at` |
|-----------------|------------------------------------------------------------|---------------------------------------|
| `allowed`       | from its recording to its end                              |                                       |
| `provisional`   | from its recording to its end                              | it lapses then                        |
| `needs_signers` | from the last of their signatures to its end               | it lapses then, and never applied     |
| none            | to its end: it was recorded before a policy decided this   |                                       |

Policies that take the outcome see the override, not what the rules said. An override that the version in force has no
room for, since its outcomes have changed, is not applied, and the answer says that too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role
from policy_service.canonical import digest_of
from policy_service.characters import text_error
from policy_service.clock import timestamp
from policy_service.decisions.outcomes import InvalidOutcome, read_outcome
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.messages import Message, plain_text
from policy_service.subject import Subject

MAX_LENGTH = timedelta(days=366)
"""How long an override may last."""
MAX_REASON = 1_000
ENDING_ROLES = (*DIRECTORS, Role.COMPLIANCE)
"""The roles that may end an override early."""
OverrideState = Literal["runs", "provisional", "waiting", "lapsed", "ended", "over"]
"""Whether an override applies for good, applies until the others must have signed, waits for them, lapsed without
their signatures, was ended by a person, or is over by itself."""


@dataclass(frozen=True, slots=True)
class OverrideSignature:
    """The signature of another person on an override (21 CFR 11.50)."""

    actor: str
    """The account."""
    printed_name: str
    role: str
    meaning: str
    reason: str
    digest: str
    """Of what was signed."""
    signed_at: datetime
    ratifies: bool
    """True if it was the last that was owed."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "by": self.printed_name,
            "role": self.role,
            "meaning": self.meaning,
            "reason": self.reason,
            "digest": self.digest,
            "signed_at": timestamp(self.signed_at),
        }


@dataclass(frozen=True, slots=True)
class Override:
    """One override."""

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
    actor: str = ""
    """The account of who recorded it."""
    verdict: str | None = None
    signers: tuple[str, ...] = ()
    """The roles of those who must sign beside who recorded it."""
    lapses_at: datetime | None = None
    signatures: tuple[OverrideSignature, ...] = ()
    """Of the others, in the order of time."""
    decided_by: Mapping[str, Any] | None = None
    """The versions and the rule of governance that say how far it reaches, and the facts they were asked about."""
    void: Mapping[str, str] = field(default_factory=dict)
    """Why a signature does not count now, by account; empty when all count, and when that was not asked."""

    @property
    def ratified_at(self) -> datetime | None:
        """The instant of the last signature; None while one is missing."""
        return next((each.signed_at for each in self.signatures if each.ratifies), None)

    @property
    def missing_roles(self) -> tuple[str, ...]:
        """The roles without a signature that counts."""
        signed_roles = {each.role for each in self.signatures if each.actor not in self.void}
        return tuple(role for role in self.signers if role not in signed_roles)

    @property
    def void_roles(self) -> Mapping[str, str]:
        """The owed roles in which a person signed, each with the reason why that does not count now."""
        reasons = {each.role: self.void[each.actor] for each in self.signatures if each.actor in self.void}
        return {role: reasons[role] for role in self.missing_roles if role in reasons}

    @property
    def starts_at(self) -> datetime | None:
        """From when it applies; None while it waits for signatures without which it never does."""
        return self.ratified_at if self.verdict == "needs_signers" else self.recorded_at

    @property
    def ends_at(self) -> datetime:
        """Until when it applies, as far as is known."""
        lapses_at = self.lapses_at if self.ratified_at is None else None
        return min(each for each in (self.until, self.ended_at, lapses_at) if each is not None)

    def covers(self, at: datetime) -> bool:
        """Return True if it applies at an instant."""
        return self.starts_at is not None and self.starts_at <= at < self.ends_at

    def state(self, now: datetime) -> OverrideState:
        """Return the state of the override at an instant."""
        if self.ended_at is not None and self.ended_at <= now:
            return "ended"
        if self.lapses_at is not None and self.ratified_at is None:
            if now >= self.ends_at:
                return "lapsed"
            return "waiting" if self.starts_at is None else "provisional"
        return "runs" if self.covers(now) else "over"

    def is_open(self, now: datetime) -> bool:
        """Return True if it applies or may still apply, so that there can be no other beside it."""
        return now < self.ends_at

    def as_known_at(self, at: datetime) -> Override:
        """Return the override as recorded at an instant: without later signatures."""
        return replace(self, signatures=tuple(each for each in self.signatures if each.signed_at <= at))

    @property
    def digest(self) -> str:
        """The digest that the others sign: of all that was recorded."""
        return digest_of(self._recorded())

    def _recorded(self) -> dict[str, Any]:
        """Return all that was recorded at first, as JSON."""
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
            "verdict": self.verdict,
            "signers": list(self.signers),
            "lapses_at": timestamp(self.lapses_at) if self.lapses_at else None,
            "decided_by": self.decided_by,
        }

    def to_dict(self) -> dict[str, Any]:
        ratified_at = self.ratified_at
        return {
            **self._recorded(),
            "digest": self.digest,
            "signatures": [each.to_dict() for each in self.signatures],
            "owed": list(self.missing_roles),
            "ratified_at": timestamp(ratified_at) if ratified_at else None,
            "ended_at": timestamp(self.ended_at) if self.ended_at else None,
        }


class AppliedOverride(NamedTuple):
    """The effect of an override on one policy's answer: none, when `problems` says why."""

    override: Override
    rules_result: Result
    problems: tuple[str, ...] = ()


def overrides_at(overrides: Iterable[Override], subject: Subject, at: datetime) -> dict[str, Override]:
    """Return the overrides that apply to a subject at an instant, by policy; of several the one recorded last."""
    applicable = [each for each in overrides if each.subject == subject and each.covers(at)]
    return {each.policy: each for each in sorted(applicable, key=lambda each: (each.recorded_at, each.id))}


def apply_override(policy: Policy, result: Result, override: Override) -> tuple[Result, AppliedOverride]:
    """Return the answer with the override in it, or the rules' answer when the override does not fit the version."""
    try:
        values = read_outcome(policy, override.outcome)
    except InvalidOutcome as error:
        return result, AppliedOverride(
            override, result, tuple(map(plain_text, error.problems))
        )  # as the record keeps them
    return Decided(values, ()), AppliedOverride(override, result)


def merge_override(entry: dict[str, Any], rules_entry: dict[str, Any], applied: AppliedOverride) -> dict[str, Any]:
    """Return the entry of an excepted policy, from the written answers with and without the override."""
    override = applied.override
    if applied.problems:
        return {**rules_entry, "override_unfit": {"override": override.id, "why": list(applied.problems)}}
    rules_said = {name: value for name, value in rules_entry.items() if name not in {"version", "digest"}}
    return {
        **entry,
        "because": [{"zh": override.reason, "en": override.reason}],
        "overridden": {
            "override": override.id,
            "by": override.printed_name,
            "role": override.role,
            "reason": override.reason,
            "until": timestamp(override.until),
            **_provisional(override),
            "rules_said": rules_said,
        },
    }


def _provisional(override: Override) -> dict[str, str]:
    """Until when it applies while the others have not signed."""
    if override.lapses_at is None or override.ratified_at is not None:
        return {}
    return {"provisional_until": timestamp(override.lapses_at)}


# ----------------------------------------------------------------------------------------------- permission


def may_override(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    """Return True if the actor may add an override in a role (a re-authenticated director), else the reason."""
    if role not in DIRECTORS:
        return Message("Only a director may add an override.")
    return _may_sign(actor, role, now)


def may_sign_override(override: Override, actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    """Return True if the actor may sign another person's override in a missing role, else the reason."""
    if actor.id == override.actor:
        return Message("You recorded this override, so another person must sign it.")
    if any(each.actor == actor.id for each in override.signatures):
        return Message("You already signed this override; every signature must be another person's.")
    if role not in override.missing_roles:
        return Message("The signature of {role} is not required.", role=role.value)
    if override.void_roles and role not in override.void_roles:  # so that the last to sign finds that all count
        return Message("{why} First another person must sign instead.", why=next(iter(override.void_roles.values())))
    return _may_sign(actor, role, now)


def can_sign_override(override: Override, now: datetime) -> Literal[True] | str:
    """Return True if anyone can sign the override now, else the reason."""
    match override.state(now):
        case "provisional" | "waiting":
            reason = override.void.get(override.actor)
            return Message("{why} End this override, and record it again.", why=reason) if reason else True
        case "lapsed":
            return Message("The override lapsed without the required signatures: record it again.")
        case "runs":
            return Message("The override needs no further signature.")
        case _:
            return Message("The override has already ended.")


def signing_roles(override: Override, actor: Actor, now: datetime) -> tuple[Role, ...]:
    """Return the roles in which the actor, who would confirm who they are, may sign the override now."""
    if can_sign_override(override, now) is not True:
        return ()
    confirmed = replace(actor, confirmed_at=now)
    return tuple(role for role in SIGNING_ROLES if may_sign_override(override, confirmed, role, now) is True)


def may_end_override(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    """Return True if the actor may end an override in a role (director or compliance), else the reason."""
    if role not in ENDING_ROLES:
        return Message("Only a director or compliance may end an override.")
    return _may_sign(actor, role, now)


def _may_sign(actor: Actor, role: Role, now: datetime) -> Literal[True] | str:
    if actor.kind != "person":
        return Message("Only a person may do this, not a program.")
    if role not in actor.roles:
        return actor.pending_reason([role]) or Message("You do not hold the role {role}.", role=role.value)
    if not actor.is_fresh(now):
        return Message("Confirm who you are first: enter your password again.")
    return True


def term_problems(until: datetime, reason: str, now: datetime) -> list[str]:
    """List the problems of an override's end and reason."""
    problems: list[str] = []
    if until <= now:
        problems.append(Message("The end must lie in the future."))
    elif until > now + MAX_LENGTH:
        problems.append(Message("An override lasts at most {days} days.", days=MAX_LENGTH.days))
    return problems + reason_problems(reason)


def reason_problems(reason: str) -> list[str]:
    """List the problems of a reason."""
    if not reason.strip():
        return [Message("Give a reason.")]
    problems: list[str] = []
    if len(reason) > MAX_REASON:
        problems.append(Message("The reason has at most {limit:,} characters.", limit=MAX_REASON))
    if (fault := text_error(reason)) is not None:
        problems.append(Message("The reason: {fault}.", fault=fault))
    return problems

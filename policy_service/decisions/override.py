"""Overrides of the rules for one subject (R-GOV-4): permissions, validity, and their effect on an answer.

    {"status": "decided", "outcome": {"tier": "A"}, "rules": [], "because": [the reason],
     "overridden": {"override": …, "by": …, "role": …, "reason": …, "until": …, "rules_said": what the rules answered}}

| verdict         | it applies                                                 | unless the others sign by `lapses_at` |
|-----------------|------------------------------------------------------------|---------------------------------------|
| `allowed`       | from its recording to its end                              |                                       |
| `provisional`   | from its recording to its end                              | it lapses then                        |
| `needs_signers` | from the last of their signatures to its end               | it lapses then, and never applied     |
| none            | to its end: it was recorded before a policy decided this   |                                       |

Policies that take the outcome see the override, not the rules' answer. An override that no longer fits the version in
force, since its outcomes have changed, is not applied, and the answer says so.
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
"""Maximum duration of an override."""
MAX_REASON = 1_000
ENDING_ROLES = (*DIRECTORS, Role.COMPLIANCE)
"""The roles that may end an override early."""
OverrideState = Literal["runs", "provisional", "waiting", "lapsed", "ended", "over"]
"""The state of an override: applies to its end, applies until other signatures are due, waits for them, lapsed without
them, was ended early, or reached its end.
"""


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
    """The digest of the override that was signed."""
    signed_at: datetime
    ratifies: bool
    """True if it was the last signature required."""

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
    """The version in force when it was recorded."""
    outcome: Any
    """The outcome that replaces the rules' answer: an object, or a list of them for a policy that lists."""
    role: str
    printed_name: str
    reason: str
    recorded_at: datetime
    until: datetime
    ended_at: datetime | None = None
    actor: str = ""
    """The account of the person who recorded it."""
    verdict: str | None = None
    signers: tuple[str, ...] = ()
    """The roles that must sign, besides the person who recorded it."""
    lapses_at: datetime | None = None
    signatures: tuple[OverrideSignature, ...] = ()
    """The other persons' signatures, in order of time."""
    decided_by: Mapping[str, Any] | None = None
    """The governance versions and rule that determined the required signatures, and the facts they were given."""
    void: Mapping[str, str] = field(default_factory=dict)
    """Why a signature does not count now, by account; empty if all count, or if this was not checked."""

    @property
    def ratified_at(self) -> datetime | None:
        """The time of the last required signature; None while one is missing."""
        return next((each.signed_at for each in self.signatures if each.ratifies), None)

    @property
    def missing_roles(self) -> tuple[str, ...]:
        """The roles without a signature that counts."""
        signed_roles = {each.role for each in self.signatures if each.actor not in self.void}
        return tuple(role for role in self.signers if role not in signed_roles)

    @property
    def void_roles(self) -> Mapping[str, str]:
        """The required roles in which a person signed, each with the reason why that signature does not count now."""
        reasons = {each.role: self.void[each.actor] for each in self.signatures if each.actor in self.void}
        return {role: reasons[role] for role in self.missing_roles if role in reasons}

    @property
    def starts_at(self) -> datetime | None:
        """The time from which it applies; None while it waits for required signatures."""
        return self.ratified_at if self.verdict == "needs_signers" else self.recorded_at

    @property
    def ends_at(self) -> datetime:
        """The time until which it applies, as far as is known."""
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
        """Return True if it applies or may still apply, so that no second override is possible."""
        return now < self.ends_at

    def as_known_at(self, at: datetime) -> Override:
        """Return the override as recorded at an instant, without later signatures."""
        return replace(self, signatures=tuple(each for each in self.signatures if each.signed_at <= at))

    @property
    def digest(self) -> str:
        """Return the digest that the others sign: of everything recorded."""
        return digest_of(self._recorded())

    def _recorded(self) -> dict[str, Any]:
        """Return everything recorded at first, as JSON."""
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
    """The effect of an override on one policy's answer; none if `problems` is not empty."""

    override: Override
    rules_result: Result
    problems: tuple[str, ...] = ()


def overrides_at(overrides: Iterable[Override], subject: Subject, at: datetime) -> dict[str, Override]:
    """Return the overrides that apply to a subject at an instant, by policy; of several, the one recorded last."""
    applicable = [each for each in overrides if each.subject == subject and each.covers(at)]
    return {each.policy: each for each in sorted(applicable, key=lambda each: (each.recorded_at, each.id))}


def apply_override(policy: Policy, result: Result, override: Override) -> tuple[Result, AppliedOverride]:
    """Return the answer with the override applied, or the rules' answer if it does not fit the version."""
    try:
        values = read_outcome(policy, override.outcome)
    except InvalidOutcome as error:
        return result, AppliedOverride(
            override, result, tuple(map(plain_text, error.problems))
        )  # as the record keeps them
    return Decided(values, ()), AppliedOverride(override, result)


def merge_override(entry: dict[str, Any], rules_entry: dict[str, Any], applied: AppliedOverride) -> dict[str, Any]:
    """Return the entry of an overridden policy, from the written answers with and without the override."""
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
    """Return until when it applies if the others do not sign."""
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
    """Return the roles in which the actor, after re-authentication, may sign the override now."""
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

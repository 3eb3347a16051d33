"""A change, the fold of its actions: its draft, its submission with the digest, and the signatures on that digest.

    digest  =  sha256 of the canonical JSON of all that a signer sees: the change's title and reason, its versions, the
               report, the simulation, the period asked for, the roles that must sign and the policy that says so, and
               the versions it was compared with

A signature names the digest it was given for. Any edit changes the digest, so that signatures on the old one no longer
count, without being voided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.canonical import digest_of
from policy_service.clock import timestamp
from policy_service.registry.model import Period

ChangeKind = Literal["change", "rollback", "first_versions"]
"""New versions; earlier versions (rollback); or the versions imported at set-up, to be signed once (`first_versions`).
"""
Afterwards = Literal["before", "nothing"]
"""What is in force after the period of a change: what was before, or nothing."""


class ChangeState(StrEnum):
    """The state of a change. Whether it is in force follows from dates, and is not stored."""

    DRAFT = "draft"
    UNDER_ANALYSIS = "under_analysis"
    SUBMITTED = "submitted"
    SIGNED_OFF = "signed_off"
    SCHEDULED = "scheduled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """An action on a change."""

    CREATE = "create"
    EDIT = "edit"
    COMMENT = "comment"
    ANALYSE = "analyse"
    END_ANALYSIS = "end_analysis"
    SUBMIT = "submit"
    SIGN_OFF = "sign_off"
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    SCHEDULE = "schedule"
    CANCEL = "cancel"


class Meaning(StrEnum):
    """The meaning of a signature (21 CFR 11.50)."""

    APPROVED = "approved"
    """I approve the content, its effect and the day."""
    CONFORMS = "conforms"
    """I checked that it conforms to the regulation and was drawn up correctly."""


MEANINGS: Mapping[Role, frozenset[Meaning]] = {
    role: frozenset(Meaning) if role is Role.COMPLIANCE else frozenset({Meaning.APPROVED}) for role in SIGNING_ROLES
}
"""The possible meanings of a signature, by role."""


@dataclass(frozen=True, slots=True)
class Person:
    """The actor, as permanently recorded."""

    id: str
    name: str
    printed_name: str

    @classmethod
    def of(cls, actor: Actor) -> Person:
        """Return the record of an actor."""
        return cls(actor.id, actor.name, actor.printed_name)

    def to_dict(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "printed_name": self.printed_name}


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a change, which it does not alter."""

    id: str
    by: Person
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one policy."""

    policy: str
    version: str
    digest: str

    def to_dict(self) -> dict[str, str]:
        return {"policy": self.policy, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file attached to a change, such as a scan or minutes."""

    name: str
    media_type: str
    digest: str
    size: int
    """The size of the file, bytes."""

    def to_dict(self) -> dict[str, str | int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Draft:
    """The author's request, as last edited.

    `texts` are the digests of the policy files, whether they are valid yet or not; a rollback and first versions name
    `versions` instead.
    `ends` are the policies that the change ends from its start on; `simulated_over` names the registered population
    over which its effect is simulated, in place of the decision records.
    """

    title: str
    reason: str
    effective: Period
    texts: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    ends: tuple[str, ...] = ()
    afterwards: Afterwards = "before"
    evidence: Evidence | None = None
    simulated_over: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what ends nothing, has no evidence or no population has no members for it, as before there were."""
        return {
            "title": self.title,
            "reason": self.reason,
            "effective": period_to_dict(self.effective),
            "texts": list(self.texts),
            "versions": [version.to_dict() for version in self.versions],
            **({"ends": list(self.ends)} if self.ends else {}),
            **_afterwards(self.afterwards),
            **_evidence(self.evidence),
            **({"simulated_over": self.simulated_over} if self.simulated_over else {}),
        }


@dataclass(frozen=True, slots=True)
class Submission:
    """The submitted content, frozen; `digest` covers all of it."""

    number: int
    """The number of the submission within the change, from 1; each has another digest."""
    kind: ChangeKind
    title: str
    reason: str
    versions: tuple[Version, ...]
    effective: Period
    report: str
    """The digest of the analysis report."""
    simulation: str | None
    population: str | None
    roles: tuple[Role, ...]
    """The roles that must sign."""
    sign_off: Version
    """The version of the policy that determined them."""
    bases: tuple[Version, ...]
    """The versions in force on the day without this change: of its policies and of their dependencies."""
    barred: frozenset[str] = frozenset()
    """Accounts that had written the same content in other changes at submission, and so cannot sign this one."""
    ends: tuple[Version, ...] = ()
    """The ended policies, each with its version in force on the day."""
    afterwards: Afterwards = "before"
    evidence: Evidence | None = None

    def digest(self, change: str) -> str:
        """Return the digest that is signed."""
        return digest_of({"change": change, **self.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "kind": self.kind,
            "title": self.title,
            "reason": self.reason,
            "versions": [version.to_dict() for version in self.versions],
            "effective": period_to_dict(self.effective),
            "report": self.report,
            "simulation": self.simulation,
            "population": self.population,
            "roles": list(self.roles),
            "sign_off": self.sign_off.to_dict(),
            "bases": [version.to_dict() for version in self.bases],
            "barred": sorted(self.barred),
            **({"ends": [version.to_dict() for version in self.ends]} if self.ends else {}),
            **_afterwards(self.afterwards),
            **_evidence(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """A recorded action; its fields beyond actor, time and reason depend on the action."""

    number: int
    """The number of the action within the change, from 1."""
    action: Action
    by: Person
    at: datetime
    reason: str = ""
    digest: str | None = None
    role: Role | None = None
    meaning: Meaning | None = None
    draft: Draft | None = None
    submission: Submission | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the draft as JSON; members for endings, evidence and a population are left out if there are none."""
        optional = {"digest": self.digest, "role": self.role, "meaning": self.meaning, "reason": self.reason or None}
        return {
            "number": self.number,
            "action": self.action,
            "by": self.by.to_dict(),
            "at": timestamp(self.at),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A change: its state and its history."""

    id: str
    kind: ChangeKind
    state: ChangeState
    draft: Draft
    revision: int
    actions: tuple[ActionRecord, ...]
    submission: Submission | None = None
    """The current or last submission; None for a draft never submitted."""
    writers: frozenset[str] = frozenset()
    """Accounts that wrote or submitted its content, in any change; only known while it is under review."""
    void: Mapping[int, str] = field(default_factory=dict)
    """The signatures that do not count now, by number, each with the reason; only known while it is under review."""

    @property
    def author(self) -> Person:
        """The actor who created the change."""
        return self.actions[0].by

    @property
    def contributors(self) -> frozenset[str]:
        """The accounts that drafted, edited or submitted it."""
        writing = (Action.CREATE, Action.EDIT, Action.ANALYSE, Action.SUBMIT)
        return frozenset(record.by.id for record in self.actions if record.action in writing)

    @property
    def digest(self) -> str | None:
        """Return the digest that is signed."""
        return self.submission.digest(self.id) if self.submission else None

    @property
    def frozen_submission(self) -> Submission:
        """The submission under review, or the last one. Raises ValueError while the change is a draft."""
        if self.submission is None:
            raise ValueError("a draft has no submission")
        return self.submission

    @property
    def title(self) -> str:
        """The title as submitted, or that of the draft before it is."""
        return self.submission.title if self.submission else self.draft.title

    @property
    def required_roles(self) -> tuple[Role, ...]:
        """The roles that the submission requires to sign; none before there is one."""
        return self.submission.roles if self.submission else ()

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions it puts in force; empty for a draft of new versions, whose files may be invalid."""
        return self.submission.versions if self.submission else self.draft.versions

    @property
    def signatures(self) -> tuple[ActionRecord, ...]:
        """The signatures on the current submission."""
        digest = self.digest
        return tuple(
            record
            for record in self.actions
            if record.action is Action.SIGN_OFF and digest is not None and record.digest == digest
        )

    @property
    def valid_signatures(self) -> tuple[ActionRecord, ...]:
        """The signatures that count now."""
        return tuple(signature for signature in self.signatures if signature.number not in self.void)

    @property
    def missing_roles(self) -> tuple[Role, ...]:
        """The roles that must sign, or sign again."""
        signed_roles = {signature.role for signature in self.valid_signatures}
        return tuple(role for role in self.required_roles if role not in signed_roles)

    @property
    def etag(self) -> str:
        """The entity tag: it changes with every action, but not with a comment."""
        return f"{self.revision}.{len(self.actions)}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "change": self.id,
            "kind": self.kind,
            "state": self.state,
            "etag": self.etag,
            "author": self.author.to_dict(),
            "created_at": timestamp(self.actions[0].at),
            "revision": self.revision,
            "draft": self.draft.to_dict(),
            "digest": self.digest,
            "submission": self.submission.to_dict() if self.submission else None,
            "signatures": [signature.to_dict() for signature in self.signatures],
            "void": {str(number): reason for number, reason in self.void.items()},
            "owed": list(self.missing_roles),
            "actions": [record.to_dict() for record in self.actions],
        }


def _afterwards(afterwards: Afterwards) -> dict[str, str]:
    return {} if afterwards == "before" else {"afterwards": afterwards}


def _evidence(evidence: Evidence | None) -> dict[str, Any]:
    return {"evidence": evidence.to_dict()} if evidence else {}


def period_to_dict(period: Period) -> dict[str, str | None]:
    """Return a period as JSON."""
    return {"from": timestamp(period.start), "until": timestamp(period.until) if period.until else None}


def period_from_dict(document: Mapping[str, str | None]) -> Period:
    """Return a period from the JSON of `period_to_dict`."""
    start, until = document["from"], document["until"]
    return Period(datetime.fromisoformat(start or ""), datetime.fromisoformat(until) if until else None)

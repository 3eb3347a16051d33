"""One exception: who made it, why, until when, what it sets, what the rules would say; and the form that ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.requests import Request

from api.pages.confirming import Confirming, confirming
from api.pages.decisions.one import ID
from api.pages.decisions.words import Said, outcome_words, version_address
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.overrides.listing import PATH
from api.pages.overrides.words import Used, last_use, version_of
from api.permissions import PERMISSIONS, may_ask
from api.problems import NOT_FOUND, ProblemError
from api.service import Service
from policy_service.actor import Actor, Role
from policy_service.decisions.outcomes import OutcomeUnfit, read_outcome
from policy_service.decisions.overriding import (
    ENDING_ROLES,
    OverrideState,
    Overriding,
    can_sign_override,
    may_sign_override,
    signing_roles,
)
from policy_service.decisions.state_tables import OverrideEndRow
from policy_service.identity.refusals import UnknownAccount
from policy_service.identity.service import read_account
from policy_service.language.policy import Bilingual
from policy_service.overrides.counting import read_as_it_counts
from policy_service.sentences import Sentence
from policy_service.subject import Subject


@dataclass(frozen=True, slots=True)
class Ended:
    """That somebody ended the exception."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Countersigned:
    """The signature of another person."""

    printed_name: str
    role: Role
    reason: str
    signed_at: datetime
    void: str | None
    """Why it does not count now."""


@dataclass(frozen=True, slots=True)
class OverridePage:
    """One exception."""

    template: ClassVar[str] = "overrides/one.html"
    frame: Frame
    override: str
    subject: Subject
    policy: str
    title: Bilingual
    version: str
    address: str
    """Of the version."""
    outcome: tuple[tuple[Said, ...], ...]
    printed_name: str
    role: Role
    void: str | None
    """Why the signature of who recorded it does not count now."""
    reason: str
    recorded_at: datetime
    until: datetime
    """Until when it was made for."""
    ends_at: datetime
    state: OverrideState
    is_before: bool
    """Whether it was recorded before a policy of governance decided how far one signature reaches."""
    lapses_at: datetime | None
    """When it is over unless the others have signed."""
    signatures: tuple[Countersigned, ...]
    owed: tuple[Role, ...]
    digest: str
    decided_by: tuple[tuple[str, str], ...]
    """The versions of governance that say who must sign: the name and the address of each."""
    signing: tuple[Role, ...]
    """The roles in which the reader may sign it now."""
    act: Literal["sign", "end"]
    """The act whose form is shown."""
    why_not_signed: str | None
    """Why the reader cannot sign it; None for whoever can."""
    ended: Ended | None
    used: Used | None
    unfit: tuple[str, ...]
    """Why the version in force now has no room for it, if it has none."""
    why_not: str | None
    """Why the reader cannot end it; None for whoever can."""
    form: Filled
    roles: tuple[Role, ...]
    """Those that the reader may end it in."""
    confirming: Confirming


def override_id(text: str) -> str:
    """The identifier of an exception in an address. Raises ProblemError when it is none."""
    if not ID.fullmatch(text):
        raise ProblemError(NOT_FOUND, Sentence("There is no such exception."))
    return text


def override_page(  # noqa: PLR0913, PLR0917  # what it is made from, and the form in it
    service: Service, session: Session, request: Request, frame: Frame, override: str, act: str, form: Filled
) -> OverridePage:
    """The page of an exception, with the form that signs it or ends it (`act`). Raises UnknownOverride."""
    now = frame.now
    found = read_as_it_counts(session, override, now)
    signing = signing_roles(found, frame.actor, now) if frame.actor else ()
    policy = version_of(service, session, found)
    return OverridePage(
        frame=frame,
        override=found.id,
        subject=found.subject,
        policy=found.policy,
        title=policy.title if policy else Bilingual(found.policy, found.policy),
        version=found.version,
        address=version_address(found.policy, found.version),
        outcome=outcome_words(found.outcome, policy, frame.lang),
        printed_name=found.printed_name,
        role=Role(found.role),
        void=found.void.get(found.actor),
        reason=found.reason,
        recorded_at=found.recorded_at,
        until=found.until,
        ends_at=found.ends_at,
        state=found.state(now),
        is_before=found.verdict is None,
        lapses_at=found.lapses_at,
        signatures=tuple(
            Countersigned(each.printed_name, Role(each.role), each.reason, each.signed_at, found.void.get(each.actor))
            for each in found.signatures
        ),
        owed=tuple(map(Role, found.owed)),
        digest=found.digest,
        decided_by=tuple(_deciding(found)),
        signing=signing,
        act="sign" if signing and act != "end" else "end",
        why_not_signed=_why_not_signed(frame.actor, found, now),
        ended=_ended(session, override),
        used=last_use(service, session, found.subject, found.policy, frame.lang),
        unfit=_unfit(service, session, found, now),
        why_not=_why_not(frame.actor, found, now),
        form=form,
        roles=held(frame.actor, ENDING_ROLES),
        confirming=confirming(request, now, f"{PATH}/{override}"),
    )


def held(actor: Actor | None, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """Those of the roles that the reader has, to sign in."""
    return tuple(role for role in roles if actor is not None and role in actor.roles)


def _why_not(actor: Actor | None, found: Overriding, now: datetime) -> str | None:
    verdict = may_ask(actor, PERMISSIONS["POST", f"{PATH}/{{override}}/end"]) if actor else ""
    if verdict is not True:
        return verdict
    return None if found.is_open(now) else Sentence("The exception has already ended.")


def _why_not_signed(actor: Actor | None, found: Overriding, now: datetime) -> str | None:
    possible = can_sign_override(found, now)
    if possible is not True or actor is None:
        return possible if possible is not True else ""
    if signing_roles(found, actor, now):
        return None
    confirmed = replace(actor, confirmed_at=now)
    answers = (may_sign_override(found, confirmed, Role(role), now) for role in found.owed)
    return next(each for each in answers if each is not True)


def _deciding(found: Overriding) -> Iterator[tuple[str, str]]:
    for name in ("overrides", "sign_off"):
        if version := (found.decided_by or {}).get(name):
            yield f"{version['policy']} {version['version']}", version_address(version["policy"], version["version"])


def _ended(session: Session, override: str) -> Ended | None:
    row = session.get(OverrideEndRow, override)
    if row is None:
        return None
    try:
        by = read_account(session, row.actor).printed_name
    except UnknownAccount:
        by = row.actor
    return Ended(by, row.recorded_at, row.reason)


def _unfit(service: Service, session: Session, found: Overriding, now: datetime) -> tuple[str, ...]:
    """Why an exception that runs is not applied: the version in force now decides something else."""
    policy = service.catalogue.in_force(session, now).get(found.policy) if found.covers(now) else None
    if policy is None:
        return ()
    try:
        read_outcome(policy, found.outcome)
    except OutcomeUnfit as unfit:
        return unfit.problems
    return ()

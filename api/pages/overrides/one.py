"""One exception: who made it, why, until when, what it sets, what the rules would say; and the form that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.requests import Request

from api.pages.confirming import Confirming, confirming
from api.pages.decisions.one import ID
from api.pages.decisions.words import Said, outcome_words, version_address
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.overrides.listing import PATH, ends_at, state_of
from api.pages.overrides.words import Used, last_use, version_of
from api.permissions import PERMISSIONS, may_ask
from api.problems import NOT_FOUND, ProblemError
from api.service import Service
from policy_service.actor import Actor, Role
from policy_service.decisions.overrides import read_override
from policy_service.decisions.overriding import ENDING_ROLES, OutcomeUnfit, Overriding, read_outcome
from policy_service.decisions.state_tables import OverrideEndRow
from policy_service.identity.refusals import UnknownAccount
from policy_service.identity.service import read_account
from policy_service.language.policy import Bilingual
from policy_service.sentences import Sentence
from policy_service.subject import Subject


@dataclass(frozen=True, slots=True)
class Ended:
    """That somebody ended the exception."""

    by: str
    at: datetime
    reason: str


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
    reason: str
    recorded_at: datetime
    until: datetime
    """Until when it was made for."""
    ends_at: datetime
    state: Literal["runs", "ended", "over"]
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
    service: Service, session: Session, request: Request, frame: Frame, override: str, form: Filled
) -> OverridePage:
    """The page of an exception. Raises UnknownOverride."""
    found, now = read_override(session, override), frame.now
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
        reason=found.reason,
        recorded_at=found.recorded_at,
        until=found.until,
        ends_at=ends_at(found),
        state=state_of(found, now),
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
    return None if found.covers(now) else Sentence("The exception has already ended.")


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

"""One override: who made it, why, until when, what it sets, what the rules would say; and the form that ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request

from api.auth.permissions import PERMISSIONS, check_permission
from api.features.overrides.listing import PATH
from api.kit.form_fields import HIDDEN, FormField, Proof, SignerRole, Widget, form_fields
from api.kit.formats import UUID_TEXT
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.listing import version_address
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.actor import Actor, Role
from policy_service.decisions.outcomes import InvalidOutcome, read_outcome
from policy_service.decisions.override import (
    ENDING_ROLES,
    MAX_REASON,
    Override,
    OverrideSignature,
    OverrideState,
    can_sign_override,
    may_sign_override,
    signing_roles,
)
from policy_service.decisions.override_store import read_override_end
from policy_service.decisions.words.answers import FieldText, outcome_texts
from policy_service.identity.errors import UnknownAccount
from policy_service.identity.service import read_account
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.overrides.last_decision import LastDecision, read_last_decision, read_policy_version
from policy_service.overrides.signature_validity import read_with_signature_validity


class EndForm(FormModel):
    """The reason for ending an override, and the role."""

    reason: Annotated[str, Widget("area", Message("Reason")), Field(max_length=MAX_REASON)]
    role: SignerRole
    password: Proof = None


class SignForm(EndForm):
    """The reason for signing an override, the role, and the digest that was shown."""

    digest: Annotated[str, HIDDEN, Field(max_length=71)]


@dataclass(frozen=True, slots=True)
class OverrideEndView:
    """The early end of the override."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class OverridePage:
    """One override."""

    template: ClassVar[str] = "overrides/one.html"
    end_fields: ClassVar[tuple[FormField, ...]] = form_fields(EndForm)
    sign_fields: ClassVar[tuple[FormField, ...]] = form_fields(SignForm)
    frame: Frame
    override: Override
    title: Bilingual
    outcome: tuple[tuple[FieldText, ...], ...]
    role: Role
    state: OverrideState
    signatures: tuple[tuple[OverrideSignature, Role], ...]
    owed_roles: tuple[Role, ...]
    decided_by: tuple[tuple[str, str], ...]
    """The versions of governance that say who must sign: the name and the address of each."""
    signer_roles: tuple[Role, ...]
    """The roles in which the reader may sign it now."""
    action: Literal["sign", "end"]
    """The act whose form is shown."""
    sign_denied_reason: str | None
    """Why the reader cannot sign it; None for those who can."""
    end: OverrideEndView | None
    last_decision: LastDecision | None
    outcome_errors: tuple[str, ...]
    """Why the version in force now has no room for it, if it has none."""
    end_denied_reason: str | None
    """Why the reader cannot end it; None for those who can."""
    form: FormState
    ending_roles: tuple[Role, ...]
    """Those that the reader may end it in."""
    reauthentication: Reauthentication


def override_id(text: str) -> str:
    """The identifier of an exception in an address. Raises ProblemError when it is none."""
    if not UUID_TEXT.fullmatch(text):
        raise ProblemError(NOT_FOUND, Message("There is no such override."))
    return text


def override_page(  # noqa: PLR0913, PLR0917  # what it is made from, and the form in it
    service: Service, session: Session, request: Request, frame: Frame, name: str, action: str, form: FormState
) -> OverridePage:
    """The page of an exception, with the form that signs it or ends it (`action`). Raises UnknownOverride."""
    now = frame.now
    override = read_with_signature_validity(session, name, now)
    signer_roles = signing_roles(override, frame.actor, now) if frame.actor else ()
    policy = read_policy_version(service.catalogue, session, override)
    return OverridePage(
        frame=frame,
        override=override,
        title=policy.title if policy else Bilingual(override.policy, override.policy),
        outcome=outcome_texts(override.outcome, policy, frame.lang),
        role=Role(override.role),
        state=override.state(now),
        signatures=tuple((each, Role(each.role)) for each in override.signatures),
        owed_roles=tuple(map(Role, override.missing_roles)),
        decided_by=tuple(_governance_versions(override)),
        signer_roles=signer_roles,
        action="sign" if signer_roles and action != "end" else "end",
        sign_denied_reason=_sign_denied_reason(frame.actor, override, now),
        end=_override_end(session, name),
        last_decision=read_last_decision(session, override.subject, override.policy, frame.lang),
        outcome_errors=_outcome_errors(service, session, override, now),
        end_denied_reason=_end_denied_reason(frame.actor, override, now),
        form=form,
        ending_roles=held_roles(frame.actor, ENDING_ROLES),
        reauthentication=reauthentication_state(service, request, now, f"{PATH}/{name}"),
    )


def held_roles(actor: Actor | None, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """The reader's roles in which they can sign."""
    return tuple(role for role in roles if actor is not None and role in actor.roles)


def _end_denied_reason(actor: Actor | None, override: Override, now: datetime) -> str | None:
    permission = check_permission(actor, PERMISSIONS["POST", f"{PATH}/{{override}}/end"]) if actor else ""
    if permission is not True:
        return permission
    return None if override.is_open(now) else Message("The override has already ended.")


def _sign_denied_reason(actor: Actor | None, override: Override, now: datetime) -> str | None:
    possible = can_sign_override(override, now)
    if possible is not True or actor is None:
        return possible if possible is not True else ""
    if signing_roles(override, actor, now):
        return None
    confirmed = replace(actor, confirmed_at=now)
    reasons = (may_sign_override(override, confirmed, Role(role), now) for role in override.missing_roles)
    return next(each for each in reasons if each is not True)


def _governance_versions(override: Override) -> Iterator[tuple[str, str]]:
    for name in ("overrides", "sign_off"):
        if version := (override.decided_by or {}).get(name):
            yield f"{version['policy']} {version['version']}", version_address(version["policy"], version["version"])


def _override_end(session: Session, override: str) -> OverrideEndView | None:
    end = read_override_end(session, override)
    if end is None:
        return None
    try:
        by = read_account(session, end.actor).printed_name
    except UnknownAccount:
        by = end.actor
    return OverrideEndView(by, end.at, end.reason)


def _outcome_errors(service: Service, session: Session, override: Override, now: datetime) -> tuple[str, ...]:
    """Return why an override is not applied: the version in force does not support its outcome."""
    policy = service.catalogue.in_force(session, now).get(override.policy) if override.covers(now) else None
    if policy is None:
        return ()
    try:
        read_outcome(policy, override.outcome)
    except InvalidOutcome as error:
        return error.problems
    return ()

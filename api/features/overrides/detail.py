"""One override: who made it, why, until when, what it sets, what the rules would say; and the form that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS, check_permission
from api.features.overrides.listing import PATH
from api.kit.form_fields import HIDDEN, FormField, Proof, SignerRole, Widget, form_fields
from api.kit.formats import UUID_TEXT
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.actor import Actor, Role
from policy_service.decisions.override import ENDING_ROLES, MAX_REASON, Override, OverrideState, signing_roles
from policy_service.messages import Message
from policy_service.overrides.detail import OverrideDetail, read_override_detail, signing_denied_reason


class EndForm(FormModel):
    """The reason for ending an override, and the role."""

    reason: Annotated[str, Widget("area", Message("Reason")), Field(max_length=MAX_REASON)]
    role: SignerRole
    password: Proof = None


class SignForm(EndForm):
    """The reason for signing an override, the role, and the digest that was shown."""

    digest: Annotated[str, HIDDEN, Field(max_length=71)]


@dataclass(frozen=True, slots=True)
class OverridePage:
    """One override."""

    template: ClassVar[str] = "overrides/one.html"
    end_fields: ClassVar[tuple[FormField, ...]] = form_fields(EndForm)
    sign_fields: ClassVar[tuple[FormField, ...]] = form_fields(SignForm)
    frame: Frame
    detail: OverrideDetail
    state: OverrideState
    signer_roles: tuple[Role, ...]
    """The roles in which the reader may sign it now."""
    action: Literal["sign", "end"]
    """The act whose form is shown."""
    sign_denied_reason: str | None
    """Why the reader cannot sign it; None for those who can."""
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
    now, actor = frame.now, principal_of(request).actor
    detail = read_override_detail(session, service.catalogue, name, now, frame.lang)
    signer_roles = signing_roles(detail.override, actor, now)
    return OverridePage(
        frame=frame,
        detail=detail,
        state=detail.override.state(now),
        signer_roles=signer_roles,
        action="sign" if signer_roles and action != "end" else "end",
        sign_denied_reason=signing_denied_reason(detail.override, actor, now),
        end_denied_reason=_end_denied_reason(actor, detail.override, now),
        form=form,
        ending_roles=held_roles(actor, ENDING_ROLES),
        reauthentication=reauthentication_state(service, request, now, f"{PATH}/{name}"),
    )


def held_roles(actor: Actor | None, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """The reader's roles in which they can sign."""
    return tuple(role for role in roles if actor is not None and role in actor.roles)


def _end_denied_reason(actor: Actor, override: Override, now: datetime) -> str | None:
    permission = check_permission(actor, PERMISSIONS["POST", f"{PATH}/{{override}}/end"])
    if permission is not True:
        return permission
    return None if override.is_open(now) else Message("The override has already ended.")

"""`/account/second-factor`: set up the second factor of one's own account, and remove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from sqlmodel import Session

from api.auth.confirmation import reauthenticate
from api.kit.context import PageContext
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import HIDDEN, MAX_PASSWORD, FormField, Proof, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.listing import link
from api.kit.page_route import PageRoute
from policy_service.database import Transaction
from policy_service.identity import second_factor
from policy_service.identity.qr_code import QrCode, qr_code
from policy_service.messages import Message

PATH = "/account/second-factor"


class EnrolForm(FormModel):
    """The seed of the secret that the page showed, a code of it, and the password."""

    seed: Annotated[str, HIDDEN, Field(max_length=64)]
    code: Annotated[
        str,
        Widget("name", Message("One-time code"), Message("Six digits, from the application.")),
        Field(max_length=20),
    ]
    password: Annotated[SecretStr, Widget("current-password", Message("Your password")), Field(max_length=MAX_PASSWORD)]


class RemoveForm(FormModel):
    """The proof of who removes it."""

    password: Proof = None


@dataclass(frozen=True, slots=True)
class SecondFactorPage:
    """My second factor."""

    template: ClassVar[str] = "session/second_factor.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "set": Message("Your second factor is set up."),
        "removed": Message("Your second factor was removed."),
    }
    enrol_fields: ClassVar[tuple[FormField, ...]] = form_fields(EnrolForm)
    remove_fields: ClassVar[tuple[FormField, ...]] = form_fields(RemoveForm)
    since: datetime | None
    is_required: bool
    seed: str
    """A new one, or the one of the form that was refused."""
    secret: str
    """For the application; empty when the seed is none."""
    address: str
    """By which an application takes the secret up."""
    qr_code: QrCode
    """Of the address."""
    form: FormState


def _page(session: Session, context: PageContext, form: FormState) -> SecondFactorPage:
    actor = context.actor
    seed = form.value("seed") or second_factor.new_seed(session)
    secret = second_factor.secret_of(session, actor.id, seed) or ""
    address = second_factor.address_of(secret, actor.name)
    return SecondFactorPage(
        since=second_factor.enrolled_at(session, actor.id),
        is_required=context.service.settings.second_factor == "required",
        seed=seed,
        secret=secret,
        address=address,
        qr_code=qr_code(address),
        form=form,
    )


async def _validate(form: FormRequest[EnrolForm]) -> FieldErrors:
    seed, code, now = form.values.seed, form.values.code, form.service.clock.now()
    step = await form.context.read(lambda session: second_factor.proving_step(session, form.actor.id, seed, code, now))
    return {"code": second_factor.WRONG_CODE} if step is None else {}


async def _confirm(form: FormRequest[EnrolForm]) -> None:
    await reauthenticate(form.service, form.context.request, form.values.password, code=None)


def _enrol(transaction: Transaction, form: FormRequest[EnrolForm]) -> None:
    second_factor.enrol(transaction, form.actor, form.values.seed, form.values.code)


def _remove(transaction: Transaction, form: FormRequest[RemoveForm]) -> None:
    second_factor.remove(transaction, form.actor, form.actor.id)


ENROL = FormAction(
    PATH,
    EnrolForm,
    page=_page,
    command=_enrol,
    done=lambda *_: link(PATH, done="set"),
    validate=_validate,
    prepare=_confirm,
)
REMOVE = FormAction(
    f"{PATH}/remove",
    RemoveForm,
    page=_page,
    command=_remove,
    done=lambda *_: link(PATH, done="removed"),
    confirm=True,
)
ROUTES = (PageRoute(PATH, _page, prefilled=()), ENROL, REMOVE)

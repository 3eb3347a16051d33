"""`/keys`: the keys in use, and the forms by which an administrator rotates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kit.context import PageContext
from api.kit.form_action import FormAction, FormRequest, page_with_form
from api.kit.form_fields import FormField, Proof, form_fields
from api.kit.forms import FormModel, FormState
from api.kit.page_route import PageRoute
from api.web.problems import CONFLICT, ProblemError
from policy_service.audit.comparison import recorded_difference
from policy_service.audit.keys import PublicKey
from policy_service.audit.service import rotate_key, signing_keys
from policy_service.database import Transaction
from policy_service.decisions.subjects import count_keys, rotate_master_key
from policy_service.messages import Message

PATH = "/keys"
MAX_WRAPPED = 20_000
"""Maximum number of subjects' keys rewrapped while a browser waits."""
Rotated = Literal["signing", "master"]


class RotateForm(FormModel):
    """Takes a new key into use."""

    password: Proof = None


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The keys in use, and both forms."""

    template: ClassVar[str] = "keys/page.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(RotateForm)
    notices: ClassVar[Mapping[str, Message]] = {
        "signing": Message("A new signing key is in use, endorsed by the previous key. Publish its public key."),
        "master": Message(
            "A new master key is in use. Back up the new subjects.key, and destroy all copies of the old one."
        ),
    }
    signing_key: str | None
    """The identifier of the signing key; None if the log has none."""
    signing_count: int
    """The number of signing keys so far, including this one."""
    master_key: str
    subject_keys: int
    forms: dict[Rotated, FormState]

    @property
    def is_quick(self) -> bool:
        """True if there are few enough keys of subjects for a page to wait."""
        return self.subject_keys <= MAX_WRAPPED


def keys_page(session: Session, context: PageContext, forms: dict[Rotated, FormState] | None = None) -> KeysPage:
    """Return the page, with the state of the submitted form. Raises KeyFileError, DatabaseUnavailable."""
    signing = [each["signing_key"] for each in signing_keys(session)]
    return KeysPage(
        signing_key=signing[-1] if signing else None,
        signing_count=len(signing),
        master_key=context.service.fact_cipher.masters.current()[0],
        subject_keys=count_keys(session),
        forms={"signing": context.new_form(), "master": context.new_form(), **(forms or {})},
    )


def _rotate_signing(transaction: Transaction, form: FormRequest[RotateForm]) -> PublicKey:
    """Rotate the signing key. Raises ProblemError while the log does not match its checkpoints, KeyUnavailable."""
    if (difference := recorded_difference(transaction.session)) is not None:
        raise ProblemError(CONFLICT, difference)
    return rotate_key(transaction, form.actor, form.service.settings.keys)


async def _rotate_master(form: FormRequest[RotateForm]) -> int:
    """Rotate the master key, in separate transactions. Raises ProblemError if there are too many keys."""
    service = form.service
    if await form.context.read(count_keys) > MAX_WRAPPED:
        raise ProblemError(CONFLICT, TOO_MANY)
    masters = service.fact_cipher.masters
    return await run_in_threadpool(lambda: rotate_master_key(service.database, service.clock, masters, form.actor))


TOO_MANY = Message(
    "There are too many subject keys to rotate from a page: run `policy-service subject rotate-master-key`."
)
ROTATE_SIGNING = FormAction(
    "/keys/signing",
    RotateForm,
    page=partial(page_with_form, page=keys_page, name="signing"),
    command=_rotate_signing,
    done=lambda *_: f"{PATH}?done=signing",
    confirm=True,
)
ROTATE_MASTER = FormAction(
    "/keys/master",
    RotateForm,
    page=partial(page_with_form, page=keys_page, name="master"),
    command=lambda _, form: form.prepared,
    done=lambda *_: f"{PATH}?done=master",
    prepare=_rotate_master,
    confirm=True,
)
ROUTES = (PageRoute(PATH, keys_page), ROTATE_SIGNING, ROTATE_MASTER)

"""`/subjects/erase`: what erasing a subject takes away, and the form by which compliance does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from starlette.requests import Request

from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import HIDDEN, FormField, Proof, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.database import Transaction
from policy_service.decisions.erasure import ErasurePreview, preview_erasure
from policy_service.decisions.override import MAX_REASON
from policy_service.decisions.subjects import erase_subject
from policy_service.messages import Message
from policy_service.subject import CUSTOMER, MAX_ID, MAX_KIND, Subject

PATH = "/subjects/erase"


class EraseForm(FormModel):
    """Erases one subject."""

    subject: Annotated[str, HIDDEN, Field(max_length=MAX_ID)]
    kind: Annotated[str, HIDDEN, Field(max_length=MAX_KIND)]
    reason: Annotated[
        str,
        Widget(
            "area", Message("Reason"), Message("Who requested it, and when. The log records this text: name no person.")
        ),
        Field(max_length=MAX_REASON),
    ]
    confirmation: Annotated[
        str, Widget("name", Message("Type the subject's identifier to confirm")), Field(max_length=MAX_ID)
    ]
    password: Proof = None


@dataclass(frozen=True, slots=True)
class ErasePage:
    """The effect of the erasure, and the form."""

    template: ClassVar[str] = "subjects/erase.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(EraseForm)
    frame: Frame
    preview: ErasurePreview
    form: FormState
    reauthentication: Reauthentication

    @property
    def decisions_address(self) -> str:
        """The address of the decisions about the subject."""
        return _decisions(self.preview.subject)


def _decisions(subject: Subject) -> str:
    return link("/decisions", subject=subject.id, kind=subject.kind)


async def erase_page(pages: Pages, request: Request, form_state: FormState) -> ErasePage:
    """The page of the subject that the form, or the address, names. Raises InvalidSubject."""
    params = request.query_params
    subject = Subject(
        form_state.value("subject") or params.get("subject", ""),
        form_state.value("kind") or params.get("kind") or CUSTOMER,
    )
    frame = pages.frame(request)
    preview = await run_read(pages.service, lambda session: preview_erasure(session, subject))
    here = link(PATH, subject=subject.id, kind=subject.kind)
    return ErasePage(frame, preview, form_state, reauthentication_state(pages.service, request, frame.now, here))


async def _validate(form: FormRequest[EraseForm]) -> FieldErrors:
    if form.values.confirmation == form.values.subject:
        return {}
    return {"confirmation": Message("This is not the identifier of the subject.")}


def _erase(transaction: Transaction, form: FormRequest[EraseForm]) -> None:
    values = form.values
    erase_subject(transaction, form.actor, Subject(values.subject, values.kind), values.reason)


ERASE = FormAction(
    PATH,
    EraseForm,
    page=erase_page,
    command=_erase,
    done=lambda form, _: f"{_decisions(Subject(form.values.subject, form.values.kind))}&done=erased",
    validate=_validate,
    confirm=True,
)
ROUTES = (PageRoute(PATH, erase_page, prefilled=()), ERASE)

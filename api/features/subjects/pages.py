"""`/subjects/erase`, `/subjects/merge`: compliance erases a subject, or merges two identifiers of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from sqlmodel import Session

from api.kit.common_fields import SubjectKind, decided_kinds
from api.kit.context import PageContext
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import HIDDEN, FormField, Proof, Reason, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.listing import link
from api.kit.page_route import PageRoute
from policy_service.database import Transaction
from policy_service.decisions.erasure import ErasurePreview, preview_erasure
from policy_service.decisions.merges import merge_subjects
from policy_service.decisions.override import MAX_REASON
from policy_service.decisions.subjects import erase_subject
from policy_service.messages import Message
from policy_service.subject import CUSTOMER, MAX_ID, MAX_KIND, Subject

ERASE_PATH = "/subjects/erase"


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
    preview: ErasurePreview
    form: FormState


def _decisions(subject: Subject) -> str:
    return link("/decisions", subject=subject.id, kind=subject.kind)


def erase_page(session: Session, context: PageContext, form: FormState) -> ErasePage:
    """Return the page of the subject that the form, or the address, names. Raises InvalidSubject."""
    params = context.params
    subject = Subject(
        form.value("subject") or params.get("subject", ""), form.value("kind") or params.get("kind") or CUSTOMER
    )
    return ErasePage(preview_erasure(session, subject), form)


async def _validate_confirmation(form: FormRequest[EraseForm]) -> FieldErrors:
    if form.values.confirmation == form.values.subject:
        return {}
    return {"confirmation": Message("This is not the identifier of the subject.")}


def _erase(transaction: Transaction, form: FormRequest[EraseForm]) -> None:
    values = form.values
    erase_subject(transaction, form.actor, Subject(values.subject, values.kind), values.reason)


ERASE = FormAction(
    ERASE_PATH,
    EraseForm,
    page=erase_page,
    command=_erase,
    done=lambda form, _: f"{_decisions(Subject(form.values.subject, form.values.kind))}&done=erased",
    validate=_validate_confirmation,
    confirm=True,
)


MERGE_PATH = "/subjects/merge"


class MergeForm(FormModel):
    """The two subjects of a merge, and the reason."""

    subject: Annotated[
        str,
        Widget("text", Message("Subject"), Message("Group lists no longer contain it.")),
        Field(min_length=1, max_length=MAX_ID),
    ]
    into: Annotated[
        str,
        Widget("text", Message("Merged into"), Message("The number that remains. Its own decisions count.")),
        Field(min_length=1, max_length=MAX_ID),
    ]
    kind: SubjectKind = CUSTOMER
    reason: Reason
    password: Proof = None


@dataclass(frozen=True, slots=True)
class MergePage:
    """The form."""

    template: ClassVar[str] = "subjects/merge.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(MergeForm)
    form: FormState
    kinds: tuple[tuple[str, str], ...]


async def merge_page(context: PageContext, form: FormState) -> MergePage:
    """Build the page with what stands in the form."""
    kinds = decided_kinds(context, form)
    return MergePage(form, kinds)


def _merge(transaction: Transaction, form: FormRequest[MergeForm]) -> Subject:
    values = form.values
    into = Subject(values.into, values.kind)
    merge_subjects(transaction, form.actor, Subject(values.subject, values.kind), into, values.reason)
    return into


MERGE = FormAction(
    MERGE_PATH,
    MergeForm,
    page=merge_page,
    command=_merge,
    done=lambda _, into: link("/audit", about=f"subject:{into.id}"),
    confirm=True,
)
ROUTES = (
    PageRoute(ERASE_PATH, erase_page, prefilled=()),
    ERASE,
    PageRoute(MERGE_PATH, merge_page, prefilled=("subject", "into", "kind")),
    MERGE,
)

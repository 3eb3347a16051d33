"""`/subjects/merge`: the form by which compliance merges two numbers of one subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from starlette.requests import Request

from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import FormField, Proof, Reason, Widget, form_fields
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from policy_service.database import Transaction
from policy_service.decisions.merges import merge_subjects
from policy_service.messages import Message
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

PATH = "/subjects/merge"


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
    kind: Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
    reason: Reason
    password: Proof = None


@dataclass(frozen=True, slots=True)
class MergePage:
    """The form."""

    template: ClassVar[str] = "subjects/merge.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(MergeForm)
    frame: Frame
    form: FormState
    kinds: tuple[tuple[str, str], ...]
    reauthentication: Reauthentication


async def merge_page(pages: Pages, request: Request, form: FormState) -> MergePage:
    """Build the page with what stands in the form."""
    frame = pages.frame(request)
    kinds = kind_options(pages.service.decider.policies.values(), frame.lang, form.value("kind"))
    return MergePage(frame, form, kinds, reauthentication_state(pages.service, request, frame.now, PATH))


def _merge(transaction: Transaction, form: FormRequest[MergeForm]) -> Subject:
    values = form.values
    into = Subject(values.into, values.kind)
    merge_subjects(transaction, form.actor, Subject(values.subject, values.kind), into, values.reason)
    return into


MERGE = FormAction(
    PATH,
    MergeForm,
    page=merge_page,
    command=_merge,
    done=lambda _, into: link("/audit", about=f"subject:{into.id}"),
    confirm=True,
)
ROUTES = (PageRoute(PATH, merge_page, prefilled=("subject", "into", "kind")), MERGE)

"""The fields of a form for rendering, from the annotations of its model.

    class LinkForm(FormModel):
        issuer: Annotated[str, Widget("text", Message("Issuer")), Field(max_length=300)]

    fields: ClassVar = form_fields(LinkForm)        # of the page
    {{ parts.render(page.form, page.fields) }}      # in its template

Label, hint and limits are declared once: browser and model validate alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic.fields import FieldInfo

from api.kit.forms import Day
from policy_service.actor import Role
from policy_service.approval.validation import MAX_REASON
from policy_service.identity.passwords import MAX_LENGTH as MAX_PASSWORD
from policy_service.messages import Message

__all__ = ["HIDDEN", "MAX_PASSWORD", "FormField", "Proof", "Reason", "SignerRole", "Widget", "form_fields"]
WidgetKind = Literal[
    "text", "name", "username", "new-password", "current-password", "area", "date", "datetime-local", "number",
    "choice", "pick", "checks", "hidden", "proof",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Widget:
    """The widget of a field. A page gives the options of `choice`, `pick` and `checks`, and the value of `hidden`.

    `name` is text that is no prose; `pick` shows the only option there is, or a choice of several; `proof` is the
    password, or the confirmation of the identity provider.
    """

    kind: WidgetKind
    label: Message | None = None
    hint: Message | None = None
    unset: Message | None = None
    """The label of the empty option."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field to render."""

    name: str
    widget: Widget
    required: bool
    default: str
    limits: Mapping[str, int]
    """`maxlength`, `min` and `max` as HTML attributes."""


HIDDEN = Widget("hidden")
Reason = Annotated[str, Widget("area", Message("Reason")), Field(max_length=MAX_REASON)]
"""The reason for an action on a change or a suspension."""
SignerRole = Annotated[Role, Widget("pick", Message("You sign as"))]
Proof = Annotated[SecretStr | None, Widget("proof"), Field(max_length=MAX_PASSWORD)]


def form_fields(model: type[BaseModel], *names: str) -> tuple[FormField, ...]:
    """Return the fields of a model, or only named ones. Raises LookupError if a field has no widget."""
    return tuple(_form_field(name, model.model_fields[name]) for name in names or model.model_fields)


def _form_field(name: str, info: FieldInfo) -> FormField:
    widget = next((each for each in info.metadata if isinstance(each, Widget)), None)
    if widget is None:
        raise LookupError(name)
    default = "" if info.is_required() or info.default in {None, ()} else str(info.default)
    return FormField(name, widget, info.is_required() or bool(default), default, _limits(info))


def _limits(info: FieldInfo) -> dict[str, int]:
    limits: dict[str, int] = {}
    for each in info.metadata:
        match each:
            case object(max_length=int(length)):
                limits["maxlength"] = length
            case object(ge=int(least)):
                limits["min"] = least
            case object(le=int(most)):
                limits["max"] = most
            case _:
                pass
    return limits


MOST_DAYS = 3_650
"""Maximum age of facts in forms, days."""
MaxAge = Annotated[
    int,
    Widget(
        "number",
        Message("Maximum age of the facts (days)"),
        Message("Subjects with older facts are listed, not decided."),
    ),
    Field(ge=0, le=MOST_DAYS),
]
DecisionDay = Annotated[Day | None, Widget("date", Message("Decision day"), Message("Today by default."))]

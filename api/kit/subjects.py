"""Subjects on the pages: the kinds that are offered, and what is wrong with an identifier that was filled in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from api.kit.context import PageContext
from api.kit.form_fields import Widget
from api.kit.forms import FieldErrors, FormState
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message
from policy_service.subject import CUSTOMER, KIND, InvalidSubject, Subject, kind_label, subject_errors

SubjectKind = Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")]


def decided_kinds(context: PageContext, form: FormState) -> tuple[tuple[str, str], ...]:
    """Return the kinds that policies in force are about, and the one that stands in a form."""
    return kind_options(context.service.decider.policies.values(), context.frame.lang, form.value("kind"))


def kind_options(policies: Iterable[Policy], lang: Language, selected: str = "") -> tuple[tuple[str, str], ...]:
    """Return the kinds that policies are about, and the one that was chosen, each with what it is called."""
    kinds = {CUSTOMER, *(policy.subject for policy in policies), *filter(None, [selected])}
    return tuple((kind, kind_label(kind, lang)) for kind in sorted(kinds, key=lambda kind: (kind != CUSTOMER, kind)))


def subject_field_errors(subject: Subject) -> FieldErrors:
    """Return the errors of a subject, by field."""
    return invalid_subject_errors(InvalidSubject(subject, subject_errors(subject)))


def invalid_subject_errors(invalid: InvalidSubject) -> FieldErrors:
    """Return the errors of the fields of an invalid subject, with what to write."""
    return {part: Message("Invalid subject: {fault}.", fault=error) for part, error in invalid.errors.items()}

"""The form of a pack: a policy, a subject, both, or a period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlmodel import Session

from api.kit.form_fields import Widget
from api.kit.forms import Day, FieldErrors, FormModel, expected_error
from api.kit.subjects import subject_field_errors
from policy_service.decisions.record_queries import is_on_record
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message
from policy_service.packs.scope import MAX_SAMPLE, Scope
from policy_service.registry.service import policy_names
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

Option = tuple[str, str]


class PackForm(FormModel):
    """The form; what is left out does not matter."""

    policy: Annotated[
        str | None,
        Widget("choice", Message("Policy"), unset=Message("no policy in particular")),
        Field(max_length=129),
    ] = None
    subject: Annotated[
        str | None,
        Widget("text", Message("Subject"), Message("The customer number, such as C202405003.")),
        Field(max_length=MAX_ID),
    ] = None
    kind: Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
    since: Annotated[
        Day | None,
        Widget(
            "date",
            Message("From"),
            Message(
                "With a policy or a subject, the days select decisions and overrides; alone they select everything."
            ),
        ),
    ] = None
    until: Annotated[Day | None, Widget("date", Message("To (inclusive)"))] = None
    sample: Annotated[int, Widget("number", Message("Decisions, at most")), Field(ge=0, le=MAX_SAMPLE)] = 20


def scope_of(form: PackForm, zone: ZoneInfo) -> Scope:
    """Return the scope of the form; days are those of the zone, the last one included. Raises InvalidScope."""
    since = _midnight(form.since, zone) if form.since else None
    until = _midnight(form.until + timedelta(days=1), zone) if form.until else None
    subject = Subject(form.subject, form.kind) if form.subject else None
    return Scope(form.policy, subject, since, until, form.sample)


def unknown_errors(session: Session, form: PackForm) -> FieldErrors:
    """Return the errors of what is not on record."""
    errors: FieldErrors = {}
    if form.policy and form.policy not in policy_names(session):
        errors["policy"] = expected_error(Message("a policy on record"))
    # No database has a subject with NUL, and PostgreSQL does not even look for one.
    if form.subject and ("\0" in form.subject or not is_on_record(session, form.subject, form.kind)):
        not_on_record = {"subject": Message("No records about this subject.")}
        errors |= subject_field_errors(Subject(form.subject, form.kind)) or not_on_record
    return errors


def titled_policy_options(session: Session, in_force: Mapping[str, Policy], lang: Language) -> tuple[Option, ...]:
    """Every policy there ever was, with its title where it is in force."""
    names = policy_names(session)
    return tuple((name, _label(name, in_force.get(name), lang)) for name in names)


def _label(name: str, policy: Policy | None, lang: Language) -> str:
    if policy is None:
        return name
    title = policy.title.zh if lang == "zh" else policy.title.en
    return f"{name} · {title}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)

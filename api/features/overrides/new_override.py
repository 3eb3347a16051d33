"""The form that records an override: subject, policy, outcome, reason, and last day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr
from sqlmodel import Session

from api.kit.common_fields import PolicyChoice, subject_field_errors
from api.kit.context import PageContext
from api.kit.form_fields import FormField, Proof, SignerRole, Widget, form_fields
from api.kit.forms import ETAG, KEY, FieldErrors, Form, FormModel, FormState, validate_form
from api.kit.values import Options, ValueWidget, widget_of
from api.service import Service
from policy_service.actor import DIRECTORS, Actor, Role
from policy_service.analysis.typed_values import read_outcomes
from policy_service.compilers.prose import type_in_words
from policy_service.decisions.override import MAX_LENGTH, MAX_REASON
from policy_service.decisions.override_store import GOVERNANCE
from policy_service.language.policy import Bilingual, Language, Outcome, Policy
from policy_service.messages import Message
from policy_service.overrides.last_decision import LastDecision, read_last_decision
from policy_service.overrides.service import OverrideRequest
from policy_service.subject import MAX_ID, Subject, id_error

PATH = "/overrides"
FIELD = re.compile(r"o\.([0-9]{1,2})\.(.+)", re.DOTALL)
MIN_ENTRIES = 3
"""Minimum number of entries offered for a policy that lists; there is always an empty one."""
MAX_ENTRIES = 20
EMPTY_LIST_FIELD = "nothing"
"""The checkbox for an empty list."""


@dataclass(frozen=True, slots=True)
class OutcomeField:
    """One value to fill in."""

    name: str
    title: Bilingual
    expects: str
    """Its type in words, with its unit and bounds."""
    widget: ValueWidget
    options: Options


def is_outcome_field(name: str) -> bool:
    """Return True if a field of the form is one of these."""
    return name == EMPTY_LIST_FIELD or FIELD.fullmatch(name) is not None


def outcome_entries(policy: Policy, form: FormState, lang: Language) -> tuple[tuple[OutcomeField, ...], ...]:
    """Return the fields by entry; for a policy that lists, with empty entries to fill in."""
    numbers = [int(match[1]) for name in form.values if (match := FIELD.fullmatch(name)) and form.value(name)]
    count = min(MAX_ENTRIES, max(MIN_ENTRIES, max(numbers, default=0) + 2)) if policy.returns_list else 1
    return tuple(
        tuple(_outcome_field(entry, outcome, lang) for outcome in policy.outcomes.values()) for entry in range(count)
    )


def _outcome_field(entry: int, outcome: Outcome, lang: Language) -> OutcomeField:
    widget, options = widget_of(outcome.type, outcome.words, lang)
    expects = type_in_words(outcome.type, lang, outcome.words)
    return OutcomeField(f"o.{entry}.{outcome.name}", outcome.title, expects, widget, options)


def read_outcome_fields(policy: Policy, form: Form, lang: Language) -> tuple[Any, FieldErrors]:
    """Read the fields as JSON; return it with the errors of each field."""
    entries: dict[int, dict[str, Sequence[str]]] = {}
    errors: FieldErrors = {}
    for field, values in form.fields.items():
        match = FIELD.fullmatch(field)
        if (
            match
            and match[2] in policy.outcomes
            and (int(match[1]) == 0 or (policy.returns_list and int(match[1]) < MAX_ENTRIES))
        ):
            if texts := [value.strip() for value in values if value.strip()]:
                entries.setdefault(int(match[1]), {})[match[2]] = texts
        elif is_outcome_field(field) and field != EMPTY_LIST_FIELD:
            errors[""] = Message("There is no such field.")
    if not policy.returns_list:
        entries = {0: entries.get(0, {})}
    outcomes, wrong = read_outcomes(policy, entries, lang)
    errors |= {f"o.{entry}.{name}": message for (entry, name), message in wrong.items()}
    if not policy.returns_list:
        return outcomes[0], errors
    if not outcomes and not form.value(EMPTY_LIST_FIELD):
        errors[EMPTY_LIST_FIELD] = Message("Fill in at least one entry, or mark the list as empty.")
    elif outcomes and form.value(EMPTY_LIST_FIELD):
        errors[EMPTY_LIST_FIELD] = Message("A list marked as empty cannot have entries.")
    return outcomes, errors


NEW = f"{PATH}/new"
NOT_IN_FORCE = Message("Choose a policy in force; policies of governance cannot be overridden.")
NO_DAY = Message("Not a valid date or time.")


class OverrideForm(FormModel):
    """The fields that do not depend on the policy."""

    subject: Annotated[
        str,
        Widget("text", Message("Subject"), Message("The customer number, such as C202405003.")),
        Field(max_length=MAX_ID),
    ]
    policy: PolicyChoice
    reason: Annotated[
        str,
        Widget("area", Message("Reason"), Message("Shown in every decision that uses it.")),
        Field(max_length=MAX_REASON),
    ]
    last_day: Annotated[date, Widget("date", Message("Last day"))]
    role: SignerRole
    password: Proof = None


@dataclass(frozen=True, slots=True)
class OverrideSubmission:
    """A requested override, ready for the library."""

    override: OverrideRequest
    password: SecretStr | None


@dataclass(frozen=True, slots=True)
class NewOverridePage:
    """The form; its second half appears once a policy is chosen."""

    template: ClassVar[str] = "overrides/new.html"
    subject_fields: ClassVar[tuple[FormField, ...]] = form_fields(OverrideForm, "subject")
    choosing_fields: ClassVar[tuple[FormField, ...]] = form_fields(OverrideForm, "subject", "policy")
    signing_fields: ClassVar[tuple[FormField, ...]] = form_fields(
        OverrideForm, "reason", "last_day", "role", "password"
    )
    form: FormState
    policies: tuple[tuple[str, str], ...]
    policy: Policy | None
    entries: tuple[tuple[OutcomeField, ...], ...]
    last_decision: LastDecision | None
    roles: tuple[Role, ...]
    max_days: int
    """Maximum duration of an override, days."""


def new_override_page(session: Session, context: PageContext, form: FormState) -> NewOverridePage:
    """Return the form as it stands."""
    service, frame = context.service, context.frame
    policies = _policies_offered(service, session, frame.now)
    name, subject = form.value("policy"), form.value("subject")
    policy = policies.get(name)
    policy_subject = Subject(subject, policy.subject) if policy and id_error(subject) is None else None
    return NewOverridePage(
        form=form,
        policies=tuple((each.id, f"{each.title.in_language(frame.lang)} ({each.id})") for each in policies.values()),
        policy=policy,
        entries=outcome_entries(policy, form, frame.lang) if policy else (),
        last_decision=read_last_decision(session, policy_subject, name, frame.lang) if policy_subject else None,
        roles=held_roles(frame.actor, DIRECTORS),
        max_days=MAX_LENGTH.days,
    )


def read_override_form(
    service: Service, session: Session, form: Form, lang: Language
) -> OverrideSubmission | FieldErrors:
    """Read the form; return the submission, or the errors of each field."""
    fields = {name: each for name, each in form.fields.items() if not is_outcome_field(name)}
    values = validate_form(Form(fields, {}), OverrideForm)
    errors: FieldErrors = values if isinstance(values, dict) else {}
    policy = _policies_offered(service, session, service.clock.now()).get(form.value("policy"))
    if policy is None:
        errors.setdefault("policy", NOT_IN_FORCE)
    outcome, outcome_errors = read_outcome_fields(policy, form, lang) if policy else (None, {})
    errors = {**errors, **outcome_errors}
    errors |= _subject_errors(form.value("subject"))
    until = _until(values.last_day, service.zone) if isinstance(values, OverrideForm) else None
    if isinstance(values, OverrideForm) and until is None:
        errors["last_day"] = NO_DAY
    if not isinstance(values, OverrideForm) or until is None or policy is None or errors:
        return {
            name if name in OverrideForm.model_fields or is_outcome_field(name) else "": errors[name] for name in errors
        }
    subject = Subject(values.subject, policy.subject)
    override = OverrideRequest(subject, values.policy, outcome, values.role, values.reason, until)
    return OverrideSubmission(override, values.password)


def held_roles(actor: Actor | None, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """Return the reader's roles in which they can sign."""
    return tuple(role for role in roles if actor is not None and role in actor.roles)


def prefilled_form(form: FormState, query: dict[str, str]) -> FormState:
    """Return a form prefilled from an address."""
    errors = _subject_errors(query.get("subject", ""))
    values = {name: (value,) for name, value in query.items() if name not in {KEY, ETAG}}
    return FormState(form.key, values, errors)


def _subject_errors(id_: str) -> FieldErrors:
    """Return the errors of the subject's field; an empty one is another error."""
    return subject_field_errors(Subject(id_)) if id_ else {}


def _policies_offered(service: Service, session: Session, now: datetime) -> dict[str, Policy]:
    """Return the policies that can be overridden."""
    active = service.catalogue.heads_in_force(session, now)
    return {name: policy for name, policy in active.items() if policy.domain != GOVERNANCE}


def _until(last: date, zone: ZoneInfo) -> datetime | None:
    """Return the end of a day, which is the beginning of the next; None when there is none."""
    try:
        return datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    except OverflowError:
        return None

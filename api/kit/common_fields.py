"""Fields that several forms have: the kind of a subject, a policy, and a registered population."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.form_fields import Widget
from api.kit.forms import FieldErrors, FormState, expected_error
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message
from policy_service.population.registered.errors import UnknownPopulation
from policy_service.population.registered.model import MAX_POPULATIONS, NAME
from policy_service.population.registered.queries import list_populations, read_population
from policy_service.registry.service import policy_names
from policy_service.subject import CUSTOMER, KIND, InvalidSubject, Subject, kind_label, subject_errors

SubjectKind = Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")]
PolicyChoice = Annotated[str, Widget("choice", Message("Policy")), Field(max_length=129)]
Population = Annotated[
    str | None,
    Widget(
        "choice",
        Message("Population"),
        Message("A registered file, in place of the decision records; its facts have no age."),
        unset=Message("the decision records"),
    ),
    Field(pattern=f"^{NAME.pattern}$"),
]


def decided_kinds(context: PageContext, form: FormState) -> tuple[tuple[str, str], ...]:
    """Return the kinds that policies in force are about, and the one that stands in a form."""
    return kind_options(context.service.decider.policies.values(), context.frame.lang, form.value("kind"))


def kind_options(policies: Iterable[Policy], lang: Language, selected: str = "") -> tuple[tuple[str, str], ...]:
    """Return the kinds that policies are about, and the selected one, each with its label."""
    kinds = {CUSTOMER, *(policy.subject for policy in policies), *filter(None, [selected])}
    return tuple((kind, kind_label(kind, lang)) for kind in sorted(kinds, key=lambda kind: (kind != CUSTOMER, kind)))


def subject_field_errors(subject: Subject) -> FieldErrors:
    """Return the errors of a subject, by field."""
    return invalid_subject_errors(InvalidSubject(subject, subject_errors(subject)))


def invalid_subject_errors(invalid: InvalidSubject) -> FieldErrors:
    """Return the errors of the fields of an invalid subject, with what to write."""
    return {part: Message("Invalid subject: {fault}.", fault=error) for part, error in invalid.errors.items()}


def subject_policies(context: PageContext) -> tuple[tuple[str, str], ...]:
    """Return the policies in force that are about subjects, each with its title."""
    in_force = (each for each in context.service.decider.policies.values() if each.domain != OWN_DOMAIN)
    return tuple((each.id, each.title.in_language(context.frame.lang)) for each in in_force)


def policy_errors(session: Session, policy: str) -> FieldErrors:
    """Return the error of the field `policy` where nothing is on record under that name."""
    return {} if policy in policy_names(session) else {"policy": expected_error(Message("a policy on record"))}


def population_options(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the names of the registered populations, each with its day. Raises DamagedRecord."""
    found = list_populations(session, limit=MAX_POPULATIONS).items
    return tuple((each.name, f"{each.name} ({each.as_of})") for each in found)


def population_errors(session: Session, name: str | None) -> Mapping[str, Message]:
    """Return the error of the field `population` where none is registered under that name. Raises DamagedRecord."""
    if name is None:
        return {}
    try:
        read_population(session, name)
    except UnknownPopulation:
        return {"population": expected_error(Message("a registered population"))}
    return {}

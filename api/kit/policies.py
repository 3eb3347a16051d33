"""Policies in forms: those that are offered, and what is wrong with the name of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.form_fields import Widget
from api.kit.forms import FieldErrors, expected_error
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.messages import Message
from policy_service.registry.service import policy_names

PolicyChoice = Annotated[str, Widget("choice", Message("Policy")), Field(max_length=129)]


def subject_policies(context: PageContext) -> tuple[tuple[str, str], ...]:
    """Return the policies in force that are about subjects, each with its title."""
    in_force = (each for each in context.service.decider.policies.values() if each.domain != OWN_DOMAIN)
    return tuple((each.id, each.title.in_language(context.frame.lang)) for each in in_force)


def policy_errors(session: Session, policy: str) -> FieldErrors:
    """Return the error of the field `policy` where nothing is on record under that name."""
    return {} if policy in policy_names(session) else {"policy": expected_error(Message("a policy on record"))}

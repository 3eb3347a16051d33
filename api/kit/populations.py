"""The field of forms that decide about a population: a registered one, or the decision records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from api.kit.form_fields import Widget
from api.kit.forms import expected_error
from policy_service.messages import Message
from policy_service.population.registered.errors import UnknownPopulation
from policy_service.population.registered.model import MAX_POPULATIONS, NAME
from policy_service.population.registered.queries import list_populations, read_population

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


def population_options(session: Session) -> tuple[tuple[str, str], ...]:
    """Return the names of the registered populations, each with its day. Raises DamagedRecord."""
    found = list_populations(session, limit=MAX_POPULATIONS).items
    return tuple((each.name, f"{each.name} ({each.as_of})") for each in found)


def population_errors(session: Session, name: str | None) -> Mapping[str, Message]:
    """Return the errors of the field. Raises DamagedRecord."""
    if name is None:
        return {}
    try:
        read_population(session, name)
    except UnknownPopulation:
        return {"population": expected_error(Message("a registered population"))}
    return {}

"""`/populations/new`, `/populations/{population}`: a file is registered, read about, and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from starlette.requests import Request

from api.auth.permissions import may_read
from api.features.populations.registration import prepare
from api.kit.form_action import EmptyForm, FormAction, FormRequest
from api.kit.form_fields import FormField, Widget, form_fields
from api.kit.forms import Day, FieldErrors, FormModel, FormState
from api.kit.frame import Frame, Page
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from api.web.transactions import run_read
from policy_service.database import Transaction
from policy_service.messages import Message
from policy_service.population.registered.model import (
    KEEP_DAYS,
    MAX_BYTES,
    MAX_KEEP_DAYS,
    MAX_NAME,
    NAME,
    PopulationDetails,
    RegisteredPopulation,
    format_of,
)
from policy_service.population.registered.queries import read_population
from policy_service.population.registered.service import Registration, delete_population, register_population
from policy_service.subject import CUSTOMER, KIND

MAX_MAPPING = 20_000
"""Characters of a mapping in the form."""
NOTICES: Mapping[str, Message] = {"registered": Message("The population is registered.")}


USES = (
    (Message("Run a policy over it"), "/runs"),
    (Message("Make benchmark figures from it"), "/benchmarks"),
)


class PopulationForm(FormModel):
    """The form: what a file is called and about, for which day, and how long it is kept."""

    name: Annotated[
        str,
        Widget("name", Message("Name"), Message("Small letters, digits, hyphens: customers-2026-11.")),
        Field(max_length=MAX_NAME, pattern=f"^{NAME.pattern}$"),
    ]
    kind: Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
    as_of: Annotated[Day, Widget("date", Message("Day of the facts"), Message("Runs and figures count to this day."))]
    keep_days: Annotated[
        int, Widget("number", Message("Kept for (days)"), Message("Then it is deleted.")), Field(ge=1, le=MAX_KEEP_DAYS)
    ] = KEEP_DAYS
    mapping: Annotated[
        str,
        Widget(
            "area",
            Message("Mapping"),
            Message("Only if columns are called otherwise than facts: which column is which fact, as YAML."),
        ),
        Field(max_length=MAX_MAPPING),
    ] = ""


@dataclass(frozen=True, slots=True)
class NewPopulationPage:
    """The form of a new population."""

    template: ClassVar[str] = "populations/new.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(PopulationForm)
    most: ClassVar[int] = MAX_BYTES // 2**20
    frame: Frame
    form: FormState
    kinds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PopulationPage:
    """One population, and the form that deletes it."""

    template: ClassVar[str] = "populations/population.html"
    frame: Frame
    population: RegisteredPopulation
    form: FormState

    @property
    def uses(self) -> tuple[tuple[Message, str], ...]:
        """The work that the reader may start over it, and where."""
        return tuple(
            (title, link(path, population=self.population.name))
            for title, path in USES
            if may_read(self.frame.actor, path)
        )


async def new_population_page(pages: Pages, request: Request, form: FormState) -> Page:
    """Build the form of a new population."""
    frame = pages.frame(request)
    kinds = kind_options(pages.service.decider.policies.values(), frame.lang, form.value("kind"))
    return NewPopulationPage(frame, form, kinds)


async def _first_page(pages: Pages, request: Request) -> Page:
    today = pages.service.clock.now().astimezone(pages.service.zone).date()
    return await new_population_page(pages, request, pages.new_form(as_of=today.isoformat()))


async def population_page(pages: Pages, request: Request, population: str, form: FormState) -> Page:
    """Build the page of a population. Raises UnknownPopulation, DamagedRecord."""
    found = await run_read(pages.service, lambda session: read_population(session, population))
    return PopulationPage(pages.frame(request, NOTICES), found, form)


async def _validate(form: FormRequest[PopulationForm]) -> FieldErrors:
    return {} if form.form.files.get("file") else {"file": Message("Choose a file that is not empty.")}


async def _prepare(form: FormRequest[PopulationForm]) -> Registration:
    content = form.form.files["file"][0]
    return await prepare(form.service, PopulationDetails(**form.values.model_dump()), content, format_of(content))


def _delete(transaction: Transaction, form: FormRequest[EmptyForm]) -> RegisteredPopulation:
    return delete_population(transaction, form.actor, form.path["population"])


REGISTER = FormAction(
    "/populations",
    PopulationForm,
    page=new_population_page,
    command=lambda transaction, form: register_population(transaction, form.actor, form.prepared),
    done=lambda _, population: link(f"/populations/{population.id}", done="registered"),
    validate=_validate,
    prepare=_prepare,
    max_bytes=MAX_BYTES + MAX_MAPPING * 4,
)
DELETE = FormAction(
    "/populations/{population}/delete",
    EmptyForm,
    page=population_page,
    command=_delete,
    done=lambda *_: link("/populations", done="deleted"),
)
ROUTES = (
    PageRoute("/populations/new", _first_page),
    PageRoute("/populations/{population}", population_page, prefilled=()),
    REGISTER,
    DELETE,
)

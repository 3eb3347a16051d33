"""`/populations`, `/populations/{population}`: lists, registers, shows and deletes files of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from sqlmodel import Session

from api.auth.permissions import may_read
from api.features.populations.registration import prepare
from api.kit.common_fields import SubjectKind, decided_kinds
from api.kit.context import PageContext
from api.kit.form_action import EmptyForm, FormAction, FormRequest
from api.kit.form_fields import FormField, Widget, form_fields
from api.kit.forms import Day, FieldErrors, FormModel, FormState
from api.kit.frame import Frame, Page
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.table import Table, TableColumn, TableQuery
from api.kit.table_options import OF_KIND
from policy_service.database import Transaction
from policy_service.messages import Message
from policy_service.paging import Page as ListPage
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
from policy_service.population.registered.queries import list_populations, read_population
from policy_service.population.registered.service import Registration, delete_population, register_population
from policy_service.subject import CUSTOMER, kind_label


def _read_page(session: Session, _: PageContext, query: TableQuery) -> ListPage[RegisteredPopulation]:
    """Return one page of the populations that the filter leaves."""
    return list_populations(session, query.filters["kind"] or None, **query.paging)


def _kind(population: RegisteredPopulation, frame: Frame) -> str:
    return kind_label(population.kind, frame.lang)


POPULATIONS: Table[RegisteredPopulation] = Table(
    path="/populations",
    title=Message("Populations"),
    about=Message(
        "Files of facts that the service keeps, encrypted, so that runs, benchmark figures and simulations can name "
        "them. Nobody can download them; subjects that are erased are removed from them."
    ),
    columns=(
        TableColumn("registered", Message("Registered"), lambda each, _: each.registered_at, is_sortable=True),
        TableColumn("name", Message("Name"), lambda each, _: each.name),
        TableColumn("kind", Message("Kind of subject"), _kind),
        TableColumn("as_of", Message("Facts of"), lambda each, _: each.as_of),
        TableColumn("subjects", Message("Subjects"), lambda each, _: each.subjects),
        TableColumn("refused", Message("Refused rows"), lambda each, _: each.refused),
        TableColumn("removed", Message("Erased rows"), lambda each, _: each.removed),
        TableColumn("by", Message("Registered by"), lambda each, _: each.printed_name),
        TableColumn("expires", Message("Kept until"), lambda each, _: each.expires_at),
        TableColumn("digest", Message("Digest"), lambda each, _: each.digest, is_export_only=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.id, is_export_only=True),
    ),
    filters=(OF_KIND,),
    sort="-registered",
    read=_read_page,
    row_id=lambda each: each.id,
    cells="populations/_cells.html",
    empty=(Message("No populations yet."), Message("Register a file with a row for each subject.")),
    no_match=Message("No matching populations."),
)


MAX_MAPPING = 20_000
"""Maximum length of a mapping in the form, characters."""


USES = (
    (Message("Run a policy over it"), "/runs"),
    (Message("Make benchmark figures from it"), "/benchmarks"),
)


class PopulationForm(FormModel):
    """The form: name, kind, day and retention of a file."""

    name: Annotated[
        str,
        Widget("name", Message("Name"), Message("Small letters, digits, hyphens: customers-2026-11.")),
        Field(max_length=MAX_NAME, pattern=f"^{NAME.pattern}$"),
    ]
    kind: SubjectKind = CUSTOMER
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
    form: FormState
    kinds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PopulationPage:
    """One population, and the form that deletes it."""

    template: ClassVar[str] = "populations/population.html"
    notices: ClassVar[Mapping[str, Message]] = {"registered": Message("The population is registered.")}
    population: RegisteredPopulation
    uses: tuple[tuple[Message, str], ...]
    """The jobs that the reader may start with it, and their addresses."""
    form: FormState


async def new_population_page(context: PageContext, form: FormState) -> Page:
    """Build the form of a new population."""
    kinds = decided_kinds(context, form)
    return NewPopulationPage(form, kinds)


async def _first_page(context: PageContext) -> Page:
    today = context.service.clock.now().astimezone(context.service.zone).date()
    return await new_population_page(context, context.new_form(as_of=today.isoformat()))


def population_page(session: Session, context: PageContext, population: str, form: FormState) -> Page:
    """Build the page of a population. Raises UnknownPopulation, DamagedRecord."""
    found = read_population(session, population)
    uses = tuple((title, link(path, population=found.name)) for title, path in USES if may_read(context.actor, path))
    return PopulationPage(found, uses, form)


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

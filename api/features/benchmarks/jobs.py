"""`/benchmarks`: the job of a renewal: its form, its result, and the change it drafts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field
from sqlmodel import Session

from api.kit.common_fields import Population, SubjectKind, decided_kinds, population_errors, population_options
from api.kit.context import PageContext
from api.kit.form_fields import HIDDEN, MOST_DAYS, Widget
from api.kit.forms import Day, FormModel, FormState
from api.kit.job import FormChoices, JobForm, JobPages
from policy_service.approval import service as approval
from policy_service.clock import midnight
from policy_service.decisions.reevaluation import MAX_AGE
from policy_service.jobs.kind import InsideContext, JobContext, JobKind
from policy_service.language.benchmark_set import Method, Quantiles
from policy_service.messages import Message
from policy_service.population.registered.queries import population_day
from policy_service.population.renewal import Renewal, RenewalReport, renew_figures
from policy_service.registry.model import Period
from policy_service.subject import CUSTOMER
from policy_service.workers.kinds import DECIDING

LEAST_SUBJECTS, MOST_SUBJECTS = 3, 1_000_000
"""Of a group: who writes policies does not read what one subject has."""


class RenewalForm(FormModel):
    """The parameters: set, kind, day, maximum age of facts, and method."""

    name: Annotated[
        str,
        Widget(
            "name", Message("Name of the set"), Message("Keep it the same each month: the policies are named after it.")
        ),
        Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*$"),
    ] = "customers"
    kind: SubjectKind = CUSTOMER
    population: Population = None
    as_of: Annotated[
        Day | None,
        Widget("date", Message("Day of the figures"), Message("By default the population's day, or today.")),
    ] = None
    max_age: Annotated[
        int,
        Widget(
            "number", Message("Maximum age of the facts (days)"), Message("Subjects with older facts do not count.")
        ),
        Field(ge=0, le=MOST_DAYS),
    ] = MAX_AGE
    smallest_group: Annotated[
        int,
        Widget(
            "number",
            Message("Subjects of a group, at least"),
            Message("Smaller groups have no figure; they are listed."),
        ),
        Field(ge=LEAST_SUBJECTS, le=MOST_SUBJECTS),
    ] = 5
    quantiles: Annotated[Quantiles, Widget("choice", Message("Method of quantiles"))] = "linear"
    start: Annotated[Day | None, Widget("date", Message("In force from"), Message("Tomorrow by default."))] = None
    lang: Annotated[Literal["zh", "en"], HIDDEN] = "en"


@dataclass(frozen=True, slots=True)
class RenewalResult:
    """The result of a renewal."""

    change: str
    """The drafted change."""
    as_of: str
    report: RenewalReport
    """The report without texts, which are in the change."""


def run_renewal(context: JobContext, form: RenewalForm) -> RenewalReport:
    """Compute the figures. Raises what `renew_figures` does."""
    with context.open_database() as database:
        renewal = _renewal(form, form.as_of or population_day(database, form.population) or context.today)
        return renew_figures(
            database, context.cipher, renewal, context.started_at, lambda rows: context.progress.write(rows, 0)
        )


def _renewal(form: RenewalForm, as_of: date) -> Renewal:
    method = Method(form.quantiles, form.smallest_group)
    return Renewal(form.name, form.kind, as_of, form.max_age, method, form.population)


def finish_renewal(inside: InsideContext, form: RenewalForm, report: RenewalReport) -> RenewalResult:
    """Draft the change of the figures. Raises PermissionDenied, ValidationFailed, DatabaseUnavailable."""
    service, actor, renewal = inside.service, inside.actor, _renewal(form, date.fromisoformat(report.as_of))
    today = service.clock.now().astimezone(service.zone).date()
    start = midnight(form.start or today + timedelta(days=1), service.zone)
    with service.database.write(service.clock) as transaction:
        change = approval.create(
            transaction,
            actor,
            title=renewal.title(report.version, form.lang),
            reason=renewal.reason(report.subjects, form.lang),
            effective=Period(start, None),
            texts=[text.encode() for text in report.texts],
        )
    return RenewalResult(change.id, report.as_of, replace(report, texts=()))


RENEWAL: JobKind[RenewalForm, RenewalResult] = JobKind(
    name="renewal",
    title=Message("Renewal of benchmark figures"),
    unit=Message("subjects"),
    form=RenewalForm,
    run=run_renewal,
    limits=DECIDING,
    finish=finish_renewal,
    keep=timedelta(days=90),
    shared=True,
    checks=(lambda session, form: population_errors(session, form.population),),
    result=RenewalResult,
    describe=lambda result: {"change": result.change, **result.report.to_dict()},
)


QUANTILES: tuple[tuple[Quantiles, Message], ...] = (
    ("linear", Message("linear, as spreadsheets do")),
    ("weibull", Message("Weibull")),
    ("hazen", Message("Hazen")),
    ("inverted", Message("the value of a subject")),
)


def _choices(session: Session, context: PageContext, form: FormState) -> FormChoices:
    lang = context.frame.lang
    kinds = decided_kinds(context, form)
    options = {"kind": kinds, "population": population_options(session), "quantiles": QUANTILES}
    return FormChoices(options, {"lang": lang})


RENEWAL_FORM = JobForm(
    title=Message("Benchmark figures"),
    about=Message(
        "Makes the figures that policies refer to from the facts of all subjects on record, or of a registered "
        "population, and drafts a change with them, which is analysed and signed like any other."
    ),
    heading=Message("Renew the figures"),
    button=Message("Renew the figures"),
    recent=Message("Recent renewals"),
    choices=_choices,
    prefilled=("name", "kind", "population", "as_of", "max_age", "smallest_group", "start"),
)
RENEWAL_PAGES = JobPages("/benchmarks", RENEWAL, "benchmarks/result.html", form=RENEWAL_FORM)

"""`/benchmarks`: the job of a renewal: its form, its result, and the change that it drafts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from api.kit.form_fields import HIDDEN, MOST_DAYS, Widget
from api.kit.forms import Day, FormModel, FormState
from api.kit.frame import Frame
from api.kit.job import FormChoices, JobForm, JobPages
from api.kit.populations import Population, population_errors, population_options
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from api.workers.job_kind import InsideContext, JobContext, JobKind
from policy_service.approval import service as approval
from policy_service.audit.guard import start_guard
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.reevaluation import MAX_AGE
from policy_service.decisions.subjects import FactCipher
from policy_service.language.benchmark_set import Method, Quantiles
from policy_service.messages import Message
from policy_service.population.registered.queries import population_day
from policy_service.population.renewal import Renewal, RenewalReport, renew_figures
from policy_service.registry.model import Period
from policy_service.subject import CUSTOMER, KIND
from policy_service.workers.kinds import DECIDING

LEAST_SUBJECTS, MOST_SUBJECTS = 3, 1_000_000
"""Of a group: who writes policies does not read what one subject has."""
TITLES = {"zh": "{day} 基准数据（{name} {version}）", "en": "Benchmark figures of {day} ({name} {version})"}
REASONS = {
    "zh": "由 {subjects} 个有记录的对象算出，输入项最多 {max_age} 天前；不足 {least} 个对象的组没有数字。",
    "en": "Made from {subjects} subjects on record, by facts at most {max_age} days old; a group of fewer than {least} has no figure.",  # noqa: E501
}
POPULATION_REASONS = {
    "zh": "由客户群体 {population} 的 {subjects} 个对象算出；不足 {least} 个对象的组没有数字。",
    "en": "Made from {subjects} subjects of the population {population}; a group of fewer than {least} has no figure.",
}
"""What the change says of itself, in the language of who asked."""


class RenewalForm(FormModel):
    """The form: which set, of whom, for which day, by how old facts and which method."""

    name: Annotated[
        str,
        Widget(
            "name", Message("Name of the set"), Message("Keep it the same each month: the policies are named after it.")
        ),
        Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*$"),
    ] = "customers"
    kind: Annotated[str, Widget("choice", Message("Kind of subject")), Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
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
    """The change that was drafted."""
    as_of: str
    report: RenewalReport
    """Without the texts, which the change has."""


def run_renewal(context: JobContext, form: RenewalForm) -> RenewalReport:
    """Make the figures. Raises what `renew_figures` does."""
    with closing(Database(context.url, keys=context.keys)) as database:
        start_guard(database)
        today = context.started_at.astimezone(context.zone).date()
        as_of = form.as_of or population_day(database, form.population) or today
        method = Method(form.quantiles, form.smallest_group)
        renewal = Renewal(form.name, form.kind, as_of, form.max_age, method, form.population)
        cipher = FactCipher(MasterKeys(context.keys))
        return renew_figures(
            database, cipher, renewal, context.started_at, lambda rows: context.progress.write(rows, 0)
        )


def finish_renewal(inside: InsideContext, form: RenewalForm, report: RenewalReport) -> RenewalResult:
    """Draft the change of the figures. Raises PermissionDenied, ValidationFailed, DatabaseUnavailable."""
    service, actor = inside.service, inside.actor
    today = service.clock.now().astimezone(service.zone).date()
    start = datetime.combine(form.start or today + timedelta(days=1), time(), service.zone)
    with service.database.write(service.clock) as transaction:
        change = approval.create(
            transaction,
            actor,
            title=TITLES[form.lang].format(day=report.as_of, name=form.name, version=report.version),
            reason=_reason(form, report),
            effective=Period(start, None),
            texts=[text.encode() for text in report.texts],
        )
    return RenewalResult(change.id, report.as_of, replace(report, texts=()))


def _reason(form: RenewalForm, report: RenewalReport) -> str:
    texts = REASONS if form.population is None else POPULATION_REASONS
    return texts[form.lang].format(
        subjects=report.subjects, max_age=form.max_age, least=form.smallest_group, population=form.population
    )


def describe_renewal(result: RenewalResult) -> Mapping[str, Any]:
    """Return a result as JSON."""
    report = result.report
    return {
        "change": result.change,
        "as_of": result.as_of,
        "version": report.version,
        "digest": report.digest,
        "subjects": report.subjects,
        "refused": report.refused,
        "left_out": list(report.left_out),
        "figures": [
            {
                "measure": each.measure,
                "group": list(each.group),
                "subjects": each.subjects,
                "value": each.value,
                "before": each.before,
                "difference": each.difference,
            }
            for each in report.figures
        ],
    }


RENEWAL: JobKind[RenewalForm, RenewalResult] = JobKind(
    name="renewal",
    title=Message("Renewal of benchmark figures"),
    unit=Message("subjects"),
    form=RenewalForm,
    template="benchmarks/result.html",
    run=run_renewal,
    limits=DECIDING,
    finish=finish_renewal,
    keep=timedelta(days=90),
    shared=True,
    checks=(lambda session, form: population_errors(session, form.population),),
    result=RenewalResult,
    describe=describe_renewal,
)


QUANTILES: tuple[tuple[Quantiles, Message], ...] = (
    ("linear", Message("linear, as spreadsheets do")),
    ("weibull", Message("Weibull")),
    ("hazen", Message("Hazen")),
    ("inverted", Message("the value of a subject")),
)


async def _choices(pages: Pages, frame: Frame, form: FormState) -> FormChoices:
    kinds = kind_options(pages.service.decider.policies.values(), frame.lang, form.value("kind"))
    options = {"kind": kinds, "population": await population_options(pages), "quantiles": QUANTILES}
    return FormChoices(options, {"lang": frame.lang})


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
RENEWAL_PAGES = JobPages("/benchmarks", RENEWAL, form=RENEWAL_FORM)

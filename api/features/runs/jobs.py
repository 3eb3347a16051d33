"""`/runs`: the job of a run: its form, its result, and the file of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field
from sqlmodel import Session

from api.kit.common_fields import (
    PolicyChoice,
    Population,
    policy_errors,
    population_errors,
    population_options,
    subject_policies,
)
from api.kit.context import PageContext
from api.kit.form_fields import HIDDEN, DecisionDay, MaxAge, Widget
from api.kit.forms import FormModel, FormState, expected_error
from api.kit.job import FormChoices, JobForm, JobPages
from policy_service.approval.service import UnknownChange, read_change
from policy_service.audit.events import ListExported
from policy_service.audit.log import append
from policy_service.decisions.reevaluation import MAX_AGE
from policy_service.jobs.kind import FileKind, InsideContext, JobContext, JobKind
from policy_service.messages import Message
from policy_service.population.recorded_run import RecordedRun, RunSummary, run_over_records
from policy_service.population.registered.queries import population_day
from policy_service.workers.kinds import DECIDING

FILE_FORMATS = ("csv", "xlsx", "parquet")


class RunForm(FormModel):
    """The parameters: policy, version, day, and maximum age of facts."""

    policy: PolicyChoice
    change: Annotated[
        str | None,
        Widget(
            "name",
            Message("Drafted by the change"),
            Message("Its number; the versions of the change decide in place of those in force."),
        ),
        Field(pattern=r"^[0-9a-f-]{36}$"),
    ] = None
    population: Population = None
    max_age: MaxAge = MAX_AGE
    as_of: DecisionDay = None
    format: Annotated[Literal["csv", "xlsx", "parquet"], Widget("choice", Message("File format"))] = "csv"
    lang: Annotated[Literal["zh", "en"], HIDDEN] = "en"


def run_run(context: JobContext, form: RunForm) -> RunSummary:
    """Decide about all subjects. Raises what `run_over_records` does."""
    context.folder.mkdir(mode=0o700)
    with context.open_database() as database:
        as_of = form.as_of or population_day(database, form.population) or context.today
        question = RecordedRun(form.policy, form.change, as_of, form.max_age, form.format, form.lang, form.population)
        return run_over_records(
            database,
            context.cipher,
            question,
            context.started_at,
            folder=context.folder,
            file=context.file,
            progress=lambda _, done, total: context.progress.write(done, total or 0),
        )


def finish_run(inside: InsideContext, form: RunForm, summary: RunSummary) -> RunSummary:
    """Record in the log that the answers were written to a file. Raises DatabaseUnavailable."""
    asked = form.model_dump(mode="json", exclude_none=True, exclude={"format", "lang"})
    filters = {name: str(value) for name, value in asked.items()}
    rows = summary.manifest["subjects"]
    with inside.service.database.write(inside.service.clock) as transaction:
        append(transaction, inside.actor, ListExported("/runs", form.format, rows, is_complete=True, filters=filters))
    return summary


def _check_form(session: Session, form: RunForm) -> Mapping[str, Message]:
    """Return the errors of names that are not on record."""
    if form.change is not None:
        try:
            read_change(session, form.change)
        except UnknownChange:
            return {"change": expected_error(Message("the number of a change"))}
        return {}
    return policy_errors(session, form.policy)


RUN: JobKind[RunForm, RunSummary] = JobKind(
    name="run",
    title=Message("Run"),
    unit=Message("subjects"),
    form=RunForm,
    run=run_run,
    limits=DECIDING,
    finish=finish_run,
    file=FileKind("run-{at:%Y%m%d-%H%M%S}.zip", "application/zip"),
    keep=timedelta(days=30),
    shared=True,
    names_subjects=True,
    checks=(_check_form, lambda session, form: population_errors(session, form.population)),
    result=RunSummary,
    describe=lambda result: dict(result.manifest),
)


def _choices(session: Session, context: PageContext, form: FormState) -> FormChoices:
    lang = context.frame.lang
    policies = dict(subject_policies(context))
    if chosen := form.value("policy"):
        policies.setdefault(chosen, chosen)  # one that a change drafts
    options = {
        "policy": tuple(policies.items()),
        "population": population_options(session),
        "format": tuple((each, each) for each in FILE_FORMATS),
    }
    return FormChoices(options, {"lang": lang})


RUN_FORM = JobForm(
    title=Message("Runs"),
    about=Message(
        "A policy decides about everybody on record, by the facts of each subject's latest decision, or about a "
        "registered population. The answers are a file to download; nothing is recorded."
    ),
    heading=Message("Run a policy"),
    button=Message("Run"),
    recent=Message("Recent runs"),
    choices=_choices,
    note="runs/_note.html",
    prefilled=("policy", "change", "population", "max_age", "as_of", "format"),
)
RUN_PAGES = JobPages("/runs", RUN, "runs/result.html", form=RUN_FORM)

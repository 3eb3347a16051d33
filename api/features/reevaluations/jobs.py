"""`/reevaluations`: the job of a re-evaluation: its form, its result, and the file of what was not decided.

It is started by itself when a version has come into force, if `POLICY_SERVICE_REEVALUATION_DAYS` says so. Every process
looks once a minute at the versions that came into force lately. Jobs are on record, so each is started once, whichever
process sees it first. One that was interrupted is started again, a few times at most: it goes on where it was.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kit.context import PageContext
from api.kit.form_fields import DecisionDay, MaxAge
from api.kit.forms import FormModel, FormState
from api.kit.job import FormChoices, JobForm, JobPages
from api.kit.policies import PolicyChoice, policy_errors, subject_policies
from api.service import Service
from policy_service.actor import SERVICE
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.reevaluation import MAX_AGE, Reevaluation, Reevaluator
from policy_service.decisions.words.reevaluation import ReevaluationResult, reevaluate_into
from policy_service.integrity import DamagedRecord
from policy_service.jobs.due_reevaluations import due_reevaluations
from policy_service.jobs.errors import TooManyJobs
from policy_service.jobs.kind import FileKind, InsideContext, JobContext, JobKind
from policy_service.jobs.queries import list_jobs
from policy_service.jobs.runner import Jobs
from policy_service.messages import Message

CSV = "text/csv; charset=utf-8"


class ReevaluationForm(FormModel):
    """The form: which policy, for which day, and how old facts may be."""

    policy: PolicyChoice
    max_age: MaxAge = MAX_AGE
    as_of: DecisionDay = None


def run_reevaluation(context: JobContext, form: ReevaluationForm, inside: InsideContext) -> ReevaluationResult:
    """Decide again. Raises what `reevaluate_into` does."""
    service = inside.service
    scope = Reevaluation(form.policy, form.as_of or context.today, form.max_age)
    reevaluator = Reevaluator(service.decisions, service.database, service.clock, service.fact_cipher)
    progress, is_cancelled = context.progress.write, inside.stop.is_set
    return reevaluate_into(
        context.file, reevaluator, inside.actor, scope, context.today, on_progress=progress, is_cancelled=is_cancelled
    )


REEVALUATION: JobKind[ReevaluationForm, ReevaluationResult] = JobKind(
    name="reevaluation",
    title=Message("Re-evaluation"),
    unit=Message("subjects"),
    form=ReevaluationForm,
    run_inside=run_reevaluation,
    file=FileKind("undecided-{at:%Y%m%d-%H%M%S}.csv", CSV),
    keep=timedelta(days=90),
    shared=True,
    names_subjects=True,
    checks=(lambda session, form: policy_errors(session, form.policy),),
    result=ReevaluationResult,
    describe=ReevaluationResult.to_dict,
)


def _choices(_: Session, context: PageContext, __: FormState) -> FormChoices:
    return FormChoices({"policy": subject_policies(context)}, {"days": context.service.settings.reevaluation_days})


REEVALUATION_FORM = JobForm(
    title=Message("Re-evaluations"),
    about=Message(
        "Decides all subjects of a policy again by the version in force, with the latest facts on record. The "
        "decisions are recorded like any other. Subjects that could not be decided are listed."
    ),
    heading=Message("Decide again"),
    button=Message("Decide again"),
    recent=Message("Recent re-evaluations"),
    choices=_choices,
    note="reevaluations/_note.html",
    prefilled=("policy", "max_age", "as_of"),
)
REEVALUATION_PAGES = JobPages("/reevaluations", REEVALUATION, "reevaluations/result.html", form=REEVALUATION_FORM)


LOOK_SECONDS = 60.0
"""Seconds between two looks."""
MAX_JOBS = 200
"""The newest jobs that are looked through."""


async def reevaluate_activated(service: Service, jobs: Jobs) -> None:
    """Start what is due now and once a minute, until it is cancelled."""
    while service.settings.reevaluation_days:
        try:
            for form in await run_in_threadpool(due_forms, service):
                await jobs.start(REEVALUATION, SERVICE, form)
        except TooManyJobs:
            pass  # one at a time: the next look starts the next
        except (DatabaseUnavailable, DamagedRecord) as error:
            service.log.warning("reevaluation_not_started", reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)


def due_forms(service: Service) -> list[ReevaluationForm]:
    """Return the forms that start what is due."""
    max_age = service.settings.reevaluation_days
    with service.database.read() as session:
        jobs = list_jobs(session, SERVICE.id, [REEVALUATION.name], limit=MAX_JOBS).items
        due = due_reevaluations(session, service.now(), service.zone, max_age, jobs)
    return [ReevaluationForm(policy=each.policy, max_age=each.max_age, as_of=each.as_of) for each in due]

"""`/reevaluations`: the job of a re-evaluation: its form, its result, and the file of undecided subjects.

It is started automatically when a version comes into force, if `POLICY_SERVICE_REEVALUATION_DAYS` is set. Every process
checks once a minute for recent activations. Jobs are recorded, so each is started once, by whichever process is first.
An interrupted one is restarted, a few times at most, and resumes.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kit.common_fields import PolicyChoice, policy_errors, subject_policies
from api.kit.context import PageContext
from api.kit.form_fields import DecisionDay, MaxAge
from api.kit.forms import FormModel, FormState
from api.kit.job import FormChoices, JobForm, JobPages
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
    """The parameters: policy, day, and maximum age of facts."""

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
"""Interval between checks."""
MAX_JOBS = 200
"""Maximum number of jobs read, the newest."""


async def reevaluate_activated(service: Service, jobs: Jobs) -> None:
    """Start what is due now and every minute, until cancelled."""
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

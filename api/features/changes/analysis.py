"""The analysis of a submitted change: report and simulation, as a job if there are many decision records.

draft ── submit ──► under analysis ── the job is done ──► submitted
  ▲                       │
  └── why it was not ─────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.kit.forms import expected_error
from api.service import Service
from policy_service.actor import SERVICE, Actor
from policy_service.approval import service as approval
from policy_service.identity.service import accounts
from policy_service.jobs import queries
from policy_service.jobs.errors import TooManyJobs
from policy_service.jobs.kind import InsideContext, JobContext, JobKind, JobService
from policy_service.jobs.model import Job, JobState
from policy_service.jobs.runner import Jobs
from policy_service.messages import Message, plain_text
from policy_service.population.draft_work import signers
from policy_service.population.recorded_effect import RecordedEffects, takes_long
from policy_service.workers.kinds import ANALYSING


class AnalysisForm(BaseModel):
    """The change to analyse."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    change: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


def run_analysis(context: JobContext, form: AnalysisForm) -> approval.PreparedSubmission:
    """Check a change under analysis, and simulate it. Raises OperationRejected, RunFailed, DatabaseUnavailable."""

    def on_progress(_: str, completed: int, total: int | None) -> None:
        context.progress.write(completed, total or completed)

    with context.open_database() as database, database.read() as session:
        effects = RecordedEffects(database, lambda: context.cipher, context.zone, on_progress)
        return approval.prepare_submission(session, form.change, signers(), context.clock.now(), effects=effects)


def finish_analysis(inside: InsideContext, form: AnalysisForm, prepared: approval.PreparedSubmission) -> dict[str, Any]:
    """Submit an analysed change in the name of the actor who started the analysis. Raises OperationRejected."""
    with inside.service.database.write(inside.service.clock) as transaction:
        account = accounts(transaction.session, [inside.actor.id]).get(inside.actor.id)
        actor = account.actor() if account is not None else inside.actor
        change = approval.submit(transaction, actor, prepared, expected=prepared.etag, analysed=True)
    return {"change": form.change, "digest": change.digest}


def settle_analysis(service: JobService, parameters: Mapping[str, Any], reason: str) -> None:
    """Return a change to draft after a failed analysis. Raises DatabaseUnavailable."""
    with service.database.write(service.clock) as transaction:
        change = approval.read_change(transaction.session, parameters["change"])
        if change.state is approval.ChangeState.UNDER_ANALYSIS:
            approval.end_analysis(transaction, SERVICE, change.id, reason=plain_text(reason), expected=change.etag)


def _check_form(session: Session, form: AnalysisForm) -> Mapping[str, Message]:
    """Reject a change that does not exist, or is not under analysis."""
    with suppress(approval.UnknownChange):
        if approval.read_change(session, form.change).state is approval.ChangeState.UNDER_ANALYSIS:
            return {}
    return {"change": expected_error(Message("a change under analysis"))}


ANALYSIS: JobKind[AnalysisForm, dict[str, Any]] = JobKind(
    name="analysis",
    title=Message("Analysis of a change"),
    unit=Message("subjects"),
    form=AnalysisForm,
    run=run_analysis,
    limits=ANALYSING,
    finish=finish_analysis,
    settle=settle_analysis,
    shared=True,
    alone=False,
    checks=(_check_form,),
)


def running_analysis(session: Session, change: str) -> Job | None:
    """Return the job that analyses a change; None if there is none."""
    jobs = queries.list_jobs(session, "", [ANALYSIS.name], shared=[ANALYSIS.name]).items
    mine = (job for job in jobs if job.state is JobState.RUNNING and job.parameters.get("change") == change)
    return next(mine, None)


def needs_analysis(session: Session, change: str) -> bool:
    """Return True if computing the effect of a change is slow enough to need a job. Raises UnknownChange."""
    return takes_long(session, approval.read_change(session, change).draft.simulated_over)


async def start_analysis(service: Service, jobs: Jobs, actor: Actor, change: str) -> None:
    """Start the analysis job of a change under analysis, unless it runs. Raises DatabaseUnavailable."""

    def is_pending() -> bool:
        with service.database.read() as session:
            current = approval.read_change(session, change)
            return current.state is approval.ChangeState.UNDER_ANALYSIS and running_analysis(session, change) is None

    if not await run_in_threadpool(is_pending):
        return
    form = AnalysisForm(change=change)
    try:
        await jobs.start(ANALYSIS, actor, form)
    except TooManyJobs as error:
        await run_in_threadpool(settle_analysis, service, form.model_dump(), str(error))

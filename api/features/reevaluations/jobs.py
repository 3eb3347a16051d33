"""`/reevaluations`: the job of a re-evaluation: its form, its result, and the file of what was not decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from api.kit.form_fields import DecisionDay, MaxAge, Widget
from api.kit.forms import FormModel, FormState, expected_error
from api.kit.frame import Frame
from api.kit.job import FormChoices, JobForm, JobPages
from api.kit.rendering import Pages
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.decisions.reevaluation import MAX_AGE, Reevaluation, Reevaluator
from policy_service.decisions.words.reevaluation import ReevaluationResult, reevaluate_into
from policy_service.jobs.kind import FileKind, InsideContext, JobContext, JobKind
from policy_service.messages import Message
from policy_service.registry.service import policy_names

CSV = "text/csv; charset=utf-8"


class ReevaluationForm(FormModel):
    """The form: which policy, for which day, and how old facts may be."""

    policy: Annotated[str, Widget("choice", Message("Policy")), Field(max_length=129)]
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


def _check_form(session: Session, form: ReevaluationForm) -> Mapping[str, Message]:
    """Find what is not on record."""
    return {} if form.policy in policy_names(session) else {"policy": expected_error(Message("a policy on record"))}


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
    checks=(_check_form,),
    result=ReevaluationResult,
    describe=ReevaluationResult.to_dict,
)


async def _choices(pages: Pages, frame: Frame, _: FormState) -> FormChoices:
    in_force = (policy for policy in pages.service.decider.policies.values() if policy.domain != OWN_DOMAIN)
    policies = tuple((policy.id, policy.title.in_language(frame.lang)) for policy in in_force)
    return FormChoices({"policy": policies}, {"days": pages.service.settings.reevaluation_days})


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

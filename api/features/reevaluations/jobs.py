"""`/reevaluations`: the job of a re-evaluation: its form, its result, and the file of what was not decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from sqlmodel import Session

from api.kit.form_fields import DecisionDay, MaxAge, Widget
from api.kit.forms import FormModel, FormState, expected_error
from api.kit.frame import Frame
from api.kit.job import FormChoices, JobForm, JobPages
from api.kit.rendering import Pages
from api.workers.job_kind import FileKind, InsideContext, JobContext, JobKind
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.decisions.reevaluation import (
    HEADINGS,
    MAX_AGE,
    Reason,
    Reevaluation,
    Reevaluator,
    Undecided,
    reevaluate,
)
from policy_service.errors import PolicyServiceError
from policy_service.language.policy import Bilingual, Policy
from policy_service.messages import Message
from policy_service.registry.service import policy_names
from policy_service.spreadsheet import CsvFile

MAX_ROWS = 200
"""What was not decided, as far as the page shows it; the file has all of it."""
CSV = "text/csv; charset=utf-8"
REASONS: Mapping[str, Message] = {
    Reason.ERASED: Message("erased"),
    Reason.ARCHIVED: Message("facts in an archive"),
    Reason.TOO_OLD: Message("facts too old"),
    Reason.MISSING_FACTS: Message("missing facts"),
    Reason.REJECTED: Message("values no longer accepted"),
    Reason.SUSPENDED: Message("policy suspended"),
}
"""Why something was not decided."""


class ReevaluationForm(FormModel):
    """The form: which policy, for which day, and how old facts may be."""

    policy: Annotated[str, Widget("choice", Message("Policy")), Field(max_length=129)]
    max_age: MaxAge = MAX_AGE
    as_of: DecisionDay = None


class DayToCome(PolicyServiceError):
    """Nothing is decided for a day to come."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class UndecidedRow:
    """A subject that was not decided, for a reader."""

    subject: str
    kind: str
    policy: Bilingual
    reason: str
    facts: tuple[Bilingual, ...]
    told_on: str | None

    @property
    def reason_label(self) -> Message:
        """The reason in words."""
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class ReevaluationResult:
    """The result of a re-evaluation."""

    policy: Bilingual
    as_of: str
    decided: int
    current: int
    undecided: Mapping[str, int]
    rows: tuple[UndecidedRow, ...]

    @property
    def reasons(self) -> tuple[tuple[Message, int], ...]:
        """The count of subjects not decided, by reason."""
        return tuple((REASONS[reason], count) for reason, count in self.undecided.items())

    @property
    def undecided_count(self) -> int:
        """The count of subjects not decided."""
        return sum(self.undecided.values())


def run_reevaluation(context: JobContext, form: ReevaluationForm, inside: InsideContext) -> ReevaluationResult:
    """Decide again. Raises what `reevaluate` does, and DayToCome."""
    service = inside.service
    today = context.started_at.astimezone(service.zone).date()
    scope = Reevaluation(form.policy, form.as_of or today, form.max_age)
    if scope.as_of > today:
        raise DayToCome(Message("The decision day {day} is in the future.", day=scope.as_of.isoformat()))
    policies, rows = service.decider.policies, list[UndecidedRow]()
    reevaluator = Reevaluator(service.decisions, service.database, service.clock, service.fact_cipher)
    with CsvFile(context.file, HEADINGS) as file:

        def take(each: Undecided) -> None:
            file.write(each.cells())
            if len(rows) < MAX_ROWS:
                rows.append(_row(each, policies))

        counts = reevaluate(
            reevaluator,
            inside.actor,
            scope,
            on_undecided=take,
            on_progress=context.progress.write,
            is_cancelled=inside.stop.is_set,
        )
    title = policies[scope.policy].title
    as_of = scope.as_of.isoformat()
    return ReevaluationResult(title, as_of, counts.decided, counts.current, counts.undecided, tuple(rows))


def _row(each: Undecided, policies: Mapping[str, Policy]) -> UndecidedRow:
    told_on = each.told_on.isoformat() if each.told_on else None
    titles = {name: fact.title for policy in policies.values() for name, fact in policy.facts.items()}
    facts = tuple(titles.get(name) or Bilingual(name, name) for name in each.facts)
    return UndecidedRow(each.subject, each.kind, policies[each.policy].title, each.reason.value, facts, told_on)


def _check_form(session: Session, form: ReevaluationForm) -> Mapping[str, Message]:
    """Find what is not on record."""
    return {} if form.policy in policy_names(session) else {"policy": expected_error(Message("a policy on record"))}


def describe_result(result: ReevaluationResult) -> dict[str, Any]:
    """Return the counts as JSON; the file has the rest."""
    return {
        "as_of": result.as_of,
        "decided": result.decided,
        "current": result.current,
        "undecided": dict(result.undecided),
    }


REEVALUATION: JobKind[ReevaluationForm, ReevaluationResult] = JobKind(
    name="reevaluation",
    title=Message("Re-evaluation"),
    unit=Message("subjects"),
    form=ReevaluationForm,
    template="reevaluations/result.html",
    run_inside=run_reevaluation,
    file=FileKind("undecided-{at:%Y%m%d-%H%M%S}.csv", CSV),
    keep=timedelta(days=90),
    shared=True,
    names_subjects=True,
    checks=(_check_form,),
    result=ReevaluationResult,
    describe=describe_result,
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
REEVALUATION_PAGES = JobPages("/reevaluations", REEVALUATION, form=REEVALUATION_FORM)

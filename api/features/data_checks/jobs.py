"""`/data-checks`: the job of a data check: its form, its result, and the file of findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from api.kit.common_fields import SubjectKind, decided_kinds
from api.kit.context import PageContext
from api.kit.form_fields import MOST_DAYS, Widget
from api.kit.forms import FormModel, FormState
from api.kit.job import FormChoices, JobForm, JobPages
from policy_service.decisions.data_check import DataCheck, DataCheckRejected, parse_keys
from policy_service.decisions.reevaluation import MAX_AGE
from policy_service.decisions.words.data_check import DataCheckResult, check_data_into
from policy_service.jobs.kind import FileKind, JobContext, JobKind
from policy_service.messages import Message
from policy_service.subject import CUSTOMER
from policy_service.workers.kinds import DATA_CHECKING

CSV = "text/csv; charset=utf-8"


class DataCheckForm(FormModel):
    """The parameters: kind of subjects, maximum age of facts, and the keys of duplicates."""

    kind: SubjectKind = CUSTOMER
    max_age: Annotated[int, Widget("number", Message("Maximum age of the facts (days)")), Field(ge=0, le=MOST_DAYS)] = (
        MAX_AGE
    )
    keys: Annotated[
        str | None,
        Widget(
            "name",
            Message("Facts that identify duplicates"),
            Message("Their names: commas between the facts of a key, semicolons between keys."),
        ),
        Field(max_length=1_000),
    ] = None


def run_data_check(context: JobContext, form: DataCheckForm) -> DataCheckResult:
    """Check all subjects of a kind. Raises what `check_data` does."""
    check = DataCheck(form.kind, context.today, form.max_age, parse_keys(form.keys or ""))
    with context.open_database() as database:
        return check_data_into(
            context.file, database, context.cipher, context.started_at, check, on_progress=context.progress.write
        )


def _check_form(_: Session, form: DataCheckForm) -> Mapping[str, Message]:
    """Return the errors of the keys."""
    try:
        parse_keys(form.keys or "")
    except DataCheckRejected as error:
        return {"keys": error.args[0]}
    return {}


DATA_CHECK: JobKind[DataCheckForm, DataCheckResult] = JobKind(
    name="data-check",
    title=Message("Data check"),
    unit=Message("subjects"),
    form=DataCheckForm,
    run=run_data_check,
    limits=DATA_CHECKING,
    file=FileKind("data-check-{at:%Y%m%d-%H%M%S}.csv", CSV),
    keep=timedelta(days=90),
    shared=True,
    names_subjects=True,
    checks=(_check_form,),
    result=DataCheckResult,
    describe=lambda result: {"as_of": result.as_of, **result.counts},
)


def _choices(_: Session, context: PageContext, form: FormState) -> FormChoices:
    kinds = decided_kinds(context, form)
    return FormChoices({"kind": kinds}, {"keys": context.service.settings.duplicate_keys})


DATA_CHECK_FORM = JobForm(
    title=Message("Data checks"),
    about=Message(
        "Examines the latest facts of each subject for missing facts, old facts and likely duplicates. Nothing is "
        "changed."
    ),
    heading=Message("Check the data"),
    button=Message("Check the data"),
    recent=Message("Recent data checks"),
    choices=_choices,
    note="data_checks/_note.html",
    prefilled=("kind", "max_age", "keys"),
)
DATA_CHECK_PAGES = JobPages("/data-checks", DATA_CHECK, "data_checks/result.html", form=DATA_CHECK_FORM)

"""`/packs`: the form of an audit pack, and the job that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlmodel import Session

from api.kit.common_fields import SubjectKind, decided_kinds, policy_errors, subject_field_errors
from api.kit.context import PageContext
from api.kit.form_fields import Widget
from api.kit.forms import Day, FieldErrors, FormModel, FormState
from api.kit.job import FormChoices, JobForm, JobPages
from policy_service.audit.service import current_signer
from policy_service.clock import instants_between
from policy_service.decisions.block_store import SealingFailed
from policy_service.decisions.record_queries import is_on_record
from policy_service.jobs.kind import FileKind, JobContext, JobKind, JobService
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message
from policy_service.packs.builder import PackContext, make_pack
from policy_service.packs.scope import MAX_SAMPLE, InvalidScope, Scope
from policy_service.packs.summary import PackSummary
from policy_service.registry.service import policy_names
from policy_service.subject import CUSTOMER, MAX_ID, Subject
from policy_service.workers.kinds import PACKING

Option = tuple[str, str]


class PackForm(FormModel):
    """The form; empty fields do not filter."""

    policy: Annotated[
        str | None,
        Widget("choice", Message("Policy"), unset=Message("no policy in particular")),
        Field(max_length=129),
    ] = None
    subject: Annotated[
        str | None,
        Widget("text", Message("Subject"), Message("The customer number, such as C202405003.")),
        Field(max_length=MAX_ID),
    ] = None
    kind: SubjectKind = CUSTOMER
    since: Annotated[
        Day | None,
        Widget(
            "date",
            Message("From"),
            Message(
                "With a policy or a subject, the days select decisions and overrides; alone they select everything."
            ),
        ),
    ] = None
    until: Annotated[Day | None, Widget("date", Message("To (inclusive)"))] = None
    sample: Annotated[
        int,
        Widget(
            "number",
            Message("Decisions, at most"),
            Message("A reproducible sample, replayed now; up to {largest}.", largest=MAX_SAMPLE),
        ),
        Field(ge=0, le=MAX_SAMPLE),
    ] = 20


def scope_of(form: PackForm, zone: ZoneInfo) -> Scope:
    """Return the scope of the form; days are those of the zone, the last one included. Raises InvalidScope."""
    since, until = instants_between(form.since, form.until, zone)
    subject = Subject(form.subject, form.kind) if form.subject else None
    return Scope(form.policy, subject, since, until, form.sample)


def unknown_errors(session: Session, form: PackForm) -> FieldErrors:
    """Return the errors of subjects and policies that are not on record."""
    errors = policy_errors(session, form.policy) if form.policy else {}
    # No database has a subject with NUL, and PostgreSQL does not even look for one.
    if form.subject and ("\0" in form.subject or not is_on_record(session, form.subject, form.kind)):
        not_on_record = {"subject": Message("No records about this subject.")}
        errors |= subject_field_errors(Subject(form.subject, form.kind)) or not_on_record
    return errors


def titled_policy_options(session: Session, in_force: Mapping[str, Policy], lang: Language) -> tuple[Option, ...]:
    """Return every policy there ever was, with its title where it is in force."""
    names = policy_names(session)
    return tuple((name, _label(name, in_force.get(name), lang)) for name in names)


def _label(name: str, policy: Policy | None, lang: Language) -> str:
    if policy is None:
        return name
    title = policy.title.in_language(lang)
    return f"{name} · {title}"


ZIP = "application/zip"


def run_pack(context: JobContext, form: PackForm) -> PackSummary:
    """Build a pack. Raises KeyUnavailable, LogNotSigned, KeyFileError, DatabaseUnavailable."""
    with context.open_database() as database, database.read() as session:
        signer = current_signer(session, context.keys)
        maker = PackContext(context.cipher, signer, context.requested_by, context.started_at, context.zone)
        manifest = make_pack(session, maker, scope_of(form, context.zone), context.file, context.progress.write)
        return PackSummary.of(manifest)


def _check_scope(_: Session, form: PackForm) -> Mapping[str, Message]:
    """Return the errors of an invalid scope."""
    try:
        scope_of(form, ZoneInfo("UTC"))
    except InvalidScope as error:
        return {"": error.args[0]}
    return {}


def seal_records(service: JobService) -> None:
    """Seal unsealed records, so that a pack can prove its decisions; altered ones stay unsealed, as the pack says."""
    with suppress(SealingFailed):
        service.sealer.seal_all()


PACK: JobKind[PackForm, PackSummary] = JobKind(
    name="pack",
    title=Message("Audit pack"),
    unit=Message("parts"),
    form=PackForm,
    run=run_pack,
    limits=PACKING,
    file=FileKind("audit-pack-{at:%Y%m%d-%H%M%S}.zip", ZIP),
    names_subjects=True,
    checks=(_check_scope, unknown_errors),
    prepare=seal_records,
    result=PackSummary,
    describe=PackSummary.to_dict,
)


def _choices(session: Session, context: PageContext, form: FormState) -> FormChoices:
    in_force, lang = context.service.decider.policies, context.frame.lang
    kinds = decided_kinds(context, form)
    return FormChoices({"policy": titled_policy_options(session, in_force, lang), "kind": kinds})


PACK_FORM = JobForm(
    title=Message("Audit packs"),
    about=Message(
        "One file with all records of a policy, a customer or a period: versions, differences, signatures, reports, "
        "decisions replayed, entries of the log and their proofs. Anyone with it and the public key can verify it "
        "without this service."
    ),
    heading=Message("Scope of the pack"),
    button=Message("Create the pack"),
    recent=Message("Your packs"),
    none=Message("You have asked for none."),
    choices=_choices,
    note="packs/_note.html",
    prefilled=("policy", "subject", "kind", "since", "until"),
)
PACK_PAGES = JobPages("/packs", PACK, "packs/pack.html", form=PACK_FORM)

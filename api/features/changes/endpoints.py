"""`/v1/changes`: changes that put versions in force: drafts, submissions, and their actions."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes import schemas
from api.features.changes.analysis import needs_analysis, start_analysis
from api.features.changes.bodies import CommentText, DraftModel, FirstVersionsBody, SignOffModel, WhyModel
from api.features.changes.simulation import evidence_response, export, read_comparison, read_effect, read_movers
from api.service import Service
from api.web.openapi import content, problems
from api.web.parameters import DayText
from api.web.problems import BUSY, CHECK_ABANDONED, CONFLICT, NOT_FOUND, PRECONDITION_FAILED, ProblemError
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf, WriteRequest, jobs_of
from api.web.schemas import READ_PROBLEMS, WRITE_PROBLEMS, Digest, Id, PolicyName
from api.web.transactions import run_read
from api.workers.preparation import checked_draft, checked_submission, require_undrifted, warm_heads
from policy_service.approval import service as approval
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES, SIGNATURES, TEXT
from policy_service.population.effect_document import KEPT_BY_OVERRIDE

TEXTS = 4
"""Maximum number of a change's files of the largest size in one request."""
FILE = {"type": "string", "format": "binary"}
NO_STORE = {"Cache-Control": "no-store"}

Text = Annotated[Digest, Path(description="one of `texts`")]
InState = Annotated[approval.ChangeState | None, Query(description="only changes in this state")]
OfKind = Annotated[approval.ChangeKind | None, Query(description="only changes of this kind")]
OfPolicy = Annotated[PolicyName | None, Query(description="only changes that put this policy in force, without drafts")]
UntilDay = Annotated[DayText | None, Query(description="the last day that counts; default: today, or its last day")]
OfAuthor = Annotated[
    str | None, Query(pattern="^(me|[0-9a-f-]{36})$", description="only changes by this account; `me` is the caller")
]
WithText = Annotated[str, Query(max_length=300, description="only changes whose title contains these words")]
WaitingForMe = Annotated[
    bool, Query(alias="waiting-for-me", description="only changes that await the caller's signature")
]
router = RestRouter("/v1/changes", "changes")


@router.list("", "changes", sort=approval.ChangeSort, by="-acted", most=50)
def list_changes(
    read: ReadRequest,
    state: InState = None,
    kind: OfKind = None,
    policy: OfPolicy = None,
    author: OfAuthor = None,
    q: WithText = "",
    waiting: WaitingForMe = False,
) -> schemas.ChangePage:
    """List the changes, the one acted on last first by default."""
    criteria = approval.ChangeFilter(
        states=frozenset([state] if state else []),
        kind=kind,
        author=read.actor.id if author == "me" else author,
        policy=policy,
        text=q,
        signer=read.actor if waiting else None,
        now=read.now,
    )
    return schemas.ChangePage.of(approval.list_changes(read.session, criteria, **read.paging), schemas.change_summary)


@router.read("/{change}", NOT_FOUND)
def get_change(read: ReadRequest, change: Id) -> schemas.ChangeDetail:
    """Return a change in full: its content, signatures, missing signatures, and the caller's permissions."""
    return _detail(read, approval.read_change(read.session, change))


@router.read("/{change}/texts/{text}", NOT_FOUND, **content("application/yaml"))
def get_change_text(read: ReadRequest, change: Id, text: Text) -> Response:
    """Return a policy file of the change, byte for byte."""
    if text not in approval.read_change(read.session, change).draft.texts:
        raise ProblemError(NOT_FOUND, "the change holds no such text")
    return Response(approval.read_text(read.session, text), 200, NO_STORE, "application/yaml")


@router.read("/{change}/evidence", NOT_FOUND, **content(*SIGNATURES.values(), TEXT, schema=FILE))
def get_change_evidence(read: ReadRequest, change: Id) -> Response:
    """Return the evidence file of first versions."""
    return evidence_response(read.session, change)


@router.get("/{change}/report", responses=problems(*READ_PROBLEMS, CONFLICT, CHECK_ABANDONED, BUSY))
async def get_change_report(service: ServiceOf, change: Id) -> schemas.ReportModel:
    """Return the analysis report: created now for a draft, frozen for a submission."""

    def read_frozen(session: Session) -> dict[str, Any] | None:
        current = approval.read_change(session, change)
        return None if current.submission is None else approval.read_report(session, current)

    if (frozen := await run_read(service, read_frozen)) is not None:
        return schemas.ReportModel(frozen=True, problems=[], diagnostics=[], report=frozen)
    checked = await checked_draft(service, change)
    simulation = None if checked.effect is None else _simulation(checked.effect)
    return schemas.ReportModel(frozen=False, **checked.to_dict(), simulation=simulation)


@router.read("/{change}/simulation", NOT_FOUND)
def get_change_simulation(read: ReadRequest, change: Id) -> schemas.SimulationModel:
    """Return the effect submitted with the change: how many subjects move, why, and the money."""
    return _simulation(read_effect(read.session, change))


@router.get("/{change}/simulation/movers", **content("text/csv", refusals=READ_PROBLEMS))
async def get_change_movers(service: ServiceOf, request: Request, change: Id) -> Response:
    """Return every subject that the change moves, as CSV, largest first. The log records the access."""
    movers = await export(service, principal_of(request).actor, "movers", change, lambda s: read_movers(s, change))
    return Response(movers, 200, NO_STORE, "text/csv; charset=utf-8")


@router.read("/{change}/actual-effect", NOT_FOUND, CONFLICT)
def get_change_actual_effect(read: ReadRequest, change: Id, day: UntilDay = None) -> schemas.EffectComparisonModel:
    """Compare the actual effect of a change in force with the expected one: movements by cell, and money."""
    return schemas.EffectComparisonModel.from_value(read_comparison(read.session, read.service, change, day))


def _draft_bytes(service: Service) -> int:
    return TEXTS * service.settings.policy_body_limit


@router.write("", *WRITE_PROBLEMS, status=201, location="id", limit=_draft_bytes)
def create_change(write: WriteRequest[DraftModel]) -> schemas.ChangeDetail:
    """Create a change: with new policy files, valid or not yet, or as a rollback to earlier versions."""
    create = approval.create if write.body.rollback is None else approval.rollback
    return _detail(write, create(write.transaction, write.actor, **write.body.members()))


@router.write(
    "/first-versions",
    *WRITE_PROBLEMS,
    status=201,
    location="id",
    limit=lambda _: 2 * MAX_EVIDENCE_BYTES,  # in base64
)
def create_first_versions(write: WriteRequest[FirstVersionsBody]) -> schemas.ChangeDetail:
    """Create the change by which the versions imported at set-up are signed, once."""
    body = write.body
    created = approval.create_first_versions(
        write.transaction,
        write.actor,
        title=body.title,
        reason=body.reason,
        start=body.effective_from,
        file_name=body.evidence.name,
        content=body.evidence.content,
    )
    return _detail(write, created)


@router.write("/{change}/draft", *WRITE_PROBLEMS, method="PUT", edit=True, limit=_draft_bytes)
def edit_change(write: WriteRequest[DraftModel], change: Id) -> schemas.ChangeDetail:
    """Replace a draft; missing members are removed."""
    members = write.body.members()
    return _detail(write, approval.edit(write.transaction, write.actor, change, **members, expected=write.expected))


@router.write("/{change}/comments", *WRITE_PROBLEMS, status=201)
def comment_on_change(write: WriteRequest[CommentText], change: Id) -> schemas.CommentModel:
    """Add a comment to a change, for everyone who reads it."""
    return schemas.CommentModel.from_value(approval.comment(write.transaction, write.actor, change, write.body.text))


async def _check(write: WriteRequest[None], change: str) -> approval.PreparedSubmission | None:
    if await run_read(write.service, lambda session: needs_analysis(session, change)):
        return None
    return await checked_submission(write.service, change, write.expected)


async def _analyse(write: WriteRequest[None], change: str) -> None:
    if await run_read(write.service, lambda session: needs_analysis(session, change)):
        await start_analysis(write.service, jobs_of(write.request), write.actor, change)


@router.write("/{change}/submit", *WRITE_PROBLEMS, CHECK_ABANDONED, BUSY, edit=True, prepare=_check, after=_analyse)
def submit_change(write: WriteRequest[None], change: Id) -> schemas.ChangeDetail:
    """Submit a draft: its digest is frozen and can be signed. Rejected if there are errors.

    If there are many decision records, the change is under analysis first; the job that simulates it then submits it,
    or returns it to draft.
    """
    if write.prepared is None:
        return _detail(write, approval.analyse(write.transaction, write.actor, change, expected=write.expected))
    return _detail(write, approval.submit(write.transaction, write.actor, write.prepared, expected=write.expected))


async def _refuse_drifted(write: WriteRequest[SignOffModel], change: str) -> None:
    await require_undrifted(write.service, change)


@router.write("/{change}/sign-offs", *WRITE_PROBLEMS, PRECONDITION_FAILED, status=201, prepare=_refuse_drifted)
def sign_off_change(write: WriteRequest[SignOffModel], change: Id) -> schemas.ChangeDetail:
    """Sign a submission: one person, in one role, on the digest read. A change whose effect has drifted is returned."""
    return _detail(write, approval.sign_off(write.transaction, write.actor, change, **write.fields))


async def _prepare_schedule(write: WriteRequest[None], change: str) -> None:
    await require_undrifted(write.service, change)
    await warm_heads(write.service, change)


@router.write("/{change}/schedule", *WRITE_PROBLEMS, edit=True, prepare=_prepare_schedule)
def schedule_change(write: WriteRequest[None], change: Id) -> schemas.ChangeDetail:
    """Put a fully signed change in force from the signed day."""
    return _detail(write, approval.schedule(write.transaction, write.actor, change, expected=write.expected))


def _with_reason(act: Callable[..., approval.Change]) -> Callable[..., schemas.ChangeDetail]:
    def operation(write: WriteRequest[WhyModel], change: Id) -> schemas.ChangeDetail:
        reason, expected = write.body.reason, write.expected
        return _detail(write, act(write.transaction, write.actor, change, reason=reason, expected=expected))

    return operation


for _name, _summary, _act in (
    ("request_changes", "Sends a change back to its author", approval.request_changes),
    ("reject", "Refuses a change for good", approval.reject),
    ("withdraw", "Takes a change back for good, by its author", approval.withdraw),
    ("end_analysis", "Makes a change under analysis a draft again", approval.end_analysis),
    ("cancel", "Takes a scheduled change back before its day", approval.cancel),
):
    router.write(
        f"/{{change}}/{_name.replace('_', '-')}",
        *WRITE_PROBLEMS,
        edit=True,
        operation_id=_name if _name.endswith("changes") else f"{_name}_change",
        summary=_summary,
    )(_with_reason(_act))


def _detail(asked: ReadRequest | WriteRequest[Any], change: approval.Change) -> schemas.ChangeDetail:
    """Return a change in full, for the caller."""
    return schemas.change_detail(change, approval.read_comments(asked.session, change.id), asked.actor, asked.now)


def _simulation(effect: approval.Effect) -> schemas.SimulationModel:
    """Return the figures of an effect, without the movers."""
    named = {"movers", KEPT_BY_OVERRIDE}
    parts = [{name: value for name, value in part.items() if name not in named} for part in effect.document["parts"]]
    return schemas.SimulationModel(**{**effect.document, "digest": effect.digest, "parts": parts})

"""`/v1/changes`: proposals to put versions in force, as drafts and to be read; `review` moves them along."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes.bodies import CommentText, DraftModel, FirstVersionsBody
from api.features.changes.schemas import (
    ChangeDetail,
    ChangePage,
    CommentModel,
    EffectComparisonModel,
    ReportModel,
    SimulationModel,
    change_detail,
    change_summary,
)
from api.features.changes.simulation import evidence_response, export_movers, read_comparison, read_effect
from api.service import Service
from api.web.idempotent_writes import (
    EDIT_HEADERS,
    WriteResult,
    etag,
    expected_etag,
    run_write_command,
    write_route,
)
from api.web.json_body import read_json_body
from api.web.openapi import problems
from api.web.parameters import Cursor, DayText
from api.web.problems import (
    BUSY,
    CHECK_ABANDONED,
    CONFLICT,
    INVALID_PARAMETER,
    NOT_FOUND,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    ProblemError,
)
from api.web.rest_router import RestRouter
from api.web.schemas import BODY_PROBLEMS, READ_PROBLEMS, WRITE_PROBLEMS, Digest, Id
from api.web.transactions import run_read
from api.workers.preparation import DraftChecker
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES, SIGNATURES, TEXT
from policy_service.approval.service import Change, ChangeFilter, ChangeKind, ChangeSort, ChangeState, Effect
from policy_service.database import Transaction
from policy_service.language.load import POLICY_ID
from policy_service.population.effect_document import KEPT_BY_OVERRIDE

PAGE = 50
TEXTS = 4
"""Of a change's files, how many of the largest size one request may carry."""
EVIDENCE_LIMIT = 2 * MAX_EVIDENCE_BYTES
"""Bytes of a body that carries evidence in base64."""
FILE = {"type": "string", "format": "binary"}
EDIT_PROBLEMS = (*WRITE_PROBLEMS, PRECONDITION_FAILED, PRECONDITION_REQUIRED)

Text = Annotated[Digest, Path(description="one of `texts`")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="changes on a page")]
InState = Annotated[ChangeState | None, Query(description="only changes in this state")]
OfKind = Annotated[ChangeKind | None, Query(description="only changes of this kind")]
OfPolicy = Annotated[
    str | None,
    Query(pattern=f"^{POLICY_ID.pattern}$", description="only changes that put it in force, drafts left out"),
]
UntilDay = Annotated[DayText | None, Query(description="the last day that counts; left out: today, or its last")]
OfAuthor = Annotated[
    str | None, Query(pattern="^(me|[0-9a-f-]{36})$", description="only changes of this account, or of `me`")
]
WithText = Annotated[str, Query(max_length=300, description="only changes whose title has these words in it")]
WaitingForMe = Annotated[
    bool, Query(alias="waiting-for-me", description="only changes that wait for a signature of whoever asks")
]


def change_routes(service: Service, examiner: DraftChecker) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/changes", "changes")
    _add_list(router, service)
    _add_one(router, service, examiner)
    _add_drafting(router, service)
    _add_comments(router, service)
    return router


def _add_list(router: RestRouter, service: Service) -> None:
    @router.get("", operation_id="list_changes", responses=problems(INVALID_PARAMETER))
    async def list_changes(  # noqa: PLR0913  # the filters
        request: Request,
        *,
        state: InState = None,
        kind: OfKind = None,
        policy: OfPolicy = None,
        author: OfAuthor = None,
        q: WithText = "",
        waiting: WaitingForMe = False,
        sort: ChangeSort = "-acted",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> ChangePage:
        """Changes, the one acted on last first by default."""
        actor = principal_of(request).actor
        criteria = ChangeFilter(
            states=frozenset([state] if state else []),
            kind=kind,
            author=actor.id if author == "me" else author,
            policy=policy,
            text=q,
            signer=actor if waiting else None,
            now=service.clock.now(),
        )
        page = await run_read(
            service, lambda s: approval.list_changes(s, criteria, sort=sort, cursor=cursor, limit=limit)
        )
        return ChangePage(items=list(map(change_summary, page.items)), next_cursor=page.next_cursor)


def _add_one(router: RestRouter, service: Service, examiner: DraftChecker) -> None:
    @router.get("/{change}", operation_id="get_change", response_model=ChangeDetail, responses=problems(*READ_PROBLEMS))
    async def get_change(request: Request, change: Id) -> Response:
        """A change, whole: what it asks for, who signed, who must still sign, and what the caller may do."""
        actor, now = principal_of(request).actor, service.clock.now()
        return change_response(await run_read(service, lambda session: read_change_detail(session, change, actor, now)))

    @router.get(
        "/{change}/texts/{text}",
        operation_id="get_change_text",
        response_class=Response,
        responses={200: {"content": {"application/yaml": {"schema": {"type": "string"}}}}, **problems(*READ_PROBLEMS)},
    )
    async def get_change_text(change: Id, text: Text) -> Response:
        """A policy file of the change, byte for byte."""
        content = await run_read(service, lambda session: _text(session, change, text))
        return Response(content, 200, {"Cache-Control": "no-store"}, "application/yaml")

    @router.get(
        "/{change}/evidence",
        operation_id="get_change_evidence",
        response_class=Response,
        responses={
            200: {"content": {name: {"schema": FILE} for name in (*SIGNATURES.values(), TEXT)}},
            **problems(*READ_PROBLEMS),
        },
    )
    async def get_change_evidence(change: Id) -> Response:
        """The file that stands behind first versions."""
        return await run_read(service, lambda session: evidence_response(session, change))

    @router.get(
        "/{change}/report",
        operation_id="get_change_report",
        responses=problems(*READ_PROBLEMS, CONFLICT, CHECK_ABANDONED, BUSY),
    )
    async def get_change_report(change: Id) -> ReportModel:
        """The analysis report: made now for a draft, the one that was frozen for what was submitted."""
        frozen = await run_read(service, lambda session: _report(session, change))
        if frozen is not None:
            return frozen
        checked = await examiner.check(change)
        simulation = None if checked.effect is None else _simulation(checked.effect)
        return ReportModel(frozen=False, **checked.to_dict(), simulation=simulation)

    @router.get("/{change}/simulation", operation_id="get_change_simulation", responses=problems(*READ_PROBLEMS))
    async def get_change_simulation(change: Id) -> SimulationModel:
        """The effect that was submitted with the change: how many move, why, and with what money."""
        return _simulation(await run_read(service, lambda session: read_effect(session, change)))

    @router.get(
        "/{change}/simulation/movers",
        operation_id="get_change_movers",
        response_class=Response,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems(*READ_PROBLEMS)},
    )
    async def get_change_movers(request: Request, change: Id) -> Response:
        """Every subject that the change moves, as CSV, the largest first. The log records it."""
        content = await export_movers(service, principal_of(request).actor, change)
        return Response(content, 200, {"Cache-Control": "no-store"}, "text/csv; charset=utf-8")

    @router.get(
        "/{change}/actual-effect",
        operation_id="get_change_actual_effect",
        responses=problems(*READ_PROBLEMS, CONFLICT, INVALID_PARAMETER),
    )
    async def get_change_actual_effect(change: Id, day: UntilDay = None) -> EffectComparisonModel:
        """What came of a change in force beside what was expected: movements cell by cell, and money."""
        comparison = await run_read(service, lambda session: read_comparison(session, service, change, day))
        return EffectComparisonModel.from_value(comparison)


def _add_drafting(router: RestRouter, service: Service) -> None:
    limit = TEXTS * service.settings.policy_body_limit

    @router.post(
        "",
        operation_id="create_change",
        **write_route(ChangeDetail, (*BODY_PROBLEMS, *WRITE_PROBLEMS), DraftModel, status=201),
    )
    async def create_change(request: Request) -> Response:
        """Begins a change: with new policy files, valid or not yet, or as a rollback to versions of before."""
        draft, actor = await read_json_body(request, DraftModel, limit), principal_of(request).actor

        def command(transaction: Transaction) -> WriteResult:
            change = _create(transaction, actor, draft)
            return change_result(transaction, actor, change, 201, {"Location": f"/v1/changes/{change.id}"})

        return await run_write_command(service, request, command, draft)

    @router.post(
        "/first-versions",
        operation_id="create_first_versions",
        **write_route(ChangeDetail, (*BODY_PROBLEMS, *WRITE_PROBLEMS), FirstVersionsBody, status=201),
    )
    async def create_first_versions(request: Request) -> Response:
        """Begins the change by which the versions imported at set-up are signed, once."""
        body = await read_json_body(request, FirstVersionsBody, EVIDENCE_LIMIT)
        actor, file = principal_of(request).actor, body.evidence

        def command(transaction: Transaction) -> WriteResult:
            change = approval.create_first_versions(
                transaction,
                actor,
                title=body.title,
                reason=body.reason,
                start=body.effective_from,
                file_name=file.name,
                content=file.content,
            )
            return change_result(transaction, actor, change, 201, {"Location": f"/v1/changes/{change.id}"})

        return await run_write_command(service, request, command, body)

    @router.put(
        "/{change}/draft",
        operation_id="edit_change",
        **write_route(ChangeDetail, (*BODY_PROBLEMS, *EDIT_PROBLEMS), DraftModel, headers=EDIT_HEADERS),
    )
    async def edit_change(request: Request, change: Id) -> Response:
        """Write a draft anew; whatever is left out is gone."""
        expected, actor = expected_etag(request), principal_of(request).actor
        draft = await read_json_body(request, DraftModel, limit)
        return await run_write_command(
            service, request, lambda t: change_result(t, actor, _edit(t, actor, change, draft, expected)), draft
        )


def _add_comments(router: RestRouter, service: Service) -> None:
    @router.post(
        "/{change}/comments",
        operation_id="comment_on_change",
        **write_route(CommentModel, (*BODY_PROBLEMS, *WRITE_PROBLEMS), CommentText, status=201),
    )
    async def comment_on_change(request: Request, change: Id) -> Response:
        """Add a comment to a change, for everyone who reads it."""
        body, actor = await read_json_body(request, CommentText), principal_of(request).actor
        return await run_write_command(service, request, lambda t: _comment(t, actor, change, body.text), body)


# ---------------------------------------------------------------------------------------------------- the parts


def change_result(
    transaction: Transaction, actor: Actor, change: Change, status: int = 200, headers: dict[str, str] | None = None
) -> WriteResult:
    """A change after something was done to it, as anyone who did it sees it."""
    comments = approval.read_comments(transaction.session, change.id)
    model = change_detail(change, comments, actor, transaction.now)
    return WriteResult(model, status, {**etag(change.etag), **(headers or {})})


def read_change_detail(session: Session, change: str, actor: Actor, now: datetime) -> ChangeDetail:
    """A change, as the caller sees it. Raises UnknownChange."""
    return change_detail(approval.read_change(session, change), approval.read_comments(session, change), actor, now)


def change_response(detail: ChangeDetail) -> Response:
    """A change, with the header that names its state."""
    body = detail.model_dump_json(by_alias=True)
    return Response(body, 200, {"Cache-Control": "no-store", **etag(detail.etag)}, "application/json")


def _create(transaction: Transaction, actor: Actor, draft: DraftModel) -> Change:
    title, reason, effective = draft.title, draft.reason, draft.effective.period()
    if draft.rollback is not None:
        return approval.rollback(
            transaction,
            actor,
            title=title,
            reason=reason,
            effective=effective,
            versions=draft.versions(),
            afterwards=draft.afterwards,
            simulated_over=draft.simulated_over,
        )
    return approval.create(
        transaction,
        actor,
        title=title,
        reason=reason,
        effective=effective,
        texts=draft.contents(),
        ends=draft.ends,
        afterwards=draft.afterwards,
        simulated_over=draft.simulated_over,
    )


def _edit(transaction: Transaction, actor: Actor, change: str, draft: DraftModel, expected: str) -> Change:
    return approval.edit(
        transaction,
        actor,
        change,
        title=draft.title,
        reason=draft.reason,
        effective=draft.effective.period(),
        texts=draft.contents(),
        versions=draft.versions(),
        ends=draft.ends,
        afterwards=draft.afterwards,
        simulated_over=draft.simulated_over,
        expected=expected,
    )


def _comment(transaction: Transaction, actor: Actor, change: str, text: str) -> WriteResult:
    return WriteResult(CommentModel.from_value(approval.comment(transaction, actor, change, text)), 201)


def _text(session: Session, change: str, text: str) -> bytes:
    if text not in approval.read_change(session, change).draft.texts:
        raise ProblemError(NOT_FOUND, "the change holds no such text")
    return approval.read_text(session, text)


def _simulation(effect: Effect) -> SimulationModel:
    """The figures of an effect, without who moves."""
    named = {"movers", KEPT_BY_OVERRIDE}
    parts = [{name: value for name, value in part.items() if name not in named} for part in effect.document["parts"]]
    return SimulationModel(**{**effect.document, "digest": effect.digest, "parts": parts})


def _report(session: Session, change: str) -> ReportModel | None:
    current = approval.read_change(session, change)
    if current.submission is None:
        return None
    return ReportModel(frozen=True, problems=[], diagnostics=[], report=approval.read_report(session, current))

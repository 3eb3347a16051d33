"""`/v1/changes`: proposals to put versions in force, as drafts and to be read; `review` moves them along."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.cursors import Cursor, close_cursor, open_cursor
from api.examining import Examiner
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import (
    BUSY,
    CHANGE_UNFIT,
    CHECK_ABANDONED,
    CONFLICT,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    NOT_FOUND,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    REQUEST_IN_FLIGHT,
    ProblemError,
)
from api.rest.change_bodies import CommentText, DraftModel
from api.rest.change_models import (
    ChangeDetail,
    ChangePage,
    CommentModel,
    ReportModel,
    change_detail,
    change_summary,
    comment_model,
)
from api.rest.models import Digest
from api.rest.session import BODY
from api.service import Service
from api.transactions import reading
from api.writing import EDIT, WRITE, Answer, etag, expected_etag, perform
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Change, Kind, State, Wanted
from policy_service.database import Transaction
from policy_service.language.load import POLICY_ID

PAGE = 50
TEXTS = 4
"""Of a change's files, how many of the largest size one request may carry."""
KNOWN = (NOT_FOUND, INVALID_PARAMETER)
WRITTEN = (*KNOWN, CONFLICT, CHANGE_UNFIT, REQUEST_IN_FLIGHT, IDEMPOTENCY_KEY_REUSED)
EDITED = (*WRITTEN, PRECONDITION_FAILED, PRECONDITION_REQUIRED)

Id = Annotated[str, Path(pattern="^[0-9a-f-]{36}$")]
Text = Annotated[Digest, Path(description="one of `texts`")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="changes on a page")]
InState = Annotated[State | None, Query(description="only changes in this state")]
OfKind = Annotated[Kind | None, Query(description="only changes of this kind")]
OfPolicy = Annotated[
    str | None,
    Query(pattern=f"^{POLICY_ID.pattern}$", description="only changes that put it in force, drafts left out"),
]
OfAuthor = Annotated[
    str | None, Query(pattern="^(me|[0-9a-f-]{36})$", description="only changes of this account, or of `me`")
]
Waiting = Annotated[
    bool, Query(alias="waiting-for-me", description="only changes that wait for a signature of whoever asks")
]


def change_routes(service: Service, examiner: Examiner) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/changes", tags=["changes"])
    _add_list(router, service)
    _add_one(router, service, examiner)
    _add_drafting(router, service)
    _add_comments(router, service)
    return router


def _add_list(router: APIRouter, service: Service) -> None:
    @router.get("", operation_id="list_changes", responses=problems(INVALID_PARAMETER))
    async def list_changes(  # noqa: PLR0913  # the filters
        request: Request,
        *,
        state: InState = None,
        kind: OfKind = None,
        policy: OfPolicy = None,
        author: OfAuthor = None,
        waiting: Waiting = False,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> ChangePage:
        """Changes, the newest first."""
        actor = asker(request).actor
        states = frozenset([state] if state else [])
        by = actor.id if author == "me" else author
        wanted = Wanted(states, kind, by, policy, waiting_for=actor if waiting else None, now=service.clock.now())
        after = open_cursor(cursor) or None
        page = await reading(service, lambda session: approval.changes(session, wanted, cursor=after, limit=limit))
        items = list(map(change_summary, page.changes))
        return ChangePage(items=items, next_cursor=close_cursor(page.cursor) if page.cursor else None)


def _add_one(router: APIRouter, service: Service, examiner: Examiner) -> None:
    @router.get("/{change}", operation_id="get_change", response_model=ChangeDetail, responses=problems(*KNOWN))
    async def get_change(request: Request, change: Id) -> Response:
        """A change, whole: what it asks for, who signed, who must still sign, and what whoever asks may do."""
        actor, now = asker(request).actor, service.clock.now()
        return told(await reading(service, lambda session: seen(session, change, actor, now)))

    @router.get(
        "/{change}/texts/{text}",
        operation_id="get_change_text",
        response_class=Response,
        responses={200: {"content": {"application/yaml": {"schema": {"type": "string"}}}}, **problems(*KNOWN)},
    )
    async def get_change_text(change: Id, text: Text) -> Response:
        """A policy file of the change, byte for byte."""
        content = await reading(service, lambda session: _text(session, change, text))
        return Response(content, 200, {"Cache-Control": "no-store"}, "application/yaml")

    @router.get(
        "/{change}/report",
        operation_id="get_change_report",
        responses=problems(*KNOWN, CONFLICT, CHECK_ABANDONED, BUSY),
    )
    async def get_change_report(change: Id) -> ReportModel:
        """The analysis report: made now for a draft, the one that was frozen for what was submitted."""
        frozen = await reading(service, lambda session: _report(session, change))
        if frozen is not None:
            return frozen
        checked = await examiner.check(change)
        return ReportModel(frozen=False, **checked.to_dict())


def _add_drafting(router: APIRouter, service: Service) -> None:
    limit = TEXTS * service.settings.policy_body_limit
    body = body_of(DraftModel)

    @router.post(
        "",
        operation_id="create_change",
        status_code=201,
        response_model=ChangeDetail,
        openapi_extra=body,
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN),
    )
    async def create_change(request: Request) -> Response:
        """Begins a change: with new policy files, valid or not yet, or as a rollback to versions of before."""
        given, actor = await read_members(request, DraftModel, limit), asker(request).actor

        def act(transaction: Transaction) -> Answer:
            change = _create(transaction, actor, given)
            return answer(transaction, actor, change, 201, {"Location": f"/v1/changes/{change.id}"})

        return await perform(service, request, act, given)

    @router.put(
        "/{change}/draft",
        operation_id="edit_change",
        response_model=ChangeDetail,
        openapi_extra=body,
        dependencies=EDIT,
        responses=problems(*BODY, *EDITED),
    )
    async def edit_change(request: Request, change: Id) -> Response:
        """Writes a draft anew; whatever is left out is gone."""
        expected, actor = expected_etag(request), asker(request).actor
        given = await read_members(request, DraftModel, limit)
        return await perform(
            service, request, lambda t: answer(t, actor, _edit(t, actor, change, given, expected)), given
        )


def _add_comments(router: APIRouter, service: Service) -> None:
    @router.post(
        "/{change}/comments",
        operation_id="comment_on_change",
        status_code=201,
        response_model=CommentModel,
        openapi_extra=body_of(CommentText),
        dependencies=WRITE,
        responses=problems(*BODY, *WRITTEN),
    )
    async def comment_on_change(request: Request, change: Id) -> Response:
        """Says something about a change, for everybody who reads it."""
        given, actor = await read_members(request, CommentText), asker(request).actor
        return await perform(service, request, lambda t: _comment(t, actor, change, given.text), given)


# ---------------------------------------------------------------------------------------------------- the parts


def answer(
    transaction: Transaction, actor: Actor, change: Change, status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    """A change after something was done to it, as whoever did it sees it."""
    said = approval.comments(transaction.session, change.id)
    model = change_detail(change, said, actor, transaction.now)
    return Answer(model, status, {**etag(change.etag), **(headers or {})})


def seen(session: Session, change: str, actor: Actor, now: datetime) -> ChangeDetail:
    """A change, as somebody sees it. Raises UnknownChange."""
    return change_detail(approval.read_change(session, change), approval.comments(session, change), actor, now)


def told(detail: ChangeDetail) -> Response:
    """A change, with the header that names its state."""
    body = detail.model_dump_json(by_alias=True)
    return Response(body, 200, {"Cache-Control": "no-store", **etag(detail.etag)}, "application/json")


def _create(transaction: Transaction, actor: Actor, given: DraftModel) -> Change:
    title, reason, effective = given.title, given.reason, given.effective.period()
    if given.rollback is not None:
        return approval.rollback(
            transaction,
            actor,
            title=title,
            reason=reason,
            effective=effective,
            versions=given.versions(),
            afterwards=given.afterwards,
        )
    return approval.create(
        transaction,
        actor,
        title=title,
        reason=reason,
        effective=effective,
        texts=given.contents(),
        ends=given.ends,
        afterwards=given.afterwards,
    )


def _edit(transaction: Transaction, actor: Actor, change: str, given: DraftModel, expected: str) -> Change:
    return approval.edit(
        transaction,
        actor,
        change,
        title=given.title,
        reason=given.reason,
        effective=given.effective.period(),
        texts=given.contents(),
        versions=given.versions(),
        ends=given.ends,
        afterwards=given.afterwards,
        expected=expected,
    )


def _comment(transaction: Transaction, actor: Actor, change: str, text: str) -> Answer:
    name = approval.comment(transaction, actor, change, text)
    row = next(row for row in approval.comments(transaction.session, change) if row.id == name)
    return Answer(comment_model(row), 201)


def _text(session: Session, change: str, text: str) -> bytes:
    if text not in approval.read_change(session, change).draft.texts:
        raise ProblemError(NOT_FOUND, "the change holds no such text")
    return approval.read_text(session, text)


def _report(session: Session, change: str) -> ReportModel | None:
    found = approval.read_change(session, change)
    if found.submission is None:
        return None
    return ReportModel(frozen=True, problems=[], diagnostics=[], report=approval.read_report(session, found))

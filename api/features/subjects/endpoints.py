"""`/v1/subjects/{subject}`: what was decided about a subject; erasing its secrets, merging it into another.

The identifier of a subject may hold slashes, as they are or as `%2F`; what follows the last of them is the address.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.auth.signed_writes import run_signed_command
from api.service import Service
from api.web.decision_summary import DecisionPage
from api.web.idempotent_writes import WriteResult, write_route
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import (
    CONFLICT,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    REQUEST_IN_FLIGHT,
)
from api.web.rest_router import RestRouter
from api.web.schemas import BODY_PROBLEMS, SIGNING_PROBLEMS, Model, SignedBody, UtcInstant
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.decisions.merges import merge_subjects
from policy_service.decisions.override import MAX_REASON
from policy_service.decisions.record_queries import PAGE_SIZE, RecordFilter, RecordSort, list_records
from policy_service.decisions.subjects import erase_subject
from policy_service.language.load import POLICY_ID
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

Id = Annotated[str, Path(max_length=MAX_ID)]
OfKind = Annotated[str, Query(pattern=f"^{KIND.pattern}$", description="of which kind the subject is")]
OfPolicy = Annotated[str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only what this policy answered")]
Since = Annotated[UtcInstant | None, Query(alias="from", description="decided from this instant on")]
Until = Annotated[UtcInstant | None, Query(description="decided before this instant")]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE, description="decisions on a page")]


class Erase(SignedBody):
    """The reason; and the password, if there is one."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class ErasedModel(Model):
    """Nobody can read the subject's sensitive facts any more."""

    subject: str
    kind: str
    erased_at: datetime


class Merge(SignedBody):
    """The subject that remains, and the reason; and the password, if there is one."""

    into: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    into_kind: Annotated[str, Field(pattern=f"^{KIND.pattern}$")] = CUSTOMER
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class MergedModel(Model):
    """The subject is part of another, which group lists name alone."""

    subject: str
    kind: str
    merged_into: str
    merged_at: datetime


def subject_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/subjects/{subject:path}", "subjects")

    @router.get("/decisions", operation_id="list_decisions", responses=problems(INVALID_PARAMETER))
    async def list_decisions(  # noqa: PLR0913  # the filters
        subject: Id,
        *,
        kind: OfKind = CUSTOMER,
        policy: OfPolicy = None,
        since: Since = None,
        until: Until = None,
        sort: RecordSort = "-decided",
        limit: Limit = PAGE_SIZE,
        cursor: Cursor = None,
    ) -> DecisionPage:
        """List the decisions about a subject, the newest first by default."""
        criteria = RecordFilter(subject, policy, kind=kind, since=since, until=until)
        page = await run_read(service, lambda s: list_records(s, criteria, sort=sort, cursor=cursor, limit=limit))
        return DecisionPage.from_value(page)

    refusals = (
        *(*BODY_PROBLEMS, *SIGNING_PROBLEMS),
        *(CONFLICT, INVALID_PARAMETER, IDEMPOTENCY_KEY_REUSED, REQUEST_IN_FLIGHT),
    )

    @router.delete("/key", operation_id="erase_subject", **write_route(ErasedModel, refusals, Erase))
    async def erase(request: Request, subject: Id, kind: OfKind = CUSTOMER) -> Response:
        """Delete the key of a subject's sensitive facts. It cannot be undone; what is on record still verifies."""

        def command(transaction: Transaction, actor: Actor, fields: dict[str, Any]) -> WriteResult:
            erase_subject(transaction, actor, Subject(subject, kind), **fields)
            return WriteResult(ErasedModel(subject=subject, kind=kind, erased_at=transaction.now))

        return await run_signed_command(service, request, Erase, command)

    @router.post("/merge", operation_id="merge_subject", **write_route(MergedModel, refusals, Merge))
    async def merge(request: Request, subject: Id, kind: OfKind = CUSTOMER) -> Response:
        """Record that a subject is the same as another, which remains. It cannot be undone; nothing is lost."""

        def command(transaction: Transaction, actor: Actor, fields: dict[str, Any]) -> WriteResult:
            into = Subject(fields["into"], fields["into_kind"])
            merge_subjects(transaction, actor, Subject(subject, kind), into, fields["reason"])
            return WriteResult(MergedModel(subject=subject, kind=kind, merged_into=into.id, merged_at=transaction.now))

        return await run_signed_command(service, request, Merge, command)

    return router

"""`/v1/audit`: the log, entry by entry, in words; and all that a person needs to verify it without this service."""

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

import msgspec
from fastapi import Path, Query
from pydantic import AfterValidator
from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from api.features.audit.schemas import (
    CheckpointPage,
    EntryDetail,
    EntryPage,
    LogVerdictModel,
    entry_detail,
    entry_model,
    verdict_model,
)
from api.service import Service
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import BUSY, CONFLICT, INVALID_PARAMETER, NOT_FOUND, ProblemError
from api.web.rest_router import RestRouter
from api.web.schemas import UtcInstant
from api.web.transactions import run_read
from api.workers.auditing import Auditor
from policy_service.audit.events import EVENTS
from policy_service.audit.keys import public_key
from policy_service.audit.log import END_SEQ, EntryFilter, LogEntry, read_entry
from policy_service.audit.proofs import ProofUnavailable, prove_entry
from policy_service.audit.queries import CheckpointSort, EntrySort, list_checkpoints, list_entries
from policy_service.audit.service import signing_keys

PAGE = 100
PORTION = 1 << 18
"""Bytes of an export that are sent at a time."""
NO_STORE = {"Cache-Control": "no-store"}
ENTRY_PROBLEMS = (NOT_FOUND, INVALID_PARAMETER)


def _known_event(event: str) -> str:
    if event not in EVENTS:
        raise ValueError(f"one of {', '.join(EVENTS)}")
    return event


Seq = Annotated[int, Path(ge=1, le=END_SEQ, description="the number of an entry, from 1")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="how many on a page")]
OfEvent = Annotated[
    str | None,
    AfterValidator(lambda event: None if event is None else _known_event(event)),
    Query(description="only this event", json_schema_extra={"enum": list(EVENTS)}),
]
ByActor = Annotated[
    str | None, Query(pattern="^[0-9A-Za-z-]{1,64}$", description="only what this account, or key, did")
]
About = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z_]+:[^\u0000-\u001f\u007f-\u009f]+$",
        max_length=300,
        description="only what is about this, such as `policy:tiering/rfm_value` or `change:…`",
    ),
]
Since = Annotated[UtcInstant | None, Query(alias="from", description="from this instant on")]
Until = Annotated[UtcInstant | None, Query(description="before this instant")]


def audit_routes(service: Service, auditor: Auditor) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/audit", "audit")
    _add_list(router, service)
    _add_verification_and_export(router, auditor)
    _add_checkpoints(router, service)
    _add_one(router, service)
    return router


def _add_list(router: RestRouter, service: Service) -> None:
    @router.get("", operation_id="list_audit_entries", responses=problems(INVALID_PARAMETER))
    async def list_audit_entries(  # noqa: PLR0913  # the filters
        *,
        event: OfEvent = None,
        actor: ByActor = None,
        about: About = None,
        since: Since = None,
        until: Until = None,
        sort: EntrySort = "-seq",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> EntryPage:
        """The entries of the log, the newest first by default."""
        criteria = EntryFilter(event, actor, about, since, until)
        page = await run_read(service, lambda s: list_entries(s, criteria, sort=sort, cursor=cursor, limit=limit))
        return EntryPage(items=list(map(entry_model, page.items)), next_cursor=page.next_cursor)


def _add_verification_and_export(router: RestRouter, auditor: Auditor) -> None:
    @router.get("/verify", operation_id="verify_log", responses=problems(CONFLICT, BUSY))
    async def verify_log() -> LogVerdictModel:
        """Read the whole log, and say whether it is what was signed; one at a time."""
        return verdict_model(await auditor.verify())

    @router.get(
        "/export",
        operation_id="export_log",
        response_class=Response,
        responses={200: _body("application/x-ndjson", "every line of the log"), **problems(CONFLICT, BUSY)},
    )
    async def export_log() -> Response:
        """The whole log, to be verified by anyone who has a public key; one at a time."""
        file = await auditor.export()
        headers = {"Content-Disposition": 'attachment; filename="log.ndjson"', **NO_STORE}
        return StreamingResponse(
            _portions(file), headers=headers, media_type="application/x-ndjson", background=BackgroundTask(file.close)
        )


def _add_checkpoints(router: RestRouter, service: Service) -> None:
    @router.get("/checkpoints", operation_id="list_checkpoints", responses=problems(INVALID_PARAMETER))
    async def checkpoints(
        *,
        since: Since = None,
        until: Until = None,
        sort: CheckpointSort = "-size",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> CheckpointPage:
        """List the checkpoints, the newest first by default: the log's length and root, each time it was signed."""
        page = await run_read(
            service,
            lambda s: list_checkpoints(s, since=since, until=until, sort=sort, cursor=cursor, limit=limit),
        )
        return CheckpointPage.from_value(page)

    @router.get(
        "/public-key",
        operation_id="get_public_key",
        response_class=Response,
        responses={200: _body("application/x-pem-file", "the key in use, as PEM"), **problems(CONFLICT)},
    )
    async def get_public_key() -> Response:
        """The public key in use. Compare its fingerprint with one that came to you by another way."""
        keys = await run_read(service, signing_keys)
        if not keys:
            raise ProblemError(CONFLICT, "the log has no signing key: run `policy-service init`")
        key = public_key(keys[-1]["public_key"])
        return Response(
            key.to_pem(), headers={"X-Fingerprint": key.id, **NO_STORE}, media_type="application/x-pem-file"
        )


def _add_one(router: RestRouter, service: Service) -> None:
    @router.get("/{seq}", operation_id="get_audit_entry", responses=problems(*ENTRY_PROBLEMS))
    async def get_audit_entry(seq: Seq) -> EntryDetail:
        """One entry, with the line that is sealed."""
        return entry_detail(await run_read(service, lambda session: _entry(session, seq)))

    @router.get(
        "/{seq}/proof",
        operation_id="prove_audit_entry",
        response_class=Response,
        responses={200: _body("application/json", "the proof"), **problems(*ENTRY_PROBLEMS, CONFLICT)},
    )
    async def get_proof(seq: Seq) -> Response:
        """The proof that the entry is in the log, for a reader who has only the public key."""
        proof = await run_read(service, lambda session: _proof(session, seq))
        return Response(msgspec.json.encode(proof), headers=NO_STORE, media_type="application/json")


def _entry(session: Session, seq: int) -> LogEntry:
    entry = read_entry(session, seq)
    if entry is None:
        raise ProblemError(NOT_FOUND, f"the log has no entry {seq}")
    return entry


def _proof(session: Session, seq: int) -> dict[str, Any]:
    _entry(session, seq)
    try:
        return prove_entry(session, seq)
    except ProofUnavailable as error:
        raise ProblemError(CONFLICT, str(error)) from None


def _portions(file: BinaryIO) -> Iterator[bytes]:
    while portion := file.read(PORTION):
        yield portion


def _body(media_type: str, description: str) -> dict[str, Any]:
    schema = {"type": "object"} if media_type == "application/json" else {"type": "string"}
    return {"description": description, "content": {media_type: {"schema": schema}}}

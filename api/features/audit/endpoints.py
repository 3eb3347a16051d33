"""`/v1/audit`: the log's entries in words, and everything needed to verify the log without this service."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, BinaryIO

import msgspec
from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.service import Service
from api.web.openapi import OBJECT, content, problems
from api.web.problems import BUSY, CONFLICT, NOT_FOUND
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf
from api.web.schemas import Answer, Digest, Model, PageModel, UtcInstant, Words, attribute
from policy_service.actor import ActorKind
from policy_service.audit import queries
from policy_service.audit.events import EVENTS, describe_event
from policy_service.audit.log import END_SEQ, EntryFilter, LogEntry, read_entry
from policy_service.audit.proofs import prove_entry
from policy_service.audit.service import public_key_in_use
from policy_service.audit.verdict import LogVerdict
from policy_service.integrity import reading_row
from policy_service.log_work import verify, write_export
from policy_service.private_file import create_private_file
from policy_service.workers.kinds import AUDITING
from policy_service.workers.progress import ProgressFile


class DoneBy(Model):
    """The actor."""

    id: str
    kind: ActorKind
    name: str


class EntryModel(Model):
    """One entry of the log, with its message."""

    seq: int
    at: datetime
    event: str
    by: DoneBy
    about: list[str]
    body: dict[str, Any]
    sentence: Words
    digest: Digest


class EntryDetail(EntryModel):
    """One entry, with the line whose SHA-256 is the digest."""

    previous: Digest
    line: str


class EntryPage(PageModel[EntryModel]):
    """A page of entries, and the cursor of the next."""


class CheckpointModel(Answer):
    """A checkpoint: the log's length and root at an instant; `line` is the signed line."""

    size: Annotated[int, attribute("extent.size")]
    at: datetime
    root: Annotated[Digest, attribute("extent.root")]
    head: Annotated[Digest, attribute("extent.head")]
    key: Digest
    line: Annotated[str, BeforeValidator(bytes.decode)]


class CheckpointPage(PageModel[CheckpointModel]):
    """A page of checkpoints, and the cursor of the next."""


class LogFaultModel(Model):
    """The first fault."""

    sentence: str
    seq: int | None
    until: int | None
    another_log: bool = False
    """Nothing was altered, but the log was compared with another one."""


class ComparedWith(Model):
    """A copy of the checkpoints, and how many of them the log was compared with."""

    location: str
    checkpoints: int
    size: int | None
    at: datetime | None
    fault: str | None
    """Why the copy cannot be relied on."""


class LogVerdictModel(Model):
    """The figures up to the first fault, or of the whole log if there is none."""

    fine: bool
    entries: int
    checkpoints: int
    confirmed: int
    root: Digest
    head: Digest
    key: Digest | None
    exported_at: datetime | None
    fault: LogFaultModel | None
    compared: list[ComparedWith]
    macs: int | None
    rows: int | None
    differences: int
    faults: list[LogFaultModel]


def entry_model(row: LogEntry) -> EntryModel:
    """Return an entry for a list. Raises DamagedRecord."""
    with reading_row("audit_entry", row.seq):
        return EntryModel.model_validate(_entry_fields(row))


def entry_detail(row: LogEntry) -> EntryDetail:
    """Return an entry in full. Raises DamagedRecord."""
    with reading_row("audit_entry", row.seq):
        line = row.line.decode()
        extra = {"previous": msgspec.json.decode(line)["previous"], "line": line}
        return EntryDetail.model_validate(_entry_fields(row) | extra)


def _entry_fields(row: LogEntry) -> dict[str, Any]:
    entry = msgspec.json.decode(row.line)
    name, body = entry["by"]["name"], entry["body"]
    texts = {"zh": describe_event(row.event, name, body, "zh"), "en": describe_event(row.event, name, body, "en")}
    members = {member: entry[member] for member in ("seq", "at", "event", "by", "about", "body")}
    return {**members, "sentence": texts, "digest": row.digest}


PORTION = 1 << 18
"""Bytes of an export sent at a time."""
NO_STORE = {"Cache-Control": "no-store"}


def _known_event(event: str) -> str:
    if event not in EVENTS:
        raise ValueError(f"one of {', '.join(EVENTS)}")
    return event


Seq = Annotated[int, Path(ge=1, le=END_SEQ, description="the sequence number of an entry, from 1")]
OfEvent = Annotated[
    str | None,
    AfterValidator(lambda event: None if event is None else _known_event(event)),
    Query(description="only entries of this event", json_schema_extra={"enum": list(EVENTS)}),
]
ByActor = Annotated[
    str | None, Query(pattern="^[0-9A-Za-z-]{1,64}$", description="only entries of this account or API key")
]
About = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z_]+:[^\u0000-\u001f\u007f-\u009f]+$",
        max_length=300,
        description="only entries about this object, such as `policy:tiering/rfm_value` or `change:…`",
    ),
]
Since = Annotated[UtcInstant | None, Query(alias="from", description="only entries at or after this instant")]
Until = Annotated[UtcInstant | None, Query(description="only entries before this instant")]


router = RestRouter("/v1/audit", "audit")


@router.list("", "how many", sort=queries.EntrySort, by="-seq")
def list_audit_entries(
    read: ReadRequest,
    event: OfEvent = None,
    actor: ByActor = None,
    about: About = None,
    since: Since = None,
    until: Until = None,
) -> EntryPage:
    """List the entries of the log, newest first by default."""
    criteria = EntryFilter(event, actor, about, since, until)
    return EntryPage.of(queries.list_entries(read.session, criteria, **read.paging), entry_model)


@router.get("/verify", responses=problems(CONFLICT, BUSY))
async def verify_log(service: ServiceOf) -> LogVerdictModel:
    """Verify the whole log against its signed checkpoints; one request at a time."""
    return LogVerdictModel.model_validate((await verify_in_worker(service)).to_dict())


@router.get(
    "/export",
    **content("application/x-ndjson", description="every line of the log", refusals=(CONFLICT, BUSY)),
)
async def export_log(service: ServiceOf) -> Response:
    """Return the whole log, verifiable by anyone with a public key; one request at a time."""
    file = await export_in_worker(service)
    headers = {"Content-Disposition": 'attachment; filename="log.ndjson"', **NO_STORE}
    return StreamingResponse(
        _portions(file), headers=headers, media_type="application/x-ndjson", background=BackgroundTask(file.close)
    )


@router.list("/checkpoints", "how many", sort=queries.CheckpointSort, by="-size")
def list_checkpoints(read: ReadRequest, since: Since = None, until: Until = None) -> CheckpointPage:
    """List the signed checkpoints of the log's length and root, newest first by default."""
    page = queries.list_checkpoints(read.session, since=since, until=until, **read.paging)
    return CheckpointPage.from_value(page)


@router.read("/public-key", CONFLICT, **content("application/x-pem-file", description="the public key in use, as PEM"))
def get_public_key(read: ReadRequest) -> Response:
    """Return the public key in use. Compare its fingerprint with one obtained by another channel."""
    key = public_key_in_use(read.session)
    return Response(key.to_pem(), headers={"X-Fingerprint": key.id, **NO_STORE}, media_type="application/x-pem-file")


@router.read("/{seq}", NOT_FOUND)
def get_audit_entry(read: ReadRequest, seq: Seq) -> EntryDetail:
    """Return one entry, with the sealed line."""
    return entry_detail(read_entry(read.session, seq))


@router.read("/{seq}/proof", NOT_FOUND, CONFLICT, **content("application/json", description="the proof", schema=OBJECT))
def prove_audit_entry(read: ReadRequest, seq: Seq) -> Response:
    """Return the proof that the entry is in the log, for a reader who only has the public key."""
    read_entry(read.session, seq)
    proof = prove_entry(read.session, seq)
    return Response(msgspec.json.encode(proof), headers=NO_STORE, media_type="application/json")


def _portions(file: BinaryIO) -> Iterator[bytes]:
    while portion := file.read(PORTION):
        yield portion


async def verify_in_worker(service: Service) -> LogVerdict:
    """Verify the database and the copies of its checkpoints. Raises what `verify` does, and WorkRefused."""
    settings = service.settings
    about = (service.database.url, settings.keys, settings.copies, ProgressFile(None), service.clock)
    return await service.work(AUDITING, verify, *about)


async def export_in_worker(service: Service) -> BinaryIO:
    """Return the log in a file that is deleted when closed. Raises WorkRefused, KeyUnavailable, DatabaseUnavailable."""
    file = create_private_file("policy-service-export-")
    try:
        about = (service.database.url, service.settings.keys, service.clock.now(), file, ProgressFile(None))
        await service.work(AUDITING, write_export, *about)
        return await run_in_threadpool(file.open, "rb")
    finally:
        file.unlink()

"""`/v1/populations`: registers, lists and deletes files of facts; never returns their rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.populations.registration import prepare
from api.web.body import check_media_type, read_body
from api.web.idempotent_writes import WRITE_HEADERS, WriteCommand, WriteResult, run_prepared_write
from api.web.openapi import problems
from api.web.parameters import DayText
from api.web.problems import BODY_TOO_LARGE, BUSY, CONFLICT, NOT_FOUND, REQUEST_REFUSED, UNSUPPORTED_MEDIA_TYPE
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf, WriteRequest
from api.web.schemas import KEY_PROBLEMS, Answer, Digest, Id, KindName, PageModel, attribute
from policy_service.canonical import digest
from policy_service.database import Transaction
from policy_service.population.registered import queries, service
from policy_service.population.registered.model import (
    KEEP_DAYS,
    MAX_BYTES,
    MAX_KEEP_DAYS,
    NAME,
    FileFormat,
    PopulationDetails,
)
from policy_service.subject import CUSTOMER
from policy_service.workers.kinds import REGISTERING


class PopulationModel(Answer):
    """A registered population, without its rows."""

    id: str
    name: str
    kind: str
    as_of: date
    format: FileFormat = attribute("file_format")
    size: int = attribute("size", "bytes of the file")
    digest: Digest = attribute("digest", "of the file, as it came")
    content: Digest = attribute("content", "what work over it names: the same, until rows were removed")
    encoding: str | None
    columns: list[str] = attribute("headings")
    mapping: str
    subjects: int
    refused: int = attribute("refused", "rows that name no subject, or have another number of cells than the heading")
    removed: int = attribute("removed", "rows about subjects that were erased since")
    registered_by: str = attribute("printed_name")
    registered_at: datetime
    expires_at: datetime


PopulationPage = PageModel[PopulationModel]


CREATED = 201
MAX_MAPPING = 8_000
"""Maximum length of a mapping in an address, characters."""
FORMATS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.apache.parquet": "parquet",
}
CHARSETS = ("utf-8", "gb18030", "gbk", "gb2312")
"""Accepted character sets; the actual one is determined from the bytes."""
_BYTES = {"schema": {"type": "string", "format": "binary"}}
FILE_BODY = {"requestBody": {"required": True, "description": "The file.", "content": dict.fromkeys(FORMATS, _BYTES)}}
Name = Annotated[str, Query(pattern=f"^{NAME.pattern}$", description="the name of the population", examples=["spring"])]
OfKind = Annotated[KindName, Query(description="the kind of the subjects")]
OfDay = Annotated[DayText, Query(description="the day of the facts", examples=["2026-11-30"])]
KeepDays = Annotated[int, Query(ge=1, le=MAX_KEEP_DAYS, description="days after which it is deleted")]
MappingText = Annotated[
    str, Query(max_length=MAX_MAPPING, description="the column of each fact, as YAML or JSON: `{subject: number}`")
]
OnlyKind = Annotated[KindName | None, Query(description="only populations of this kind of subject")]
router = RestRouter("/v1/populations", "populations")


class _SentFile(BaseModel):
    """The parts of a request that its idempotency key covers."""

    digest: str


@router.list("", "populations", sort=queries.PopulationSort, by="-registered")
def list_populations(read: ReadRequest, kind: OnlyKind = None) -> PopulationPage:
    """List the populations, the newest first by default."""
    return PopulationPage.from_value(queries.list_populations(read.session, kind, **read.paging))


@router.read("/{population}", NOT_FOUND)
def get_population(read: ReadRequest, population: Id) -> PopulationModel:
    """Return one population."""
    return PopulationModel.from_value(queries.read_population(read.session, population))


@router.post(
    "",
    status_code=CREATED,
    response_model=PopulationModel,
    dependencies=WRITE_HEADERS,
    openapi_extra=FILE_BODY,
    responses=problems(CONFLICT, *KEY_PROBLEMS, BODY_TOO_LARGE, BUSY, REQUEST_REFUSED, UNSUPPORTED_MEDIA_TYPE),
)
async def register_population(
    running: ServiceOf,
    request: Request,
    name: Name,
    as_of: OfDay,
    kind: OfKind = CUSTOMER,
    keep_days: KeepDays = KEEP_DAYS,
    mapping: MappingText = "",
) -> Response:
    """Register a file, CSV, xlsx or Parquet: it is stored encrypted, for use by name."""
    check_media_type(dict(request.scope["headers"]), FORMATS, CHARSETS)
    running.workers.pool(REGISTERING).refuse_when_busy()
    content = await read_body(
        request.scope, request.receive, limit=MAX_BYTES, media_types=tuple(FORMATS), charsets=CHARSETS
    )
    file_format = FORMATS[request.headers["content-type"].partition(";")[0].strip().lower()]
    details = PopulationDetails(name, kind, as_of, keep_days, mapping)

    async def prepare_write() -> WriteCommand:
        registration = await prepare(running, details, content, file_format)

        def command(transaction: Transaction) -> WriteResult:
            population = service.register_population(transaction, principal_of(request).actor, registration)
            headers = {"Location": f"/v1/populations/{population.id}"}
            return WriteResult(PopulationModel.from_value(population), CREATED, headers)

        return command

    return await run_prepared_write(running, request, prepare_write, _SentFile(digest=digest(content)))


@router.write("/{population}", NOT_FOUND, CONFLICT, method="DELETE")
def delete_population(write: WriteRequest[None], population: Id) -> PopulationModel:
    """Delete a population. It cannot be undone; results made from it remain, and name its digest."""
    return PopulationModel.from_value(service.delete_population(write.transaction, write.actor, population))

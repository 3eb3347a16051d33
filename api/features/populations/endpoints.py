"""`/v1/populations`: a file of facts is registered under a name, listed, deleted; its rows are never answered."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.populations.registration import prepare
from api.features.populations.schemas import PopulationModel, PopulationPage
from api.service import Service
from api.web.body import check_media_type, read_body
from api.web.idempotent_writes import (
    WRITE_HEADERS,
    WriteCommand,
    WriteResult,
    run_prepared_write,
    run_write_command,
    write_route,
)
from api.web.openapi import problems
from api.web.parameters import Cursor, DayText
from api.web.problems import (
    BODY_TOO_LARGE,
    BUSY,
    CONFLICT,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    REQUEST_IN_FLIGHT,
    REQUEST_REFUSED,
    UNSUPPORTED_MEDIA_TYPE,
)
from api.web.rest_router import RestRouter
from api.web.schemas import READ_PROBLEMS, Id
from api.web.transactions import run_read
from policy_service.canonical import digest
from policy_service.database import Transaction
from policy_service.population.registered import queries
from policy_service.population.registered.model import (
    KEEP_DAYS,
    MAX_BYTES,
    MAX_KEEP_DAYS,
    NAME,
    FileFormat,
    PopulationDetails,
)
from policy_service.population.registered.service import delete_population, register_population
from policy_service.subject import CUSTOMER, KIND
from policy_service.workers.kinds import REGISTERING

PAGE = 100
CREATED = 201
MAX_MAPPING = 8_000
"""Characters of a mapping in an address."""
FORMATS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.apache.parquet": "parquet",
}
CHARSETS = ("utf-8", "gb18030", "gbk", "gb2312")
"""What a file may be said to be in; which of them it is in is seen from its bytes."""
_BYTES = {"schema": {"type": "string", "format": "binary"}}
FILE_BODY = {"requestBody": {"required": True, "description": "The file.", "content": dict.fromkeys(FORMATS, _BYTES)}}
WRITE_PROBLEMS = (CONFLICT, INVALID_PARAMETER, IDEMPOTENCY_KEY_REUSED, REQUEST_IN_FLIGHT)
Name = Annotated[str, Query(pattern=f"^{NAME.pattern}$", description="what work over it calls it", examples=["spring"])]
OfKind = Annotated[str, Query(pattern=f"^{KIND.pattern}$", description="of which kind its subjects are")]
OfDay = Annotated[DayText, Query(description="the day that its facts are of", examples=["2026-11-30"])]
KeepDays = Annotated[int, Query(ge=1, le=MAX_KEEP_DAYS, description="days after which it is deleted")]
MappingText = Annotated[
    str, Query(max_length=MAX_MAPPING, description="which column is which fact, as YAML or JSON: `{subject: number}`")
]
OnlyKind = Annotated[str | None, Query(pattern=f"^{KIND.pattern}$", description="only about this kind of subject")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="populations on a page")]


class _SentFile(BaseModel):
    """What an idempotency key stands for."""

    digest: str


def population_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/populations", "populations")

    @router.get("", operation_id="list_populations", responses=problems(INVALID_PARAMETER))
    async def list_populations(
        *,
        kind: OnlyKind = None,
        sort: queries.PopulationSort = "-registered",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> PopulationPage:
        """List the populations, the newest first by default."""
        page = await run_read(
            service, lambda session: queries.list_populations(session, kind, sort=sort, cursor=cursor, limit=limit)
        )
        return PopulationPage.from_value(page)

    @router.get("/{population}", operation_id="get_population", responses=problems(*READ_PROBLEMS))
    async def get_population(population: Id) -> PopulationModel:
        """One population."""
        return PopulationModel.from_value(
            await run_read(service, lambda session: queries.read_population(session, population))
        )

    @router.post(
        "",
        operation_id="register_population",
        status_code=CREATED,
        response_model=PopulationModel,
        dependencies=WRITE_HEADERS,
        openapi_extra=FILE_BODY,
        responses=problems(*WRITE_PROBLEMS, BODY_TOO_LARGE, BUSY, REQUEST_REFUSED, UNSUPPORTED_MEDIA_TYPE),
    )
    async def register(  # noqa: PLR0913, PLR0917  # what is said of a population
        request: Request,
        name: Name,
        as_of: OfDay,
        kind: OfKind = CUSTOMER,
        keep_days: KeepDays = KEEP_DAYS,
        mapping: MappingText = "",
    ) -> Response:
        """Register a file, CSV, xlsx or Parquet: it is kept encrypted, and work may name it."""
        check_media_type(dict(request.scope["headers"]), FORMATS, CHARSETS)
        service.workers.pool(REGISTERING).refuse_when_busy()
        content = await read_body(
            request.scope, request.receive, limit=MAX_BYTES, media_types=tuple(FORMATS), charsets=CHARSETS
        )
        file_format = FORMATS[request.headers["content-type"].partition(";")[0].strip().lower()]
        details = PopulationDetails(name, kind, as_of, keep_days, mapping)

        async def prepare_write() -> WriteCommand:
            registration = await prepare(service, details, content, file_format)

            def command(transaction: Transaction) -> WriteResult:
                population = register_population(transaction, principal_of(request).actor, registration)
                headers = {"Location": f"/v1/populations/{population.id}"}
                return WriteResult(PopulationModel.from_value(population), CREATED, headers)

            return command

        return await run_prepared_write(service, request, prepare_write, _SentFile(digest=digest(content)))

    @router.delete(
        "/{population}",
        operation_id="delete_population",
        **write_route(PopulationModel, (*READ_PROBLEMS, *WRITE_PROBLEMS)),
    )
    async def delete(request: Request, population: Id) -> Response:
        """Delete a population. It cannot be undone; what was made from it stays, and names its digest."""

        def command(transaction: Transaction) -> WriteResult:
            deleted = delete_population(transaction, principal_of(request).actor, population)
            return WriteResult(PopulationModel.from_value(deleted))

        return await run_write_command(service, request, command)

    return router

"""`/v1/policies`: which policies there are, what they say, what they ask for; and whether a file would be one."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Header, Query
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.auth.visible_versions import visible_versions
from api.features.policies.history_schemas import ActiveModel, active_model
from api.features.policies.schemas import (
    CheckAnswer,
    ListedPolicy,
    PolicyDetail,
    PolicyPage,
    Requirements,
    TableDifference,
    VersionDifference,
    VersionList,
    difference_model,
    listed_policy,
    policy_detail,
    table_difference,
    version_model,
)
from api.service import Service
from api.web.body import read_body
from api.web.openapi import CHECK_BODY, VERSION_ANSWERS, problems
from api.web.parameters import Cursor
from api.web.problems import (
    BODY_TOO_LARGE,
    BUSY,
    CHECK_ABANDONED,
    INVALID_PARAMETER,
    UNKNOWN_POLICY,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)
from api.web.rest_router import RestRouter
from api.web.schemas import UtcInstant
from api.web.transactions import run_read
from policy_service.analysis.file_check import check_file
from policy_service.clock import today
from policy_service.compilers.json_schema import facts_schema
from policy_service.compilers.json_schema.example_request import example_request
from policy_service.compilers.prose import explain
from policy_service.decisions.request import MAX_FACTS, format_or_null
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Policy
from policy_service.language.requirements import with_required_policies
from policy_service.paging import page_of
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import active_at, all_active_at, ending_at, in_force_periods
from policy_service.registry.service import activations
from policy_service.registry.snapshot import RegistrySnapshot

YAML_KINDS = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/octet-stream",
)
PAGE = 100
_EXACT_ENCODER = msgspec.json.Encoder(decimal_format="number")
_explain = cached_by_digest(explain)
_difference_model = cached_by_digest(difference_model)
_table_difference = cached_by_digest(table_difference)
POLICY_RESPONSES = problems(UNKNOWN_POLICY, INVALID_PARAMETER)

Domain = Annotated[str | None, Query(max_length=64, description="only policies of this domain, e.g. `tiering`")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="policies on a page")]
VersionFormat = Annotated[
    Literal["json", "yaml", "text"] | None, Query(alias="format", description="otherwise by the header Accept")
]
Lang = Annotated[Literal["zh", "en"], Query(description="the language of prose and tables")]
ValidAt = Annotated[UtcInstant | None, Query(description="an instant with its time zone; now when it is left out")]
KnownAt = Annotated[UtcInstant | None, Query(description="what was known then; now when it is left out")]
OldVersion = Annotated[str, Query(alias="from", max_length=32, description="a version")]
NewVersion = Annotated[str, Query(alias="to", max_length=32, description="another version")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]


def policy_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/policies", "policies")
    _add_lists(router, service)
    _add_one(router, service)
    _add_tables(router, service)
    _add_check(router, service)
    return router


def _add_lists(router: RestRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("", operation_id="list_policies", responses=problems(INVALID_PARAMETER))
    async def list_policies(domain: Domain = None, limit: Limit = PAGE, cursor: Cursor = None) -> PolicyPage:
        """The policies by name, each in the version that decides now, or that was suspended or ended."""
        now = service.now()
        policies = await run_read(service, lambda session: _standing(catalogue, session, now))
        selected = (each for each in policies if domain in {None, each.domain})
        page = page_of(selected, "policy", lambda each: (each.policy,), after=cursor, limit=limit)
        return PolicyPage(items=list(page.items), next_cursor=page.next_cursor)

    @router.get("/{domain}/{policy}/versions", operation_id="list_versions", responses=POLICY_RESPONSES)
    async def list_versions(request: Request, domain: str, policy: str) -> VersionList:
        """Every version of a policy, the newest first, and when it is in force."""
        now, name = service.now(), f"{domain}/{policy}"
        return await run_read(
            service,
            lambda session: _versions(catalogue, session, visible_versions(catalogue, session, request), name, now),
        )

    @router.get("/{domain}/{policy}/active", operation_id="get_active", responses=POLICY_RESPONSES)
    async def get_active(domain: str, policy: str, valid_at: ValidAt = None, known_at: KnownAt = None) -> ActiveModel:
        """Return the version that applied at an instant, by what was known at another."""
        now = service.now()
        if known_at is not None and known_at > now:
            raise _not_known_yet(known_at)
        instants = (valid_at or now).astimezone(UTC), (known_at or now).astimezone(UTC)
        return await run_read(service, lambda session: _active(catalogue, session, f"{domain}/{policy}", *instants))


def _add_one(router: RestRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("/{domain}/{policy}", operation_id="get_policy", responses=POLICY_RESPONSES)
    async def get_policy(domain: str, policy: str) -> PolicyDetail:
        """The version of a policy that is in force, whole."""
        now = service.now()
        return await run_read(
            service, lambda session: policy_detail(catalogue.version_in_force(session, f"{domain}/{policy}", now))
        )

    @router.get(
        "/{domain}/{policy}/versions/{version}",
        operation_id="get_version",
        response_model=PolicyDetail,
        responses={**VERSION_ANSWERS, **POLICY_RESPONSES},
    )
    async def get_version(  # noqa: PLR0913  # three of the path, three that say how
        request: Request,
        domain: str,
        policy: str,
        version: str,
        *,
        form: VersionFormat = None,
        lang: Lang = "en",
        seen: IfNoneMatch = None,
    ) -> Response:
        """One version: as JSON, as the file that was submitted, or in prose."""
        found_version = await run_read(
            service, lambda session: _load(catalogue, session, request, f"{domain}/{policy}", version)[0]
        )
        chosen_form = form or _preferred(request.headers.get("accept", ""))
        return await run_in_threadpool(render, found_version, chosen_form, lang, seen)

    @router.get(
        "/{domain}/{policy}/requirements",
        operation_id="get_requirements",
        response_model=Requirements,
        responses=POLICY_RESPONSES,
    )
    async def get_requirements(domain: str, policy: str) -> Response:
        """Return the schema of the facts that the policy needs, and a request that works."""
        now, day = service.now(), today(service.clock, service.zone)
        found_requirements = await run_read(
            service, lambda session: _requirements(catalogue, session, f"{domain}/{policy}", now, day)
        )
        return Response(_EXACT_ENCODER.encode(found_requirements), media_type="application/json")

    @router.get("/{domain}/{policy}/difference", operation_id="compare_versions", responses=POLICY_RESPONSES)
    async def compare_versions(
        request: Request, domain: str, policy: str, old: OldVersion, new: NewVersion
    ) -> VersionDifference:
        """Return the difference of two versions, piece by piece and in words."""
        old_policy, new_policy = await run_read(
            service, lambda session: _load(catalogue, session, request, f"{domain}/{policy}", old, new)
        )
        return await run_in_threadpool(_difference_model, old_policy, new_policy)


def _add_tables(router: RestRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("/{domain}/{policy}/difference/tables", operation_id="compare_tables", responses=POLICY_RESPONSES)
    async def compare_tables(  # noqa: PLR0913, PLR0917  # three of the path, three that say how
        request: Request, domain: str, policy: str, old: OldVersion, new: NewVersion, lang: Lang = "en"
    ) -> TableDifference:
        """Two versions laid over each other, table by table and cell by cell."""
        old_policy, new_policy = await run_read(
            service, lambda session: _load(catalogue, session, request, f"{domain}/{policy}", old, new)
        )
        return await run_in_threadpool(_table_difference, old_policy, new_policy, lang)


def _standing(catalogue: Catalogue, session: Session, now: datetime) -> list[ListedPolicy]:
    """Every policy that is in force or was, by name."""
    latest = all_active_at(activations(session), now, now) | catalogue.ended_policies(session, now)
    return [listed_policy(catalogue.load(session, latest[name].digest), latest[name]) for name in sorted(latest)]


def _load(catalogue: Catalogue, session: Session, request: Request, name: str, *versions: str) -> list[Policy]:
    """Load versions of a policy that the caller may read. Raises UnknownPolicy."""
    snapshot = visible_versions(catalogue, session, request)
    return [catalogue.load(session, snapshot.version(name, version).digest) for version in versions]


def _versions(
    catalogue: Catalogue, session: Session, snapshot: RegistrySnapshot, name: str, now: datetime
) -> VersionList:
    recorded_activations = activations(session)
    items = [
        version_model(
            catalogue.load(session, each.digest),
            each,
            in_force_periods(recorded_activations, name, each.version, now),
            now,
        )
        for each in snapshot.versions_of(name)
    ]
    return VersionList(items=items)


def _active(catalogue: Catalogue, session: Session, name: str, valid_at: datetime, known_at: datetime) -> ActiveModel:
    catalogue.snapshot(session).versions_of(name)
    recorded = activations(session)
    activation, ending = (of(recorded, name, valid_at, known_at) for of in (active_at, ending_at))
    return active_model(name, valid_at, known_at, activation, ending)


def _requirements(catalogue: Catalogue, session: Session, name: str, now: datetime, day: date) -> dict[str, Any]:
    policy, policies = catalogue.declaring_version(session, name, now), catalogue.in_force(session, now)
    return {
        "policy": policy.id,
        "version": policy.version,
        "digest": policy.digest,
        "needs": sorted(each.id for each in with_required_policies(policy, policies)[1:]),
        "schema": facts_schema(policy, policies, MAX_FACTS),
        "example": example_request(policy, policies, day),
    }


def _not_known_yet(known_at: datetime) -> ProblemError:
    problem = {
        "parameter": "known_at",
        "code": "out-of-range",
        "value": format_or_null(known_at.isoformat()),
        "expected": "an instant that is not in the future: what will be known is not known yet",
    }
    return ProblemError(INVALID_PARAMETER, "refused: known_at", problems=[problem])


def _add_check(router: RestRouter, service: Service) -> None:
    catalogue = service.catalogue
    refusals = problems(BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CHECK_ABANDONED, BUSY)

    @router.post("/check", operation_id="check_policy", openapi_extra=CHECK_BODY, responses=refusals)
    async def check_policy(request: Request) -> CheckAnswer:
        """Check a policy file, alone and among the policies in force."""
        limit, now = service.settings.policy_body_limit, service.now()
        body = await read_body(request.scope, request.receive, limit=limit, media_types=YAML_KINDS)
        served, absent = await run_read(
            service, lambda session: (catalogue.heads_in_force(session, now), catalogue.ended_policies(session, now))
        )
        return CheckAnswer.model_validate(await run_in_threadpool(check_file, body, served, absent))


def render(policy: Policy, form: str, lang: Literal["zh", "en"], if_none_match: str | None) -> Response:
    """One version in one format. It never changes, so conditional requests get 304."""
    tag = f'"{policy.digest}.{form}.{lang}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    match form:
        case "yaml":
            return Response(policy.content, headers=headers, media_type="application/yaml")
        case "text":
            return PlainTextResponse(_explain(policy, lang), headers=headers)
        case _:
            return Response(policy_detail(policy).model_dump_json(), headers=headers, media_type="application/json")


def _preferred(accept: str) -> str:
    """The form that the header Accept names first; JSON where it names none of them."""
    for kind in accept.split(","):
        if form := _FORMS.get(kind.partition(";")[0].strip().lower()):
            return form
    return "json"


_FORMS = {"application/json": "json", "text/plain": "text", **dict.fromkeys(YAML_KINDS[:4], "yaml")}

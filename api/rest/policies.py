"""`/v1/policies`: which policies there are, what they say, what they ask for; and whether a file would be one."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.body import read_body
from api.checking import Checker
from api.cursors import Cursor, close_cursor, open_cursor
from api.openapi import CHECK_BODY, VERSION_ANSWERS, problems
from api.problems import (
    BODY_TOO_LARGE,
    BUSY,
    CHECK_ABANDONED,
    INVALID_PARAMETER,
    UNKNOWN_POLICY,
    UNSUPPORTED_MEDIA_TYPE,
)
from api.requirements import requirements
from api.rest.models import (
    CheckAnswer,
    PolicyDetail,
    PolicyPage,
    Requirements,
    VersionList,
    detail,
    summary,
)
from api.service import Service
from policy_service.clock import today
from policy_service.compilers.prose import explain
from policy_service.language.policy import Policy

YAML_KINDS = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/octet-stream",
)
PAGE = 100
KNOWN = problems(UNKNOWN_POLICY, INVALID_PARAMETER)

Domain = Annotated[str | None, Query(max_length=64, description="only policies of this domain, e.g. `tiering`")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="policies on a page")]
Form = Annotated[
    Literal["json", "yaml", "text"] | None, Query(alias="format", description="otherwise by the header Accept")
]
Lang = Annotated[Literal["zh", "en"], Query(description="of `format=text`")]
Seen = Annotated[str | None, Header(alias="If-None-Match")]


def policy_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/policies", tags=["policies"])
    _add_lists(router, service)
    _add_one(router, service)
    _add_check(router, service)
    return router


def _add_lists(router: APIRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("", operation_id="list_policies", responses=problems(INVALID_PARAMETER))
    async def list_policies(domain: Domain = None, limit: Limit = PAGE, cursor: Cursor = None) -> PolicyPage:
        """The policies that decide, by name, each in its newest version."""
        rest = catalogue.after(open_cursor(cursor), domain=domain)
        more = len(rest) > limit
        return PolicyPage(
            items=list(map(summary, rest[:limit])), next_cursor=close_cursor(rest[limit - 1].id) if more else None
        )

    @router.get("/{domain}/{policy}/versions", operation_id="list_versions", responses=KNOWN)
    async def list_versions(domain: str, policy: str) -> VersionList:
        """Every version of a policy, the newest first."""
        return VersionList(items=list(map(summary, catalogue.versions(f"{domain}/{policy}"))))


def _add_one(router: APIRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("/{domain}/{policy}", operation_id="get_policy", responses=KNOWN)
    async def get_policy(domain: str, policy: str) -> PolicyDetail:
        """The newest version of a policy, whole."""
        return detail(catalogue.versions(f"{domain}/{policy}")[0])

    @router.get(
        "/{domain}/{policy}/versions/{version}",
        operation_id="get_version",
        response_model=PolicyDetail,
        responses={**VERSION_ANSWERS, **KNOWN},
    )
    async def get_version(  # noqa: PLR0913  # three of the path, three that say how
        request: Request,
        domain: str,
        policy: str,
        version: str,
        *,
        form: Form = None,
        lang: Lang = "en",
        seen: Seen = None,
    ) -> Response:
        """One version: as JSON, as the file it was loaded from, or in prose."""
        found = catalogue.version(f"{domain}/{policy}", version)
        return render(found, form or _preferred(request.headers.get("accept", "")), lang, seen)

    @router.get("/{domain}/{policy}/requirements", operation_id="get_requirements", responses=KNOWN)
    async def get_requirements(domain: str, policy: str) -> Requirements:
        """What a caller has to give for the policy to be decided, and a request that works."""
        found = catalogue.versions(f"{domain}/{policy}")[0]
        return Requirements(**requirements(found, service.decider.policies, today(service.clock, service.zone)))


def _add_check(router: APIRouter, service: Service) -> None:
    settings = service.settings
    checker = Checker(service.catalogue.newest, settings.policy_check_seconds)
    refusals = problems(BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CHECK_ABANDONED, BUSY)

    @router.post("/check", operation_id="check_policy", openapi_extra=CHECK_BODY, responses=refusals)
    async def check_policy(request: Request) -> CheckAnswer:
        """Whether a policy file is valid, alone and among the policies that are served."""
        checker.refuse_when_busy()
        limit = settings.policy_body_limit
        body = await read_body(request.scope, request.receive, limit=limit, kinds=YAML_KINDS)
        return CheckAnswer.model_validate(await checker.check(body))


def render(policy: Policy, form: str, lang: Literal["zh", "en"], seen: str | None) -> Response:
    """One version in one form. It never changes, so a reader who has it is told so."""
    tag = f'"{policy.digest}.{form}.{lang}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if seen is not None and tag in seen:
        return Response(status_code=304, headers=headers)
    match form:
        case "yaml":
            return Response(policy.text, headers=headers, media_type="application/yaml")
        case "text":
            return PlainTextResponse(explain(policy, lang), headers=headers)
        case _:
            return Response(detail(policy).model_dump_json(), headers=headers, media_type="application/json")


def _preferred(accept: str) -> str:
    """The form that the header Accept names first; JSON where it names none of them."""
    for kind in accept.split(","):
        if form := _FORMS.get(kind.partition(";")[0].strip().lower()):
            return form
    return "json"


_FORMS = {"application/json": "json", "text/plain": "text", **dict.fromkeys(YAML_KINDS[:4], "yaml")}

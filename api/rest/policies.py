"""`/v1/policies`: which policies there are, what they say, what they ask for; and whether a file would be one."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.authentication import asker
from api.body import read_body
from api.catalogue import Catalogue
from api.checking import check
from api.cursors import Cursor, close_cursor, open_cursor
from api.openapi import CHECK_BODY, VERSION_ANSWERS, problems
from api.problems import (
    BODY_TOO_LARGE,
    BUSY,
    CHECK_ABANDONED,
    INVALID_PARAMETER,
    UNKNOWN_POLICY,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)
from api.requirements import requirements
from api.rest.active_models import ActiveModel, active_model
from api.rest.change_bodies import When
from api.rest.models import (
    CheckAnswer,
    ListedPolicy,
    PolicyDetail,
    PolicyPage,
    Requirements,
    VersionDifference,
    VersionList,
    detail,
    difference_model,
    listed_policy,
    version_model,
)
from api.service import Service
from api.transactions import reading
from policy_service.actor import Actor
from policy_service.analysis.difference import difference
from policy_service.clock import today
from policy_service.compilers.prose import explain
from policy_service.decisions.request import shown
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.model import active_at, all_active_at, in_force_periods, nothing_at
from policy_service.registry.service import activations

YAML_KINDS = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/octet-stream",
)
PAGE = 100
_EXACTLY = msgspec.json.Encoder(decimal_format="number")
KEPT = 4 * 2**20
"""Characters of policy files that stay told in words, and of those that stay compared."""
_WORDS: LruCache[str, str] = LruCache(KEPT)
_DIFFERENCES: LruCache[tuple[str, str], VersionDifference] = LruCache(KEPT)
KNOWN = problems(UNKNOWN_POLICY, INVALID_PARAMETER)

Domain = Annotated[str | None, Query(max_length=64, description="only policies of this domain, e.g. `tiering`")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="policies on a page")]
Form = Annotated[
    Literal["json", "yaml", "text"] | None, Query(alias="format", description="otherwise by the header Accept")
]
Lang = Annotated[Literal["zh", "en"], Query(description="of `format=text`")]
At = Annotated[When | None, Query(description="an instant with its time zone; now when it is left out")]
Known = Annotated[When | None, Query(description="what was known then; now when it is left out")]
Old = Annotated[str, Query(alias="from", max_length=32, description="a version")]
New = Annotated[str, Query(alias="to", max_length=32, description="another version")]
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
        """The policies by name, each in the version that decides now, or that was suspended or ended."""
        after, now = open_cursor(cursor), service.now()
        found = await reading(service, lambda session: _standing(catalogue, session, now))
        rest = [each for each in found if each.policy > after and domain in {None, each.domain}]
        more = close_cursor(rest[limit - 1].policy) if len(rest) > limit else None
        return PolicyPage(items=rest[:limit], next_cursor=more)

    @router.get("/{domain}/{policy}/versions", operation_id="list_versions", responses=KNOWN)
    async def list_versions(request: Request, domain: str, policy: str) -> VersionList:
        """Every version of a policy, the newest first, and when it is in force."""
        now, reader = service.now(), asker(request).actor
        return await reading(service, lambda session: _versions(catalogue, session, f"{domain}/{policy}", now, reader))

    @router.get("/{domain}/{policy}/active", operation_id="get_active", responses=KNOWN)
    async def get_active(domain: str, policy: str, valid_at: At = None, known_at: Known = None) -> ActiveModel:
        """Which version applied at an instant, by what was known at another."""
        now = service.now()
        if known_at is not None and known_at > now:
            raise _not_known_yet(known_at)
        when = (valid_at or now).astimezone(UTC), (known_at or now).astimezone(UTC)
        return await reading(service, lambda session: _active(catalogue, session, f"{domain}/{policy}", *when))


def _add_one(router: APIRouter, service: Service) -> None:
    catalogue = service.catalogue

    @router.get("/{domain}/{policy}", operation_id="get_policy", responses=KNOWN)
    async def get_policy(domain: str, policy: str) -> PolicyDetail:
        """The version of a policy that is in force, whole."""
        now = service.now()
        return await reading(service, lambda session: detail(catalogue.deciding(session, f"{domain}/{policy}", now)))

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
        """One version: as JSON, as the file that was submitted, or in prose."""
        name, reader = f"{domain}/{policy}", asker(request).actor
        found = await reading(service, lambda session: catalogue.version(session, name, version, reader))
        written = form or _preferred(request.headers.get("accept", ""))
        return await run_in_threadpool(render, found, written, lang, seen)

    @router.get(
        "/{domain}/{policy}/requirements",
        operation_id="get_requirements",
        response_model=Requirements,
        responses=KNOWN,
    )
    async def get_requirements(domain: str, policy: str) -> Response:
        """What a caller has to give for the policy to be decided, and a request that works."""
        now, day = service.now(), today(service.clock, service.zone)
        found = await reading(service, lambda session: _needs(catalogue, session, f"{domain}/{policy}", now, day))
        return Response(_EXACTLY.encode(found), media_type="application/json")

    @router.get("/{domain}/{policy}/difference", operation_id="compare_versions", responses=KNOWN)
    async def compare_versions(request: Request, domain: str, policy: str, old: Old, new: New) -> VersionDifference:
        """What one version says differently from another, piece by piece and in words."""
        name, reader = f"{domain}/{policy}", asker(request).actor
        before, after = await reading(
            service, lambda session: [catalogue.version(session, name, version, reader) for version in (old, new)]
        )
        return await run_in_threadpool(
            lambda: _DIFFERENCES.get_or_make(
                (before.digest, after.digest),
                lambda: difference_model(difference(before, after)),
                len(before.text) + len(after.text),
            )
        )


def _standing(catalogue: Catalogue, session: Session, now: datetime) -> list[ListedPolicy]:
    """Every policy that is in force or was, by name."""
    found = all_active_at(activations(session), now, now) | catalogue.ended(session, now)
    return [listed_policy(catalogue.load(session, found[name].digest), found[name]) for name in sorted(found)]


def _versions(catalogue: Catalogue, session: Session, name: str, now: datetime, reader: Actor | None) -> VersionList:
    recorded = activations(session)
    items = [
        version_model(catalogue.load(session, row.digest), row, in_force_periods(recorded, name, row.version, now), now)
        for row in catalogue.versions(session, name, reader)
    ]
    return VersionList(items=items)


def _active(catalogue: Catalogue, session: Session, name: str, valid_at: datetime, known_at: datetime) -> ActiveModel:
    catalogue.versions(session, name)
    known = activations(session)
    found, ending = (of(known, name, valid_at, known_at) for of in (active_at, nothing_at))
    return active_model(name, valid_at, known_at, found, ending)


def _needs(catalogue: Catalogue, session: Session, name: str, now: datetime, day: date) -> dict[str, Any]:
    return requirements(catalogue.asking(session, name, now), catalogue.in_force(session, now), day)


def _not_known_yet(known_at: datetime) -> ProblemError:
    fault = {
        "parameter": "known_at",
        "code": "out-of-range",
        "value": shown(known_at.isoformat()),
        "expected": "an instant that is not in the future: what will be known is not known yet",
    }
    return ProblemError(INVALID_PARAMETER, "refused: known_at", problems=[fault])


def _add_check(router: APIRouter, service: Service) -> None:
    catalogue = service.catalogue
    refusals = problems(BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CHECK_ABANDONED, BUSY)

    @router.post("/check", operation_id="check_policy", openapi_extra=CHECK_BODY, responses=refusals)
    async def check_policy(request: Request) -> CheckAnswer:
        """Whether a policy file is valid, alone and among the policies in force."""
        limit, now = service.settings.policy_body_limit, service.now()
        body = await read_body(request.scope, request.receive, limit=limit, kinds=YAML_KINDS)
        served, absent = await reading(
            service, lambda session: (catalogue.heads_in_force(session, now), catalogue.ended(session, now))
        )
        return CheckAnswer.model_validate(await run_in_threadpool(check, body, served, absent))


def render(policy: Policy, form: str, lang: Literal["zh", "en"], seen: str | None) -> Response:
    """One version in one form. It never changes, so a reader who has it is told so."""
    tag = f'"{policy.digest}.{form}.{lang}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if seen is not None and tag in seen:
        return Response(status_code=304, headers=headers)
    match form:
        case "yaml":
            return Response(policy.content, headers=headers, media_type="application/yaml")
        case "text":
            words = _WORDS.get_or_make(tag, lambda: explain(policy, lang), len(policy.text))
            return PlainTextResponse(words, headers=headers)
        case _:
            return Response(detail(policy).model_dump_json(), headers=headers, media_type="application/json")


def _preferred(accept: str) -> str:
    """The form that the header Accept names first; JSON where it names none of them."""
    for kind in accept.split(","):
        if form := _FORMS.get(kind.partition(";")[0].strip().lower()):
            return form
    return "json"


_FORMS = {"application/json": "json", "text/plain": "text", **dict.fromkeys(YAML_KINDS[:4], "yaml")}

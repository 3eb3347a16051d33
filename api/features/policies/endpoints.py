"""`/v1/policies`: the policies, their versions, requirements and history; and a check of policy files."""

from datetime import UTC
from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.features.policies import history_schemas as history
from api.features.policies import schemas
from api.web.body import read_body
from api.web.openapi import CHECK_BODY, VERSION_ANSWERS, problems
from api.web.problems import (
    BODY_TOO_LARGE,
    BUSY,
    CHECK_ABANDONED,
    NOT_FOUND,
    UNKNOWN_POLICY,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    invalid_parameters_error,
    parameter_fault,
)
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf
from api.web.schemas import UtcInstant
from api.web.transactions import run_read
from policy_service.analysis.file_check import check_file
from policy_service.analysis.rule_history import find_rule
from policy_service.approval.provenance import read_provenance
from policy_service.clock import today
from policy_service.compilers.json_schema.caller_requirements import caller_requirements
from policy_service.compilers.prose import explain
from policy_service.decisions.firings import firings
from policy_service.decisions.request import MAX_FACTS
from policy_service.decisions.rule_versions import read_rule_versions
from policy_service.language.diagnostics import shorten
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.load import version_key
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.paging import page_of
from policy_service.registry.model import Activation, active_at, ending_at, in_force_periods
from policy_service.registry.service import activations, activations_in_force
from policy_service.registry.snapshot import Version

YAML_KINDS = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/octet-stream",
)
NOT_FUTURE = "an instant that is not in the future: what will be known is not known yet"
_EXACT_ENCODER = msgspec.json.Encoder(decimal_format="number")
_explain = cached_by_digest(explain)
_difference_model = cached_by_digest(schemas.difference_model)
_table_difference = cached_by_digest(schemas.table_difference)


async def _policy_name(domain: str, policy: str) -> str:
    return f"{domain}/{policy}"


PolicyId = Annotated[str, Depends(_policy_name)]
"""The name of the policy in the path."""
Domain = Annotated[str | None, Query(max_length=64, description="only policies of this domain, e.g. `tiering`")]
VersionFormat = Annotated[
    Literal["json", "yaml", "text"] | None, Query(alias="format", description="the format; default: the header Accept")
]
Lang = Annotated[Literal["zh", "en"], Query(description="the language of prose and tables")]
ValidAt = Annotated[UtcInstant | None, Query(description="an instant with its time zone; default: now")]
KnownAt = Annotated[UtcInstant | None, Query(description="as known at this instant; default: now")]
OldVersion = Annotated[str, Query(alias="from", max_length=32, description="a version")]
NewVersion = Annotated[str, Query(alias="to", max_length=32, description="another version")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
router = RestRouter("/v1/policies", "policies")


@router.list("", "policies")
def list_policies(read: ReadRequest, domain: Domain = None) -> schemas.PolicyPage:
    """List the policies by name, each in the version that decides now, or that was suspended or ended."""
    latest = activations_in_force(read.session, read.now)
    latest |= read.catalogue.ended_policies(read.session, read.now)
    policies = (schemas.listed_policy(_load(read, latest[name]), latest[name]) for name in sorted(latest))
    selected = (each for each in policies if domain in {None, each.domain})
    return schemas.PolicyPage.from_value(page_of(selected, "policy", lambda each: (each.policy,), **read.paging))


@router.read("/{domain}/{policy}/versions", UNKNOWN_POLICY)
def list_versions(read: ReadRequest, policy: PolicyId) -> schemas.VersionList:
    """List every version of a policy, newest first, with the periods in force."""
    recorded = activations(read.session)
    items = [
        schemas.version_model(
            _load(read, each), each, in_force_periods(recorded, policy, each.version, read.now), read.now
        )
        for each in read.visible.versions_of(policy)
    ]
    return schemas.VersionList(items=items)


@router.read("/{domain}/{policy}/active", UNKNOWN_POLICY)
def get_active(
    read: ReadRequest, policy: PolicyId, valid_at: ValidAt = None, known_at: KnownAt = None
) -> history.ActiveModel:
    """Return the version in force at one instant, as known at another."""
    if known_at is not None and known_at > read.now:
        raise invalid_parameters_error([parameter_fault("known_at", known_at.isoformat(), NOT_FUTURE, "out-of-range")])
    instants = (valid_at or read.now).astimezone(UTC), (known_at or read.now).astimezone(UTC)
    read.catalogue.snapshot(read.session).versions_of(policy)
    recorded = activations(read.session)
    activation, ending = (of(recorded, policy, *instants) for of in (active_at, ending_at))
    return history.active_model(policy, *instants, activation, ending)


@router.read("/{domain}/{policy}", UNKNOWN_POLICY)
def get_policy(read: ReadRequest, policy: PolicyId) -> schemas.PolicyDetail:
    """Return the version of a policy in force, in full."""
    return schemas.policy_detail(read.catalogue.version_in_force(read.session, policy, read.now))


@router.read(
    "/{domain}/{policy}/versions/{version}",
    UNKNOWN_POLICY,
    response_model=schemas.PolicyDetail,
    responses=VERSION_ANSWERS,
)
def get_version(
    read: ReadRequest,
    policy: PolicyId,
    version: str,
    form: VersionFormat = None,
    lang: Lang = "en",
    seen: IfNoneMatch = None,
) -> Response:
    """Return one version: as JSON, as the submitted file, or in prose."""
    found, chosen = read.visible.version(policy, version), form or _preferred(read.request.headers.get("accept", ""))
    return _render(_load(read, found), chosen, lang, seen)


@router.read("/{domain}/{policy}/requirements", UNKNOWN_POLICY, response_model=schemas.Requirements)
def get_requirements(read: ReadRequest, policy: PolicyId) -> Response:
    """Return the schema of the facts that the policy needs, and a working request."""
    asked = read.catalogue.declaring_version(read.session, policy, read.now)
    policies = read.catalogue.in_force(read.session, read.now)
    requirements = caller_requirements(asked, policies, MAX_FACTS, today(read.service.clock, read.service.zone))
    return Response(_EXACT_ENCODER.encode(requirements), media_type="application/json")


@router.read("/{domain}/{policy}/difference", UNKNOWN_POLICY)
def compare_versions(
    read: ReadRequest, policy: PolicyId, old: OldVersion, new: NewVersion
) -> schemas.VersionDifference:
    """Return the difference between two versions, by article and in words."""
    return _difference_model(*_load_both(read, policy, old, new))


@router.read("/{domain}/{policy}/difference/tables", UNKNOWN_POLICY)
def compare_tables(
    read: ReadRequest, policy: PolicyId, old: OldVersion, new: NewVersion, lang: Lang = "en"
) -> schemas.TableDifference:
    """Return two versions merged, by table and cell."""
    return _table_difference(*_load_both(read, policy, old, new), lang)


@router.read("/{domain}/{policy}/versions/{version}/provenance", UNKNOWN_POLICY)
def get_provenance(read: ReadRequest, policy: PolicyId, version: str) -> history.ProvenanceModel:
    """Return who submitted a version, what put it in force, and the signatures."""
    return history.ProvenanceModel.from_value(read_provenance(read.session, read.visible.version(policy, version)))


@router.read("/{domain}/{policy}/dependencies", UNKNOWN_POLICY)
def get_dependencies(read: ReadRequest, policy: PolicyId) -> history.DependenciesModel:
    """Return a policy's dependencies and dependents, among the versions in force."""
    return history.dependencies_model(policy, read.catalogue.dependencies(read.session, read.visible, policy, read.now))


@router.list("/{domain}/{policy}/rules/{rule}/history", "versions", NOT_FOUND, UNKNOWN_POLICY, most=12)
def get_rule_history(read: ReadRequest, policy: PolicyId, rule: str) -> history.RuleHistoryModel:
    """Return the history of a rule over the versions of its policy, newest first, and how often it fired recently."""
    visible = read.visible
    versions = visible.versions_of(policy)
    if not any(find_rule(_load(read, each), rule) for each in versions):
        raise ProblemError(
            NOT_FOUND, Message("no version of `{policy}` has a rule `{rule}`", policy=policy, rule=shorten(rule))
        )
    page = page_of(versions, "-version", lambda each: version_key(each.version), descending=True, **read.paging)
    histories = read_rule_versions(read.session, read.catalogue, visible, rule, page.items, read.now)
    return history.RuleHistoryModel(
        policy=policy,
        rule=rule,
        firings=history.firings_model(firings(read.session, policy), rule),
        items=list(map(history.rule_version_model, histories)),
        next_cursor=page.next_cursor,
    )


@router.post(
    "/check",
    openapi_extra=CHECK_BODY,
    responses=problems(BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, CHECK_ABANDONED, BUSY),
)
async def check_policy(service: ServiceOf, request: Request) -> schemas.CheckAnswer:
    """Check a policy file, alone and together with the policies in force."""
    limit, now, catalogue = service.settings.policy_body_limit, service.now(), service.catalogue
    body = await read_body(request.scope, request.receive, limit=limit, media_types=YAML_KINDS)
    served, absent = await run_read(
        service, lambda session: (catalogue.heads_in_force(session, now), catalogue.ended_policies(session, now))
    )
    return schemas.CheckAnswer.model_validate(await run_in_threadpool(check_file, body, served, absent))


def _load(read: ReadRequest, version: Version | Activation) -> Policy:
    return read.catalogue.load(read.session, version.digest)


def _load_both(read: ReadRequest, policy: str, old: str, new: str) -> tuple[Policy, Policy]:
    visible = read.visible
    return _load(read, visible.version(policy, old)), _load(read, visible.version(policy, new))


def _render(policy: Policy, form: str, lang: Literal["zh", "en"], seen: str | None) -> Response:
    """Return one version in one format. It never changes, so conditional requests get 304."""
    tag = f'"{policy.digest}.{form}.{lang}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if seen is not None and tag in seen:
        return Response(status_code=304, headers=headers)
    match form:
        case "yaml":
            return Response(policy.content, headers=headers, media_type="application/yaml")
        case "text":
            return PlainTextResponse(_explain(policy, lang), headers=headers)
        case _:
            return Response(
                schemas.policy_detail(policy).model_dump_json(), headers=headers, media_type="application/json"
            )


def _preferred(accept: str) -> str:
    """Return the format that the header Accept prefers; JSON if it names none."""
    for kind in accept.split(","):
        if form := _FORMS.get(kind.partition(";")[0].strip().lower()):
            return form
    return "json"


_FORMS = {"application/json": "json", "text/plain": "text", **dict.fromkeys(YAML_KINDS[:4], "yaml")}

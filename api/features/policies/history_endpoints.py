"""`/v1/policies/…`: where a version comes from, what a policy needs and what needs it, how a rule came about."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from sqlmodel import Session
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.features.policies.history_schemas import (
    DependenciesModel,
    ProvenanceModel,
    RuleHistoryModel,
    dependencies_model,
    firings_model,
    rule_version_model,
)
from api.service import Service
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import INVALID_PARAMETER, NOT_FOUND, UNKNOWN_POLICY, ProblemError
from api.web.rest_router import RestRouter
from api.web.schemas import READ_PROBLEMS
from api.web.transactions import run_read
from policy_service.analysis.rule_history import find_rule
from policy_service.approval.provenance import read_provenance
from policy_service.decisions.firings import firings
from policy_service.decisions.rule_versions import read_rule_versions
from policy_service.language.diagnostics import shorten
from policy_service.language.load import version_key
from policy_service.messages import Message
from policy_service.paging import page_of
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import RegistrySnapshot, Version

PAGE = 12
Limit = Annotated[int, Query(ge=1, le=PAGE, description="versions on a page")]
PROBLEMS = problems(UNKNOWN_POLICY, INVALID_PARAMETER)


def policy_history_routes(service: Service) -> RestRouter:
    """Routes of /v1/policies/{domain}/{policy} about how a policy came about."""
    router = RestRouter("/v1/policies/{domain}/{policy}", "policies")
    catalogue = service.catalogue

    @router.get("/versions/{version}/provenance", operation_id="get_provenance", responses=PROBLEMS)
    async def get_provenance(request: Request, domain: str, policy: str, version: str) -> ProvenanceModel:
        """Return who submitted a version, what put it in force, and who signed that."""

        def query(session: Session) -> ProvenanceModel:
            recorded = visible_versions(catalogue, session, request).version(f"{domain}/{policy}", version)
            return ProvenanceModel.from_value(read_provenance(session, recorded))

        return await run_read(service, query)

    @router.get("/dependencies", operation_id="get_dependencies", responses=PROBLEMS)
    async def get_dependencies(request: Request, domain: str, policy: str) -> DependenciesModel:
        """Return the policies that a policy needs, and those that need it, by the versions in force."""
        name, now = f"{domain}/{policy}", service.now()

        def query(session: Session) -> DependenciesModel:
            snapshot = visible_versions(catalogue, session, request)
            return dependencies_model(name, catalogue.dependencies(session, snapshot, name, now))

        return await run_read(service, query)

    @router.get(
        "/rules/{rule}/history", operation_id="get_rule_history", responses=problems(*READ_PROBLEMS, UNKNOWN_POLICY)
    )
    async def get_rule_history(  # noqa: PLR0913, PLR0917  # three of the path, three that say how
        request: Request, domain: str, policy: str, rule: str, limit: Limit = PAGE, cursor: Cursor = None
    ) -> RuleHistoryModel:
        """A rule through the versions of its policy, the newest first, and how often it decided lately."""
        name, now = f"{domain}/{policy}", service.now()

        def query(session: Session) -> RuleHistoryModel:
            snapshot = visible_versions(catalogue, session, request)
            return _rule_history(catalogue, session, snapshot, name, rule, now, cursor, limit)

        return await run_read(service, query)

    return router


def _rule_history(  # noqa: PLR0913, PLR0917  # of what, when, from where, how much
    catalogue: Catalogue,
    session: Session,
    snapshot: RegistrySnapshot,
    name: str,
    rule: str,
    now: datetime,
    cursor: str | None,
    limit: int,
) -> RuleHistoryModel:
    versions = snapshot.versions_of(name)
    if not any(find_rule(catalogue.load(session, each.digest), rule) for each in versions):
        raise ProblemError(
            NOT_FOUND, Message("no version of `{policy}` has a rule `{rule}`", policy=name, rule=shorten(rule))
        )
    page = page_of(versions, "-version", _key, descending=True, after=cursor, limit=limit)
    return RuleHistoryModel(
        policy=name,
        rule=rule,
        firings=firings_model(firings(session, name), rule),
        items=list(map(rule_version_model, read_rule_versions(session, catalogue, snapshot, rule, page.items, now))),
        next_cursor=page.next_cursor,
    )


def _key(version: Version) -> tuple[int, ...]:
    return version_key(version.version)

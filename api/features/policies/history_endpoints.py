"""`/v1/policies/…`: where a version comes from, what a policy needs and what needs it."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.features.policies.history_schemas import DependenciesModel, ProvenanceModel, dependencies_model, provenance_model
from api.service import Service
from api.web.openapi import problems
from api.web.problems import INVALID_PARAMETER, UNKNOWN_POLICY
from api.web.transactions import run_read
from policy_service.approval.provenance import read_provenance

PROBLEMS = problems(UNKNOWN_POLICY, INVALID_PARAMETER)


def policy_history_routes(service: Service) -> APIRouter:
    """Routes of /v1/policies/{domain}/{policy} about how a policy came about."""
    router = APIRouter(prefix="/v1/policies/{domain}/{policy}", tags=["policies"])
    catalogue = service.catalogue

    @router.get("/versions/{version}/provenance", operation_id="get_provenance", responses=PROBLEMS)
    async def get_provenance(request: Request, domain: str, policy: str, version: str) -> ProvenanceModel:
        """Who submitted a version, what put it in force, and who signed that."""

        def query(session: Session) -> ProvenanceModel:
            recorded = visible_versions(catalogue, session, request).version(f"{domain}/{policy}", version)
            return provenance_model(read_provenance(session, recorded))

        return await run_read(service, query)

    @router.get("/dependencies", operation_id="get_dependencies", responses=PROBLEMS)
    async def get_dependencies(request: Request, domain: str, policy: str) -> DependenciesModel:
        """What a policy needs of others, and which need it, by the versions in force."""
        name, now = f"{domain}/{policy}", service.now()

        def query(session: Session) -> DependenciesModel:
            snapshot = visible_versions(catalogue, session, request)
            return dependencies_model(name, catalogue.dependencies(session, snapshot, name, now))

        return await run_read(service, query)

    return router

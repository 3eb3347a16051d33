"""All routes of the service, as every process has them: the one that decides, and the workers that read."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from api.features.accounts import endpoints as accounts
from api.features.api_keys import endpoints as api_keys
from api.features.audit import endpoints as audit
from api.features.audit.jobs import EXPORT, VERIFICATION
from api.features.benchmarks.jobs import RENEWAL
from api.features.changes import endpoints as changes
from api.features.changes.analysis import ANALYSIS
from api.features.cross_groups import endpoints as cross_groups
from api.features.data_checks.jobs import DATA_CHECK
from api.features.decisions import batch_endpoint, record_endpoints
from api.features.groups import endpoints as groups
from api.features.health import endpoints as health
from api.features.jobs import endpoints as jobs
from api.features.overrides import endpoints as overrides
from api.features.packs.jobs import PACK
from api.features.policies import endpoints as policies
from api.features.populations import endpoints as populations
from api.features.reevaluations.jobs import REEVALUATION
from api.features.regulations import endpoints as regulations
from api.features.runs.jobs import RUN
from api.features.search import endpoints as search
from api.features.session import endpoints as session
from api.features.session import oidc_endpoints
from api.features.subjects import endpoints as subjects
from api.features.suspensions import endpoints as suspensions
from api.kit.rendering import Pages, RunInWorker
from api.page_routes import page_routes
from api.service import Service
from policy_service.jobs.kind import AnyKind
from policy_service.jobs.runner import Jobs

JOB_KINDS: Sequence[AnyKind] = (VERIFICATION, EXPORT, PACK, REEVALUATION, DATA_CHECK, RUN, RENEWAL, ANALYSIS)
"""Every kind of long work."""
ENDPOINTS = (
    batch_endpoint,
    record_endpoints,
    subjects,
    groups,
    overrides,
    policies,
    cross_groups,
    populations,
    regulations,
    search,
    session,
    oidc_endpoints,
    accounts,
    api_keys,
    changes,
    suspensions,
    audit,
    jobs,
    health,
)
"""The modules that declare operations of programs."""
ROUTERS: Sequence[APIRouter] = (
    *(module.router for module in ENDPOINTS),
    *map(jobs.start_router, JOB_KINDS),
    health.problem_router,
)


def pages_of(service: Service, worker_runner: RunInWorker | None = None) -> Pages:
    """Build what all pages of a service work with; `worker_runner` runs long work in workers."""
    return Pages(service, Jobs(service, JOB_KINDS), worker_runner)


def routers_of(pages: Pages) -> Sequence[APIRouter]:
    """Return the routes, but those that describe the application itself."""
    return (*ROUTERS, page_routes(pages))

"""All routes of the service, as every process has them: the one that decides, and the workers that read."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from api.features.accounts.endpoints import account_routes
from api.features.api_keys.endpoints import key_routes
from api.features.audit.endpoints import audit_routes
from api.features.audit.jobs import EXPORT, VERIFICATION
from api.features.benchmarks.jobs import RENEWAL
from api.features.changes.analysis import ANALYSIS
from api.features.changes.endpoints import change_routes
from api.features.changes.review_endpoints import review_routes
from api.features.cross_groups.endpoints import cross_group_routes
from api.features.data_checks.jobs import DATA_CHECK
from api.features.decisions.batch_endpoint import batch_routes
from api.features.decisions.list_endpoints import decision_list_routes
from api.features.decisions.record_endpoints import record_routes
from api.features.groups.endpoints import group_routes
from api.features.health.endpoints import health_routes, problem_routes
from api.features.jobs.endpoints import job_endpoint_routes
from api.features.overrides.endpoints import override_routes
from api.features.packs.jobs import PACK
from api.features.policies.endpoints import policy_routes
from api.features.policies.history_endpoints import policy_history_routes
from api.features.populations.endpoints import population_routes
from api.features.reevaluations.jobs import REEVALUATION
from api.features.regulations.endpoints import regulation_routes
from api.features.runs.jobs import RUN
from api.features.search.endpoints import search_routes
from api.features.session.endpoints import session_routes
from api.features.session.oidc_endpoints import oidc_routes
from api.features.subjects.endpoints import subject_routes
from api.features.suspensions.endpoints import suspension_routes
from api.kit.rendering import Pages, RunInWorker
from api.page_routes import page_routes
from api.service import Service
from api.workers.auditing import Auditor
from api.workers.preparation import DraftChecker
from policy_service.jobs.kind import AnyKind
from policy_service.jobs.runner import Jobs

JOB_KINDS: Sequence[AnyKind] = (VERIFICATION, EXPORT, PACK, REEVALUATION, DATA_CHECK, RUN, RENEWAL, ANALYSIS)
"""Every kind of long work."""


def pages_of(service: Service, worker_runner: RunInWorker | None = None) -> Pages:
    """Build what all pages of a service work with; `worker_runner` runs long work in workers."""
    return Pages(service, DraftChecker(service), Jobs(service, JOB_KINDS), worker_runner)


def routers_of(service: Service, pages: Pages) -> Sequence[APIRouter]:
    """The routes, but those that describe the application itself."""
    draft_checker = pages.draft_checker
    return (
        batch_routes(service),
        decision_list_routes(service),
        record_routes(service),
        subject_routes(service),
        group_routes(service),
        override_routes(service),
        policy_routes(service),
        policy_history_routes(service),
        cross_group_routes(service),
        population_routes(service),
        regulation_routes(service),
        search_routes(service),
        session_routes(service),
        oidc_routes(service),
        account_routes(service),
        key_routes(service),
        change_routes(service, draft_checker),
        review_routes(service, draft_checker, pages.jobs),
        suspension_routes(service),
        audit_routes(service, Auditor(service)),
        job_endpoint_routes(service, pages.jobs),
        health_routes(service),
        problem_routes(),
        *page_routes(pages),
    )

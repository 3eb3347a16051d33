"""All routes of the service, as every process has them: the one that decides, and the workers that read."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from api.auditing import Auditor
from api.draft_check import DraftChecker
from api.pages.rendering import Pages, RunInWorker
from api.pages.routes import page_routes
from api.rest.accounts import account_routes
from api.rest.api_keys import key_routes
from api.rest.audit import audit_routes
from api.rest.changes import change_routes
from api.rest.cross_groups import cross_group_routes
from api.rest.decision_batch import batch_routes
from api.rest.decision_records import record_routes
from api.rest.health import health_routes, problem_routes
from api.rest.oidc import oidc_routes
from api.rest.overrides import override_routes
from api.rest.policies import policy_routes
from api.rest.regulations import regulation_routes
from api.rest.review import review_routes
from api.rest.session import session_routes
from api.rest.subjects import subject_routes
from api.rest.suspensions import suspension_routes
from api.service import Service


def pages_of(service: Service, worker_runner: RunInWorker | None = None) -> Pages:
    """What all pages of a service work with; `worker_runner` does in workers what takes long."""
    return Pages(service, DraftChecker(service), Auditor(service), worker_runner)


def routers_of(service: Service, pages: Pages) -> Sequence[APIRouter]:
    """The routes, but those that describe the application itself."""
    draft_checker, auditor = pages.draft_checker, pages.auditor
    return (
        batch_routes(service),
        record_routes(service),
        subject_routes(service),
        override_routes(service),
        policy_routes(service),
        cross_group_routes(service),
        regulation_routes(service),
        session_routes(service),
        oidc_routes(service),
        account_routes(service),
        key_routes(service),
        change_routes(service, draft_checker),
        review_routes(service, draft_checker),
        suspension_routes(service),
        audit_routes(service, auditor),
        health_routes(service),
        problem_routes(),
        *page_routes(pages),
    )

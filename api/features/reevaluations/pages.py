"""`/reevaluations`: the form that starts a re-evaluation; the pages of its job are the kit's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from api.features.reevaluations.jobs import REEVALUATION, ReevaluationForm
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame, Page
from api.kit.job import JobPages, JobProgress
from api.kit.rendering import Pages
from policy_service.decisions.in_force import OWN_DOMAIN


@dataclass(frozen=True, slots=True)
class ReevaluationsPage:
    """The form, and the re-evaluations of late, those that the service started by itself too."""

    template: ClassVar[str] = "reevaluations/start.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(ReevaluationForm)
    frame: Frame
    form: FormState
    policies: tuple[tuple[str, str], ...]
    """Those in force, each with its title."""
    days: int
    """The age of facts at which the service starts them by itself; 0 when it does not."""
    jobs: tuple[JobProgress, ...]
    keep: timedelta


async def _start_page(pages: Pages, request: Request, form: FormState, jobs: tuple[JobProgress, ...]) -> Page:
    frame, service = pages.frame(request), pages.service
    in_force = (policy for policy in service.decider.policies.values() if policy.domain != OWN_DOMAIN)
    options = ((policy.id, policy.title.zh if frame.lang == "zh" else policy.title.en) for policy in in_force)
    days = service.settings.reevaluation_days
    return ReevaluationsPage(frame, form, tuple(options), days, jobs, REEVALUATION.keep)


PREFILLED = ("policy", "max_age", "as_of")
"""Fields that a link may fill in."""
REEVALUATION_PAGES = JobPages("/reevaluations", REEVALUATION, start_page=_start_page, prefilled=PREFILLED)

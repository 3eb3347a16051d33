"""`/benchmarks`: the form that renews benchmark figures; the pages of its job are the kit's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from api.features.benchmarks.jobs import RENEWAL, RenewalForm
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame, Page
from api.kit.job import JobPages, JobProgress
from api.kit.populations import population_options
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from policy_service.language.benchmark_set import Quantiles
from policy_service.messages import Message


@dataclass(frozen=True, slots=True)
class BenchmarksPage:
    """The form, and the renewals of late."""

    template: ClassVar[str] = "benchmarks/start.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(RenewalForm)
    quantiles: ClassVar[tuple[tuple[Quantiles, Message], ...]] = (
        ("linear", Message("linear, as spreadsheets do")),
        ("weibull", Message("Weibull")),
        ("hazen", Message("Hazen")),
        ("inverted", Message("the value of a subject")),
    )
    frame: Frame
    form: FormState
    kinds: tuple[tuple[str, str], ...]
    populations: tuple[tuple[str, str], ...]
    jobs: tuple[JobProgress, ...]
    keep: timedelta


async def _start_page(pages: Pages, request: Request, form: FormState, jobs: tuple[JobProgress, ...]) -> Page:
    frame = pages.frame(request)
    kinds = kind_options(pages.service.decider.policies.values(), frame.lang, form.value("kind"))
    return BenchmarksPage(frame, form, kinds, await population_options(pages), jobs, RENEWAL.keep)


PREFILLED = ("name", "kind", "population", "as_of", "max_age", "smallest_group", "start")
"""Fields that a link may fill in."""
RENEWAL_PAGES = JobPages("/benchmarks", RENEWAL, start_page=_start_page, prefilled=PREFILLED)

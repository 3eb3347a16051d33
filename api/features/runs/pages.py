"""`/runs`: the form that starts a run; the pages of its job are the kit's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from api.features.runs.jobs import FILE_FORMATS, RUN, RunForm
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame, Page
from api.kit.job import JobPages, JobProgress
from api.kit.populations import population_options
from api.kit.rendering import Pages
from policy_service.decisions.in_force import OWN_DOMAIN


@dataclass(frozen=True, slots=True)
class RunsPage:
    """The form, and the runs of late."""

    template: ClassVar[str] = "runs/start.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(RunForm)
    formats: ClassVar[tuple[tuple[str, str], ...]] = tuple((each, each) for each in FILE_FORMATS)
    frame: Frame
    form: FormState
    policies: tuple[tuple[str, str], ...]
    """Those in force, each with its title; and the one that was chosen."""
    populations: tuple[tuple[str, str], ...]
    jobs: tuple[JobProgress, ...]
    keep: timedelta


async def _start_page(pages: Pages, request: Request, form: FormState, jobs: tuple[JobProgress, ...]) -> Page:
    frame = pages.frame(request)
    in_force = (each for each in pages.service.decider.policies.values() if each.domain != OWN_DOMAIN)
    options = {each.id: each.title.zh if frame.lang == "zh" else each.title.en for each in in_force}
    if chosen := form.value("policy"):
        options.setdefault(chosen, chosen)  # one that a change drafts
    return RunsPage(frame, form, tuple(options.items()), await population_options(pages), jobs, RUN.keep)


PREFILLED = ("policy", "change", "population", "max_age", "as_of", "format")
"""Fields that a link may fill in."""
RUN_PAGES = JobPages("/runs", RUN, start_page=_start_page, prefilled=PREFILLED)

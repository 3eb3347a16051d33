"""`/data-checks`: the form that starts a data check; the pages of its job are the kit's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from api.features.data_checks.jobs import DATA_CHECK, DataCheckForm
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame, Page
from api.kit.job import JobPages, JobProgress
from api.kit.rendering import Pages
from api.kit.subjects import kind_options


@dataclass(frozen=True, slots=True)
class DataChecksPage:
    """The form, and the data checks of late."""

    template: ClassVar[str] = "data_checks/start.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(DataCheckForm)
    frame: Frame
    form: FormState
    kinds: tuple[tuple[str, str], ...]
    keys: str
    """The facts that identify duplicates, by the settings."""
    jobs: tuple[JobProgress, ...]
    keep: timedelta


async def _start_page(pages: Pages, request: Request, form: FormState, jobs: tuple[JobProgress, ...]) -> Page:
    frame, service = pages.frame(request), pages.service
    kinds = kind_options(service.decider.policies.values(), frame.lang, form.value("kind"))
    return DataChecksPage(frame, form, kinds, service.settings.duplicate_keys, jobs, DATA_CHECK.keep)


DATA_CHECK_PAGES = JobPages("/data-checks", DATA_CHECK, start_page=_start_page, prefilled=("kind", "max_age", "keys"))

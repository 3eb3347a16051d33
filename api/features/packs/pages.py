"""`/packs`: the form that asks for an audit pack; the pages of its job are the kit's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request

from api.features.packs.forms import Option, PackForm, titled_policy_options
from api.features.packs.jobs import PACK
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame, Page
from api.kit.job import JobPages, JobProgress
from api.kit.rendering import Pages
from api.kit.subjects import kind_options
from api.web.transactions import run_read
from policy_service.packs.scope import MAX_SAMPLE

PREFILLED = ("policy", "subject", "kind", "since", "until")
"""Fields that a link may fill in."""


@dataclass(frozen=True, slots=True)
class PacksPage:
    """The form, and the packs that the reader asked for lately."""

    template: ClassVar[str] = "packs/ask.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(PackForm)
    frame: Frame
    form: FormState
    policies: tuple[Option, ...]
    kinds: tuple[Option, ...]
    max_sample: int
    jobs: tuple[JobProgress, ...]
    keep: timedelta


async def _start_page(pages: Pages, request: Request, form: FormState, jobs: tuple[JobProgress, ...]) -> Page:
    frame, service = pages.frame(request), pages.service
    in_force = service.decider.policies
    policies = await run_read(service, lambda session: titled_policy_options(session, in_force, frame.lang))
    kinds = kind_options(in_force.values(), frame.lang, form.value("kind"))
    return PacksPage(frame, form, policies, kinds, MAX_SAMPLE, jobs, PACK.keep)


PACK_PAGES = JobPages("/packs", PACK, start_page=_start_page, prefilled=PREFILLED)

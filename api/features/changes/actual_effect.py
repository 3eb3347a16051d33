"""`/changes/{change}/actual-effect`: what came of a change in force beside what was expected of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from sqlmodel import Session
from starlette.responses import Response

from api.features.changes.simulation import read_comparison
from api.kit.context import PageContext, attachment
from api.kit.forms import read_form
from api.kit.page_route import PageRoute
from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
from policy_service.approval import service as approval
from policy_service.language.types import parse_date
from policy_service.population.actual_effect import EffectComparison, movement_groups
from policy_service.population.actual_effect_view import PolicyComparisonView, comparison_views
from policy_service.population.errors import PopulationRejected
from policy_service.workers.kinds import READING

if TYPE_CHECKING:
    from policy_service.population.group_figures import GroupComparison

PATH = "/changes/{change}/actual-effect"
MAX_FILE = 4 * 2**20
"""Bytes of a form with a file."""


@dataclass(frozen=True, slots=True)
class ActualEffectPage:
    """`/changes/{change}/actual-effect`."""

    template: ClassVar[str] = "changes/actual_effect.html"
    change: approval.Change
    comparison: EffectComparison
    policies: tuple[PolicyComparisonView, ...]
    figures: GroupComparison | None = None
    """What an uploaded file says of the groups."""
    problems: tuple[str, ...] = ()
    """What is wrong with that file."""


def requested_day(context: PageContext) -> date | None:
    """The day that an address asks for; None if it asks for none. Raises ProblemError."""
    text = context.params.get("day", "").strip()
    day = parse_date(text)
    if text and day is None:
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(["day"]))
    return day


def actual_effect_page(
    session: Session, context: PageContext, change: str, upload: bytes | None = None
) -> ActualEffectPage:
    """The page as the caller sees it, with the figures of an uploaded file. Raises what `read_comparison` does."""
    comparison = read_comparison(session, context.service, change, requested_day(context))
    load = partial(context.service.catalogue.load, session)
    views = comparison_views(load, comparison.policies, context.frame.lang)
    page = ActualEffectPage(approval.read_change(session, change), comparison, views)
    return page if upload is None else _with_figures(session, page, upload)


def figures_csv(session: Session, context: PageContext, change: str, upload: bytes) -> bytes | None:
    """The figures of an uploaded file as CSV; None of a file that is wrong."""
    page = actual_effect_page(session, context, change, upload)
    return None if page.figures is None else page.figures.to_csv()


def _with_figures(session: Session, page: ActualEffectPage, content: bytes) -> ActualEffectPage:
    """The page with what a file says of the groups of the first policy, and of those that moved."""
    # DuckDB takes a second to load
    from policy_service.population.group_figures import compare_content  # noqa: PLC0415

    policy = next((each.policy for each in page.comparison.policies if each.cells), None)
    groups = movement_groups(session, policy, page.comparison.since, page.comparison.until) if policy else {}
    try:
        return replace(page, figures=compare_content(content, groups))
    except PopulationRejected as error:
        return replace(page, problems=error.problems)


async def show_actual_effect(context: PageContext, change: str) -> Response:
    """Show what came of a change until a day."""
    return await context.render_in_worker(actual_effect_page, change)


async def compare_file(context: PageContext, change: str) -> Response:
    """Show the same with the figures of a file, which is not kept; or send these as CSV."""
    form = await read_form(context.request, MAX_FILE)
    upload = form.files.get("file", (b"",))[0]
    if form.value("do") == "csv":
        content = await context.run_in_worker(READING, figures_csv, change, upload)
        if content is not None:
            return attachment(content, "figures.csv", "text/csv; charset=utf-8")
    return await context.render_in_worker(actual_effect_page, change, upload)


ROUTES = (PageRoute(PATH, show_actual_effect), PageRoute(PATH, compare_file, method="POST"))

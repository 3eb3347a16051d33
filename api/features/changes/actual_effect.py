"""`/changes/{change}/actual-effect`: what came of a change in force beside what was expected of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.features.changes.effect_words import word_text
from api.features.changes.simulation import read_comparison
from api.kit.forms import read_form
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.rendering import NO_STORE, Pages
from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
from api.web.transactions import run_read
from api.workers.work_kinds import READING
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import parse_date
from policy_service.population.actual_effect import (
    CellComparison,
    EffectComparison,
    MoneyComparison,
    PolicyComparison,
    movement_groups,
)

if TYPE_CHECKING:
    from policy_service.population.group_figures import GroupComparison

PATH = "/changes/{change}/actual-effect"
SUFFIXES = {b"PAR1": ".parquet", b"PK\x03\x04": ".xlsx"}
"""What files are that begin so; any other is CSV."""
MAX_FILE = 4 * 2**20
"""Bytes of a form with a file."""


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """The cells of one outcome, with the words before and after as a reader calls them."""

    title: Bilingual
    cells: tuple[tuple[str, str, CellComparison], ...]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What came of one policy."""

    title: Bilingual
    figures: PolicyComparison
    outcomes: tuple[OutcomeView, ...]
    money: tuple[tuple[Bilingual, MoneyComparison], ...]


@dataclass(frozen=True, slots=True)
class ActualEffectPage:
    """`/changes/{change}/actual-effect`."""

    template: ClassVar[str] = "changes/actual_effect.html"
    frame: Frame
    change: Change
    comparison: EffectComparison
    policies: tuple[PolicyView, ...]
    figures: GroupComparison | None = None
    """What an uploaded file says of the groups."""
    problems: tuple[str, ...] = ()
    """What is wrong with that file."""

    @property
    def file(self) -> str:
        """The address of the same as CSV."""
        return link(f"/changes/{self.change.id}/actual-effect.csv", day=self.comparison.until.isoformat())

    @property
    def upload_address(self) -> str:
        """The address to which a file is sent."""
        return link(f"/changes/{self.change.id}/actual-effect", day=self.comparison.until.isoformat())


def requested_day(request: Request) -> date | None:
    """The day that an address asks for; None if it asks for none. Raises ProblemError."""
    text = request.query_params.get("day", "").strip()
    day = parse_date(text)
    if text and day is None:
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(["day"]))
    return day


async def actual_effect_page(
    pages: Pages, request: Request, change: str, upload: bytes | None = None
) -> ActualEffectPage:
    """The page as the caller sees it, with the figures of an uploaded file. Raises what `read_comparison` does."""
    frame, day = pages.frame(request), requested_day(request)

    def read(session: Session) -> ActualEffectPage:
        comparison = read_comparison(session, pages.service, change, day)
        stored = approval.read_change(session, change)
        views = tuple(_view(session, pages, each, frame.lang) for each in comparison.policies)
        page = ActualEffectPage(frame, stored, comparison, views)
        return page if upload is None else _with_figures(session, page, upload)

    return await run_read(pages.service, read)


async def figures_csv(pages: Pages, request: Request, change: str, upload: bytes) -> bytes | None:
    """The figures of an uploaded file as CSV; None of a file that is wrong."""
    page = await actual_effect_page(pages, request, change, upload)
    return None if page.figures is None else page.figures.to_csv()


def _with_figures(session: Session, page: ActualEffectPage, content: bytes) -> ActualEffectPage:
    """The page with what a file says of the groups of the first policy, and of those that moved."""
    # DuckDB takes a second to load
    from policy_service.population.errors import PopulationRejected  # noqa: PLC0415
    from policy_service.population.group_figures import compare_groups  # noqa: PLC0415
    from policy_service.population.mapping import Mapping  # noqa: PLC0415
    from policy_service.population.source import open_source  # noqa: PLC0415

    policy = next((each.policy for each in page.comparison.policies if each.cells), None)
    groups = movement_groups(session, policy, page.comparison.since, page.comparison.until) if policy else {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{SUFFIXES.get(content[:4], '.csv')}"
        path.write_bytes(content)
        try:
            source = open_source(path, Mapping())
            columns = [each for each in source.headings if each != source.mapping.subject]
            return replace(page, figures=compare_groups(source, columns, groups))
        except PopulationRejected as error:
            return replace(page, problems=tuple(each.replace(f"{folder}/", "") for each in error.problems))


async def show_actual_effect(pages: Pages, request: Request, change: str) -> Response:
    """Show what came of a change until a day."""
    return await pages.render_in_worker(request, actual_effect_page, change)


async def compare_file(pages: Pages, request: Request, change: str) -> Response:
    """Show the same with the figures of a file, which is not kept; or send these as CSV."""
    form = await read_form(request, MAX_FILE)
    upload = form.files.get("file", (b"",))[0]
    if form.value("do") == "csv":
        content = await pages.run_in_worker(READING, request, figures_csv, change, upload)
        if content is not None:
            headers = {"Content-Disposition": 'attachment; filename="figures.csv"'}
            return Response(content, headers={**NO_STORE, **headers}, media_type="text/csv; charset=utf-8")
    return await pages.render_in_worker(request, actual_effect_page, change, upload)


ROUTES = (PageRoute(PATH, show_actual_effect), PageRoute(PATH, compare_file, method="POST"))


def _view(session: Session, pages: Pages, figures: PolicyComparison, lang: Language) -> PolicyView:
    policy = pages.service.catalogue.load(session, figures.digest)
    names = dict.fromkeys(each.outcome for each in figures.cells)
    return PolicyView(
        policy.title,
        figures,
        tuple(_outcome(figures, policy, name, lang) for name in names),
        tuple((_title(policy, each.outcome), each) for each in figures.money),
    )


def _outcome(figures: PolicyComparison, policy: Policy, name: str, lang: Language) -> OutcomeView:
    outcome = policy.outcomes.get(name)
    cells = tuple(
        (word_text(each.before, outcome, lang), word_text(each.after, outcome, lang), each)
        for each in figures.cells
        if each.outcome == name
    )
    return OutcomeView(_title(policy, name), cells)


def _title(policy: Policy, outcome: str) -> Bilingual:
    return policy.outcomes[outcome].title if outcome in policy.outcomes else Bilingual(outcome, outcome)

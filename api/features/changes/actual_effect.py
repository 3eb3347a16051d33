"""`/changes/{change}/actual-effect`: what came of a change in force beside what was expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.features.changes.effect_words import word_text
from api.features.changes.simulation import read_comparison
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.rendering import Pages
from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
from api.web.transactions import run_read
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import parse_date
from policy_service.population.actual_effect import CellComparison, EffectComparison, MoneyComparison, PolicyComparison


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

    @property
    def file(self) -> str:
        """The address of the same as CSV."""
        return link(f"/changes/{self.change.id}/actual-effect.csv", day=self.comparison.until.isoformat())


def requested_day(request: Request) -> date | None:
    """The day that an address asks for; None if it asks for none. Raises ProblemError."""
    text = request.query_params.get("day", "").strip()
    day = parse_date(text)
    if text and day is None:
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(["day"]))
    return day


async def actual_effect_page(pages: Pages, request: Request, change: str) -> ActualEffectPage:
    """The page as the caller sees it. Raises what `read_comparison` does."""
    frame, day = pages.frame(request), requested_day(request)

    def read(session: Session) -> ActualEffectPage:
        comparison = read_comparison(session, pages.service, change, day)
        stored = approval.read_change(session, change)
        views = (_view(session, pages, each, frame.lang) for each in comparison.policies)
        return ActualEffectPage(frame, stored, comparison, tuple(views))

    return await run_read(pages.service, read)


def actual_effect_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/changes/{change}/actual-effect")
    async def show(request: Request, change: str) -> Response:
        """What came of a change until a day."""
        return await pages.render_in_worker(request, actual_effect_page, change)

    return router


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

"""`GET /v1/decisions`: decisions by outcome and rule; `/v1/policies/{domain}/{policy}/answers`: how many of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BeforeValidator, Field
from sqlmodel import Session

from api.service import Service
from api.web.decision_summary import DecisionPage
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import INVALID_PARAMETER, UNKNOWN_POLICY, ProblemError, invalid_parameters_detail
from api.web.rest_router import RestRouter
from api.web.schemas import Answer, UtcInstant, attribute
from api.web.transactions import run_read
from policy_service.decisions.answer_counts.queries import AnswerTotals, answer_totals
from policy_service.decisions.record_queries import PAGE_SIZE, RecordFilter, RecordSort, list_records, seq_range
from policy_service.language.load import POLICY_ID
from policy_service.subject import KIND

OfKind = Annotated[str | None, Query(pattern=f"^{KIND.pattern}$", description="only about subjects of this kind")]
OfPolicy = Annotated[str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only what this policy answered")]
OfOutcome = Annotated[
    str | None, Query(max_length=400, description="only with this answer of the policy, e.g. `tier:S`, `missing_facts`")
]
OfRule = Annotated[str | None, Query(max_length=64, description="only by this rule of the policy")]
Since = Annotated[UtcInstant | None, Query(alias="from", description="decided from this instant on")]
Until = Annotated[UtcInstant | None, Query(description="decided before this instant")]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE, description="decisions on a page")]
Name = Annotated[str, Path(max_length=64)]


def _null_if_empty(value: object) -> object:
    return value or None


class AnswerTotalModel(Answer):
    """The count of decisions with an answer, by one rule or, where `rule` is null, by any."""

    group: Annotated[str, attribute("group.name", "the answer, as the parameter `outcome` of /v1/decisions takes it")]
    status: Annotated[str, attribute("group.status")]
    outcome: Annotated[dict[str, Any] | None, attribute("group.values"), BeforeValidator(_null_if_empty)]
    rule: Annotated[str | None, BeforeValidator(_null_if_empty)]
    decisions: int


class AnswerTotalsModel(Answer):
    """The answers of a policy; a decision by several rules counts at each of them."""

    policy: str
    items: list[AnswerTotalModel]
    uncounted: Annotated[int, Field(description="the newest decisions of all policies that are not counted yet")]


def decision_list_routes(service: Service) -> APIRouter:
    """The routes."""
    router = RestRouter("/v1", "decisions")

    @router.get("/decisions", operation_id="list_all_decisions", responses=problems(INVALID_PARAMETER))
    async def list_all_decisions(  # noqa: PLR0913  # the filters
        *,
        kind: OfKind = None,
        policy: OfPolicy = None,
        outcome: OfOutcome = None,
        rule: OfRule = None,
        since: Since = None,
        until: Until = None,
        sort: RecordSort = "-decided",
        limit: Limit = PAGE_SIZE,
        cursor: Cursor = None,
    ) -> DecisionPage:
        """List the decisions about everybody; a page may hold few, or none, and still have a cursor."""
        _check_policy_named(policy, outcome=outcome, rule=rule)
        criteria = RecordFilter(policy=policy, kind=kind, since=since, until=until, outcome=outcome, rule=rule)
        page = await run_read(service, lambda s: list_records(s, criteria, sort=sort, cursor=cursor, limit=limit))
        return DecisionPage.from_value(page)

    responses = problems(UNKNOWN_POLICY, INVALID_PARAMETER)

    @router.get("/policies/{domain}/{policy}/answers", operation_id="count_answers", responses=responses)
    async def count_answers(
        domain: Name, policy: Name, *, since: Since = None, until: Until = None
    ) -> AnswerTotalsModel:
        """Count the decisions of a policy by answer and by rule."""
        name = f"{domain}/{policy}"

        def read(session: Session) -> AnswerTotals:
            service.catalogue.snapshot(session).versions_of(name)
            return answer_totals(session, name, seq_range(session, since, until))

        return AnswerTotalsModel.from_value(await run_read(service, read))

    return router


def _check_policy_named(policy: str | None, **filters: str | None) -> None:
    """Raise ProblemError when an answer or a rule is asked for, and of no policy."""
    names = [name for name, value in filters.items() if value is not None]
    if policy is None and names:
        listed = [
            {"parameter": name, "code": "mistyped", "value": filters[name], "expected": "`policy`, whose it is"}
            for name in names
        ]
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(names), problems=listed)

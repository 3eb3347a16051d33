"""`GET /v1/decisions`: decisions by outcome and rule; `/v1/policies/{domain}/{policy}/answers`: how many of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BeforeValidator, Field

from api.web.decision_summary import DecisionPage
from api.web.problems import INVALID_PARAMETER, UNKNOWN_POLICY, ProblemError, invalid_parameters_detail
from api.web.rest_router import ReadRequest, RestRouter
from api.web.schemas import Answer, KindName, PolicyName, UtcInstant, attribute
from policy_service.decisions.answer_counts.queries import answer_totals
from policy_service.decisions.record_queries import PAGE_SIZE, RecordFilter, RecordSort, list_records, seq_range

OfKind = Annotated[KindName | None, Query(description="only about subjects of this kind")]
OfPolicy = Annotated[PolicyName | None, Query(description="only what this policy answered")]
OfOutcome = Annotated[
    str | None, Query(max_length=400, description="only with this answer of the policy, e.g. `tier:S`, `missing_facts`")
]
OfRule = Annotated[str | None, Query(max_length=64, description="only by this rule of the policy")]
Since = Annotated[UtcInstant | None, Query(alias="from", description="decided from this instant on")]
Until = Annotated[UtcInstant | None, Query(description="decided before this instant")]
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


router = RestRouter("/v1", "decisions")


@router.list("/decisions", "decisions", sort=RecordSort, by="-decided", most=PAGE_SIZE)
def list_all_decisions(
    read: ReadRequest,
    kind: OfKind = None,
    policy: OfPolicy = None,
    outcome: OfOutcome = None,
    rule: OfRule = None,
    since: Since = None,
    until: Until = None,
) -> DecisionPage:
    """List the decisions about everybody; a page may hold few, or none, and still have a cursor."""
    _check_policy_named(policy, outcome=outcome, rule=rule)
    criteria = RecordFilter(policy=policy, kind=kind, since=since, until=until, outcome=outcome, rule=rule)
    return DecisionPage.from_value(list_records(read.session, criteria, **read.paging))


@router.read("/policies/{domain}/{policy}/answers", UNKNOWN_POLICY)
def count_answers(
    read: ReadRequest, domain: Name, policy: Name, since: Since = None, until: Until = None
) -> AnswerTotalsModel:
    """Count the decisions of a policy by answer and by rule."""
    name = f"{domain}/{policy}"
    read.catalogue.snapshot(read.session).versions_of(name)
    totals = answer_totals(read.session, name, seq_range(read.session, since, until))
    return AnswerTotalsModel.from_value(totals)


def _check_policy_named(policy: str | None, **filters: str | None) -> None:
    """Raise ProblemError when an answer or a rule is asked for, and of no policy."""
    names = [name for name, value in filters.items() if value is not None]
    if policy is None and names:
        listed = [
            {"parameter": name, "code": "mistyped", "value": filters[name], "expected": "`policy`, whose it is"}
            for name in names
        ]
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(names), problems=listed)

"""`GET /v1/search`: matches by kind, as far as the caller may read them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field

from api.features.search.finding import find
from api.web.rest_router import ReadRequest, RestRouter
from api.web.schemas import Answer, Model, Words
from policy_service.search import MAX_HITS, MAX_TEXT, SearchKind

Text = Annotated[
    str,
    Query(
        alias="q",
        min_length=1,
        max_length=MAX_TEXT,
        description="an identifier or its beginning, words of a title, the number or digest of an entry",
    ),
]


class HitModel(Answer):
    """One match."""

    kind: SearchKind
    id: str
    title: Words | None
    of: Annotated[
        str | None,
        BeforeValidator(lambda of: of or None),
        Field(description="the kind of a subject, the policy of a rule, the subject of a decision, …"),
    ]
    at: Annotated[datetime | None, Field(description="when a decision was made, or an entry written")]


class SearchResult(Model):
    """The matches by kind."""

    items: Annotated[list[HitModel], Field(description=f"at most {MAX_HITS} of each kind")]


router = RestRouter("/v1", "search")


@router.read("/search")
def search(read: ReadRequest, text: Text) -> SearchResult:
    """Find subjects, decisions, policies, rules, changes and log entries by name or identifier."""
    found = find(read.service, read.session, read.actor, text)
    return SearchResult(items=[HitModel.from_value(hit) for hits in found.values() for hit in hits])

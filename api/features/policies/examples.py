"""`…/examples`: the examples of a version, decided now by the definition: what each must get and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.features.policies.version_head import VERSION, VersionHead, version_query
from api.kit.frame import Frame
from api.kit.listing import Listing
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.analysis.example_cases import ExampleCase, cases_of
from policy_service.language.digest_cache import cached_by_digest

PAGE = 50
"""Examples on a page."""


@dataclass(frozen=True, slots=True)
class ExamplesPage:
    """The examples of a version."""

    template: ClassVar[str] = "policies/examples.html"
    frame: Frame
    head: VersionHead
    cases: tuple[ExampleCase, ...]
    passed_count: int
    total_count: int
    listing: Listing


_cases = cached_by_digest(cases_of)


async def examples_page(pages: Pages, request: Request, domain: str, policy: str, version: str) -> ExamplesPage:
    """Build the page of the examples, decided now."""
    frame = pages.frame(request)
    loaded, head = await run_read(
        pages.service, version_query(pages, request, f"{domain}/{policy}", version, "examples")
    )
    cases = await run_in_threadpool(_cases, loaded, frame.lang)
    return make_page(frame, head, cases, request.query_params.get("cursor", ""))


ROUTES = (PageRoute(f"{VERSION}/examples", examples_page),)


def make_page(frame: Frame, head: VersionHead, cases: Sequence[ExampleCase], cursor: str) -> ExamplesPage:
    """One page of the examples; the cursor is the name of the last one before it."""
    first = next((position + 1 for position, case in enumerate(cases[:-1]) if case.name == cursor), 0)
    page_cases = tuple(cases[first : first + PAGE])
    next_cursor = page_cases[-1].name if len(cases) > first + PAGE else None
    listing = Listing(f"{head.address}/examples", {}, cursor=cursor if first else None, next_cursor=next_cursor)
    return ExamplesPage(frame, head, page_cases, sum(case.passed for case in cases), len(cases), listing)

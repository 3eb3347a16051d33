"""`…/examples`: the examples of a version, decided now by the definition: what each must get and what it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.pages.frame import Frame
from api.pages.listing import Listing
from api.pages.policies.opening import VERSION, Opening, open_version
from api.pages.policies.register import Register
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.analysis.examples import check_example, day_of, facts_of
from policy_service.compilers.prose.context import context_of
from policy_service.compilers.prose.expectations import examples_table
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Conflict, Decided, MissingFacts, Result
from policy_service.language.policy import Bilingual, Example, Language, Policy
from policy_service.lru_cache import LruCache

PAGE = 50
"""Examples on a page."""
KEPT = 4 * 2**20
"""Characters of policy files whose examples stay decided, in each language once."""
NOTHING: Sequence[str] = ()


NamedRule = tuple[str, Bilingual | None]
"""The id of a rule, and its title."""


@dataclass(frozen=True, slots=True)
class Case:
    """An example in words, and how it comes out."""

    name: str
    title: Bilingual | None
    source: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    """What each fact is called, and its value."""
    expected: tuple[str, ...]
    found: tuple[str, ...]
    rules: tuple[NamedRule, ...]
    """The rules that it must be decided by."""
    decided_by: tuple[NamedRule, ...]
    passed: bool


@dataclass(frozen=True, slots=True)
class ExamplesPage:
    """The examples of a version."""

    template: ClassVar[str] = "policies/examples.html"
    frame: Frame
    opening: Opening
    cases: tuple[Case, ...]
    passed: int
    all: int
    listing: Listing


def example_routes(pages: Pages, register: Register) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    kept: LruCache[tuple[str, Language], tuple[Case, ...]] = LruCache(KEPT)

    @router.get(f"{VERSION}/examples")
    async def examples(request: Request, domain: str, policy: str, version: str) -> Response:
        """The examples, decided now."""
        name, now, frame = f"{domain}/{policy}", service.now(), pages.frame(request)
        found, opening = await reading(
            service,
            lambda session: open_version(
                service.catalogue,
                register.read(session, request),
                session,
                name,
                version,
                now=now,
                tab="examples",
            ),
        )
        key = (found.digest, frame.lang)
        cases = await run_in_threadpool(
            lambda: kept.get_or_make(key, lambda: cases_of(found, frame.lang), len(found.text))
        )
        return pages.show(make_page(frame, opening, cases, request.query_params.get("cursor", "")))

    return router


def make_page(frame: Frame, opening: Opening, cases: Sequence[Case], cursor: str) -> ExamplesPage:
    """One page of the examples; the cursor is the name of the last one before it."""
    behind = next((place + 1 for place, case in enumerate(cases[:-1]) if case.name == cursor), 0)
    shown = tuple(cases[behind : behind + PAGE])
    following = shown[-1].name if len(cases) > behind + PAGE else None
    listing = Listing(f"{opening.address}/examples", {}, cursor=cursor if behind else None, next_cursor=following)
    return ExamplesPage(frame, opening, shown, sum(case.passed for case in cases), len(cases), listing)


def cases_of(policy: Policy, lang: Language) -> tuple[Case, ...]:
    """Every example, decided by the definition."""
    results = [evaluate(policy, facts_of(each), day_of(each)) for each in policy.examples]
    found = [_as_example(policy, each, result) for each, result in zip(policy.examples, results, strict=True)]
    wanted, told = _words(policy, policy.examples, lang), _words(policy, found, lang)
    bands = policy.scorecard.bands if policy.scorecard else ()
    titles = {rule.id: rule.title for rule in (*policy.rules, *bands)}
    return tuple(
        Case(
            name=example.name,
            title=example.title,
            source=example.source,
            asks=tuple((title, value) for title, value in asks if value),
            expected=expected,
            found=got,
            rules=tuple((rule, titles[rule]) for rule in example.rules or ()),
            decided_by=tuple(
                (rule, titles[rule]) for rule in (result.rules if isinstance(result, Decided | Conflict) else ())
            ),
            passed=check_example(policy, example, lambda *_, result=result: result) is None,
        )
        for example, result, (asks, expected), (_, got) in zip(policy.examples, results, wanted, told, strict=True)
    )


def _as_example(policy: Policy, example: Example, result: Result) -> Example:
    """The example as it would have to be written for the result to be right."""
    match result:
        case Decided():
            outcomes = tuple(dict(zip(policy.outcomes, values, strict=True)) for values in result.outcome)
            outcome = outcomes if policy.lists else outcomes[0]
            return replace(example, status="decided", outcome=outcome, rules=result.rules, missing=())
        case MissingFacts():
            return replace(example, status="missing_facts", outcome=None, rules=None, missing=tuple(result.names))
        case Conflict():
            return replace(example, status="conflict", outcome=None, rules=result.rules, missing=())
        case _:
            return replace(example, status="no_rule_matched", outcome=None, rules=None, missing=())


Words = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]
"""The facts of an example, and what it gives."""


def _words(policy: Policy, examples: Sequence[Example], lang: Language) -> list[Words]:
    """Examples in words: the cells of prose's table, taken apart."""
    context = context_of(policy, lang)
    told = examples_table(replace(policy, examples=tuple(examples)), context)
    if told is None:
        return []
    results = len(policy.outcomes) if len(policy.outcomes) > 1 and not policy.lists else 1
    heads = told.headers[1 : -results - 1]
    titles = told.headers[-results - 1 : -1]
    several = results > 1
    return [
        (
            tuple((head, cell) for head, cell in zip(heads, row[1 : -results - 1], strict=True)),
            tuple(
                f"{title}: {cell}" if several and example.status == "decided" else cell
                for title, cell in zip(titles, row[-results - 1 : -1], strict=True)
                if cell
            ),
        )
        for example, row in zip(examples, told.rows, strict=True)
    ]

"""`/policies/{domain}/{policy}/try`: the form and its answer; a case as a link, or as an example of one's draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter
from pydantic import Field as Limit
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.examples import ExampleRefused
from api.pages.forms import FIELDS, Filled, FormModel, checked, read_form
from api.pages.frame import Frame
from api.pages.rendering import Do, Made, Pages
from api.pages.trying.answer import Answer, answer
from api.pages.trying.drafts import MyDraft, Written, drafted, drafts_of, example_of, keep, with_one_more
from api.pages.trying.fields import PREFIX, Field, Given, fields, read_given, typed
from api.permissions import PERMISSIONS, may_ask
from api.problems import MALFORMED_FORM, NOT_ALLOWED, NOT_FOUND, ProblemError
from api.transactions import reading
from api.work import CHECKING
from policy_service.actor import Actor
from policy_service.clock import today
from policy_service.compilers.prose import GridWords, Table, cross_table, table
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.types import parse_date
from policy_service.sentences import Sentence

PATH = "/policies/{domain}/{policy}/try"
LONGEST = 200
"""Versions that are offered."""


@dataclass(frozen=True, slots=True)
class TryPage:
    """A form, and, once it was filled in, the decision."""

    template: ClassVar[str] = "trying/try.html"
    frame: Frame
    address: str
    policy: str
    title: Bilingual
    version: str
    draft: str | None
    """The draft whose text is tried."""
    versions: tuple[str, ...]
    fields: tuple[Field, ...]
    as_of: str
    as_of_fault: Sentence | None
    is_secret: bool
    """Whether a fact is sensitive, so that the facts are kept out of addresses."""
    answer: Answer | None
    table: Table | None
    """The decision table, to show which row decided."""
    grid: GridWords | None
    """The same as its grid, of a cross table."""
    link: str | None
    """The address that keeps the case."""
    examples: tuple[tuple[str, Bilingual | None, str], ...]
    """The version's own examples: name, title, and the address that fills the form with it."""
    example: Filled | None
    """The form that makes the case an example; None when nothing was decided, or the reader writes no policies."""
    drafts: tuple[MyDraft, ...]


class ExampleForm(FormModel):
    """Which draft the case becomes an example of, and what it is called."""

    draft: Annotated[str, Limit(pattern="^[0-9a-f-]{36}$")]
    name: Annotated[str, Limit(max_length=LONGEST)]
    case: Annotated[str, Limit(max_length=100_000)]
    """The query of the link that keeps the case."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was asked: the version, the day, the facts as typed."""

    version: str | None
    draft: str | None
    """The draft whose text is tried, instead of a version."""
    as_of: str
    given: Given
    asked: bool


def trying_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def try_(request: Request, domain: str, policy: str) -> Response:
        """The form, with the answer to what is in the address."""
        page = await _page(pages, request, f"{domain}/{policy}", _case(request.query_params.multi_items()))
        return pages.show(page, 422 if _is_wrong(page) else 200)

    @router.post(PATH)
    async def try_in_secret(request: Request, domain: str, policy: str) -> Response:
        """The same, with the facts kept out of the address."""
        form = await read_form(request)
        items = [(name, value) for name, values in form.fields.items() for value in values]
        page = await _page(pages, request, f"{domain}/{policy}", _case(items))
        return pages.show(page, 422 if _is_wrong(page) else 200)

    _add_example(router, pages)
    return router


def _add_example(router: APIRouter, pages: Pages) -> None:
    @router.post(f"{PATH}/example")
    async def make_example(request: Request, domain: str, policy: str) -> Response:
        """Writes the case into one's own draft, as an example that the version must answer like this."""
        name, form = f"{domain}/{policy}", await read_form(request)
        given = checked(form, ExampleForm)
        case = _case(_items(form.one("case")))
        again = Made(page_with_example, (name, case))
        if not isinstance(given, ExampleForm):
            return await pages.show_again(request, again, form.filled(given), 422)
        actor = asker(request).actor

        async def prepare() -> Do:
            written = await pages.ask(CHECKING, request, written_with, given.draft, name, case, given.name)
            return lambda transaction: keep(transaction, actor, written)

        try:
            return await pages.attempt(request, form, prepare, again)
        except ExampleRefused as refused:
            return await pages.show_again(request, again, form.filled(refusal=refused.sentence), 422)


async def written_with(  # noqa: PLR0913, PLR0917  # which case becomes an example of which draft
    pages: Pages, request: Request, draft: str, name: str, case: Case, called: str
) -> Written:
    """A draft with the case as one more example. Raises ExampleRefused, ProblemError, UnknownChange."""
    lang, actor = pages.frame(request).lang, asker(request).actor

    def write(session: Session) -> Written:
        policy = _tried(pages, session, actor, name, case)
        filled, day = read_given(policy, case.given, lang), parse_date(case.as_of)
        if filled.faults or day is None:
            raise ProblemError(MALFORMED_FORM, Sentence("the form cannot be read"))
        return with_one_more(session, draft, name, example_of(policy, filled.facts, day, called))

    return await reading(pages.service, write)


# ----------------------------------------------------------------------------------------------------- the page


async def page_with_example(pages: Pages, request: Request, name: str, case: Case, example: Filled) -> TryPage:
    """The page of a case with the form that makes it an example. Raises as `_page` does."""
    return await _page(pages, request, name, case, example)


async def _page(pages: Pages, request: Request, name: str, case: Case, example: Filled | None = None) -> TryPage:
    """The page of a case. Raises ProblemError when there is no such policy or version."""
    service, frame, actor = pages.service, pages.frame(request), asker(request).actor
    writes = may_ask(actor, PERMISSIONS["POST", f"{PATH}/example"]) is True
    if case.draft is not None and (verdict := may_ask(actor, PERMISSIONS["GET", "/changes/{change}"])) is not True:
        raise ProblemError(NOT_ALLOWED, verdict)

    def look(session: Session) -> tuple[Policy, tuple[str, ...], tuple[MyDraft, ...]]:
        policy = _tried(pages, session, actor, name, case)
        versions = tuple(row.version for row in service.catalogue.versions(session, name, actor)[:LONGEST])
        return policy, versions, drafts_of(session, actor, name) if writes and case.asked else ()

    policy, versions, drafts = await reading(service, look)
    filled = read_given(policy, case.given, frame.lang)
    day = parse_date(case.as_of) if case.as_of else today(service.clock, service.zone)
    fault = Sentence("This is not a day or a time.") if day is None else None
    decides = case.asked and day is not None and not filled.faults
    told = answer(policy, filled.facts, day, frame.lang) if decides and day is not None else None
    return TryPage(
        frame=frame,
        address=request.url.path.removesuffix("/example"),
        policy=name,
        title=policy.title,
        version=policy.version,
        draft=case.draft,
        versions=versions,
        fields=tuple(fields(policy, case.given, filled, frame.lang)),
        as_of=case.as_of if day is None else day.isoformat(),
        as_of_fault=fault,
        is_secret=any(fact.sensitive for fact in policy.facts.values()),
        answer=told,
        table=table(policy, frame.lang) if told is not None and policy.form == "table" else None,
        grid=cross_table(policy, frame.lang) if told is not None else None,
        link=_link(request, policy, case, day) if told is not None and day is not None else None,
        examples=tuple(_examples(request, policy, case)),
        example=(example or pages.new_form(name="")) if told is not None and writes else None,
        drafts=drafts,
    )


def _tried(pages: Pages, session: Session, actor: Actor, name: str, case: Case) -> Policy:
    """The draft or version asked for; else the version in force, or the newest when none is."""
    version = case.version
    if case.draft is not None:
        policy = drafted(session, case.draft, name)
        if policy is None:
            raise ProblemError(NOT_FOUND, Sentence("The draft holds no valid text of {policy}.", policy=name))
        return policy
    catalogue, now = pages.service.catalogue, pages.service.now()
    if version is not None:
        return catalogue.version(session, name, version, actor)
    in_force = catalogue.in_force(session, now).get(name)
    return in_force or catalogue.version(session, name, catalogue.versions(session, name, actor)[0].version)


def _case(items: Sequence[tuple[str, str]]) -> Case:
    """What a query or a form says."""
    said: dict[str, list[str]] = {}
    for name, value in items:
        said.setdefault(name, []).append(value)
    given = {name.removeprefix(PREFIX): values for name, values in said.items() if name.startswith(PREFIX)}
    version = said.get("version", [""])[0]
    draft = said.get("draft", [""])[0]
    as_of = said.get("as_of", [""])[0][:LONGEST]
    return Case(version or None, draft or None, as_of, given, "as_of" in said)


def _items(query: str) -> list[tuple[str, str]]:
    """The names and values of a query. Raises ProblemError when it is none."""
    try:
        return parse_qsl(query, max_num_fields=FIELDS)
    except ValueError:
        raise ProblemError(MALFORMED_FORM, Sentence("the form cannot be read")) from None


def _link(request: Request, policy: Policy, case: Case, day: date) -> str:
    """The address of a case; sensitive facts are left out."""
    open_ = {f"{PREFIX}{name}": list(values) for name, values in case.given.items() if _is_open(policy, name)}
    tried = {"draft": case.draft} if case.draft is not None else {"version": policy.version}
    said: dict[str, Any] = {**tried, "as_of": day.isoformat(), **open_}
    path = request.url.path.removesuffix("/example")
    return f"{path}?{urlencode({name: value for name, value in said.items() if any(value)}, doseq=True)}"


def _is_open(policy: Policy, fact: str) -> bool:
    return fact in policy.facts and not policy.facts[fact].sensitive


def _examples(request: Request, policy: Policy, case: Case) -> list[tuple[str, Bilingual | None, str]]:
    path = request.url.path.removesuffix("/example")
    found: list[tuple[str, Bilingual | None, str]] = []
    for example in policy.examples:
        facts = {f"{PREFIX}{name}": list(values) for name, values in typed(policy, example.facts).items()}
        tried = {"draft": case.draft} if case.draft is not None else {"version": policy.version}
        said: dict[str, Any] = {**tried, "as_of": example.as_of or "", **facts}
        found.append((example.name, example.title, f"{path}?{urlencode(said, doseq=True)}"))
    return found


def _is_wrong(page: TryPage) -> bool:
    return page.as_of_fault is not None or any(field.fault for field in page.fields)

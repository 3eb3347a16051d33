"""`/policies/{domain}/{policy}/try`: a form for trial facts, its answer, and the case as a link or an example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from pydantic import Field as Limit
from sqlmodel import Session
from starlette.responses import Response

from api.auth.permissions import PERMISSIONS
from api.kit.context import Command, FormPage, PageContext
from api.kit.forms import MAX_FIELDS, FormModel, FormState, read_form, validate_form
from api.kit.page_route import PageRoute
from api.kit.values import Options, ValueWidget, widget_of
from api.web.problems import MALFORMED_FORM, NOT_ALLOWED, NOT_FOUND, ProblemError
from policy_service.access import check_permission
from policy_service.analysis.explained_answer import TrialAnswer, try_policy
from policy_service.analysis.typed_values import FactValues, TypedTexts, fact_texts, read_facts
from policy_service.approval.own_drafts import (
    DraftUpdate,
    OwnDraft,
    draft_with_example,
    read_draft_policy,
    read_own_drafts,
    save_draft,
)
from policy_service.clock import today
from policy_service.compilers.prose import GridWords, Table, cross_table, origin_in_words, table, type_in_words
from policy_service.language.edit import ExampleRejected, example_entry
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import MAX_TEXT, parse_date
from policy_service.messages import Message
from policy_service.workers.kinds import FILE_CHECKING

PREFIX = "f."


@dataclass(frozen=True, slots=True)
class FactField:
    """One fact to fill in."""

    name: str
    """The name of the field."""
    fact: str
    title: Bilingual
    expects: str
    """Its type in words, with its unit and bounds."""
    widget: ValueWidget
    options: Options
    values: tuple[str, ...]
    """The current values."""
    is_required: bool
    is_sensitive: bool
    origin: str
    """The source of the fact in a decision; empty if the caller supplies it."""
    error: Message | None

    @property
    def value(self) -> str:
        """The text in a field of one line."""
        return self.values[0] if self.values else ""


def fact_fields(policy: Policy, texts: TypedTexts, values: FactValues, lang: Language) -> Iterator[FactField]:
    """Yield the form of a policy, with what was typed."""
    for name, fact in policy.facts.items():
        widget, options = widget_of(fact.type, fact.words, lang)
        yield FactField(
            name=f"{PREFIX}{name}",
            fact=name,
            title=fact.title,
            expects=type_in_words(fact.type, lang, fact.words),
            widget=widget,
            options=options,
            values=tuple(text[:MAX_TEXT] for text in texts.get(name, ())),
            is_required=not fact.optional,
            is_sensitive=fact.sensitive,
            origin=origin_in_words(fact, lang),
            error=values.errors.get(name),
        )


PATH = "/policies/{domain}/{policy}/try"
MAX_OFFERED = 200
"""Versions that are offered."""


@dataclass(frozen=True, slots=True)
class TryPage:
    """A form, and, once it was filled in, the decision."""

    template: ClassVar[str] = "tryout/try.html"
    address: str
    policy: str
    title: Bilingual
    version: str
    draft: str | None
    """The draft whose text is used."""
    versions: tuple[str, ...]
    fields: tuple[FactField, ...]
    as_of: str
    as_of_error: Message | None
    has_sensitive_facts: bool
    """True if a fact is sensitive, so that the facts are kept out of addresses."""
    answer: TrialAnswer | None
    table: Table | None
    """The decision table, to show which row decided."""
    grid: GridWords | None
    """The same as its grid, of a cross table."""
    case_address: str | None
    """The address of the case."""
    examples: tuple[tuple[str, Bilingual | None, str], ...]
    """The version's own examples: name, title, and the address that fills the form with it."""
    example_form: FormState | None
    """The form that adds the case as an example; None without a decision, or if the reader writes no policies."""
    drafts: tuple[OwnDraft, ...]


class ExampleForm(FormModel):
    """The draft to which the case is added, and the name of the example."""

    draft: Annotated[str, Limit(pattern="^[0-9a-f-]{36}$")]
    name: Annotated[str, Limit(max_length=MAX_OFFERED)]
    case: Annotated[str, Limit(max_length=100_000)]
    """The query of the link that keeps the case."""


@dataclass(frozen=True, slots=True)
class TrialCase:
    """The case: the version, the day, the facts as typed."""

    version: str | None
    draft: str | None
    """The draft whose text is used, instead of a version."""
    as_of: str
    fact_texts: TypedTexts
    is_submitted: bool


async def show_trial(context: PageContext, domain: str, policy: str) -> TryPage:
    """Show the form, with the answer to the facts in the address, or to sensitive ones in the form."""
    items = context.request.query_params.multi_items()
    if context.request.method == "POST":
        form = await read_form(context.request)
        items = [(name, value) for name, values in form.fields.items() for value in values]
    page: TryPage = await context.build(try_page, f"{domain}/{policy}", _read_case(items))
    if page.as_of_error is not None or any(field.error for field in page.fields):
        context.status = HTTPStatus.UNPROCESSABLE_ENTITY
    return page


async def add_example(context: PageContext, domain: str, policy: str) -> Response:
    """Add the case to the reader's own draft, as an example with this answer."""
    name, form, actor = f"{domain}/{policy}", await read_form(context.request), context.actor
    values, case = validate_form(form, ExampleForm), _read_case(_parse_query(form.value("case")))
    form_page = FormPage(try_page, (name, case))
    if not isinstance(values, ExampleForm):
        return await context.render_invalid(form_page, form.bind(values))

    async def prepare() -> Command:
        update = await context.run_in_worker(FILE_CHECKING, prepare_example, values.draft, name, case, values.name)
        return lambda transaction: f"/changes/{save_draft(transaction, actor, update).id}/draft?done=example"

    try:
        return await context.execute(form, prepare, form_page)
    except ExampleRejected as error:
        return await context.render_invalid(form_page, form.bind(form_error=error.message))


def prepare_example(  # noqa: PLR0913, PLR0917  # which case becomes an example of which draft
    session: Session, context: PageContext, draft: str, name: str, case: TrialCase, example_name: str
) -> DraftUpdate:
    """Return a draft with the case added as an example. Raises ExampleRejected, ProblemError, UnknownChange."""
    policy = _tried_policy(session, context, name, case)
    facts, day = read_facts(policy, case.fact_texts, context.frame.lang), parse_date(case.as_of)
    if facts.errors or day is None:
        raise ProblemError(MALFORMED_FORM, Message("the form cannot be read"))
    return draft_with_example(session, draft, name, example_entry(policy, facts.facts, day, example_name))


# ----------------------------------------------------------------------------------------------------- the page


def try_page(
    session: Session, context: PageContext, name: str, case: TrialCase, example_form: FormState | None = None
) -> TryPage:
    """Return the page of a case, with the form that adds it as an example. Raises ProblemError, UnknownPolicy."""
    service, lang, actor = context.service, context.frame.lang, context.actor
    may_write = check_permission(actor, PERMISSIONS["POST", f"{PATH}/example"]) is True
    if (
        case.draft is not None
        and (permission := check_permission(actor, PERMISSIONS["GET", "/changes/{change}"])) is not True
    ):
        raise ProblemError(NOT_ALLOWED, permission)
    policy = _tried_policy(session, context, name, case)
    versions = context.visible(session).versions_of(name)[:MAX_OFFERED]
    path = context.request.url.path.removesuffix("/example")
    facts = read_facts(policy, case.fact_texts, lang)
    day = parse_date(case.as_of) if case.as_of else today(service.clock, service.zone)
    as_of_error = Message("Not a valid date or time.") if day is None else None
    is_decidable = case.is_submitted and day is not None and not facts.errors
    trial_answer = try_policy(policy, facts.facts, day, lang) if is_decidable and day is not None else None
    return TryPage(
        address=path,
        policy=name,
        title=policy.title,
        version=policy.version,
        draft=case.draft,
        versions=tuple(each.version for each in versions),
        fields=tuple(fact_fields(policy, case.fact_texts, facts, lang)),
        as_of=case.as_of if day is None else day.isoformat(),
        as_of_error=as_of_error,
        has_sensitive_facts=any(fact.sensitive for fact in policy.facts.values()),
        answer=trial_answer,
        table=table(policy, lang) if trial_answer is not None and policy.form == "table" else None,
        grid=cross_table(policy, lang) if trial_answer is not None else None,
        case_address=_case_address(path, policy, case, day) if trial_answer is not None and day is not None else None,
        examples=tuple(_example_links(path, policy, case)),
        example_form=(example_form or context.new_form(name="")) if trial_answer is not None and may_write else None,
        drafts=read_own_drafts(session, actor, name) if may_write and case.is_submitted else (),
    )


def _tried_policy(session: Session, context: PageContext, name: str, case: TrialCase) -> Policy:
    """Return the draft or version asked for; else the version in force, or the newest when none is."""
    version = case.version
    if case.draft is not None:
        policy = read_draft_policy(session, case.draft, name)
        if policy is None:
            raise ProblemError(NOT_FOUND, Message("The draft holds no valid text of {policy}.", policy=name))
        return policy
    catalogue, now = context.service.catalogue, context.service.now()
    if version is not None:
        return catalogue.load(session, context.visible(session).version(name, version).digest)
    in_force = catalogue.in_force(session, now).get(name)
    if in_force is not None:
        return in_force
    newest = context.visible(session).versions_of(name)[0]
    return catalogue.load(session, newest.digest)


def _read_case(items: Sequence[tuple[str, str]]) -> TrialCase:
    """Read the case from a query or a form."""
    params: dict[str, list[str]] = {}
    for name, value in items:
        params.setdefault(name, []).append(value)
    texts = {name.removeprefix(PREFIX): values for name, values in params.items() if name.startswith(PREFIX)}
    version = params.get("version", [""])[0]
    draft = params.get("draft", [""])[0]
    as_of = params.get("as_of", [""])[0][:MAX_OFFERED]
    return TrialCase(version or None, draft or None, as_of, texts, "as_of" in params)


def _parse_query(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query. Raises ProblemError when it is none."""
    try:
        return parse_qsl(query, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ProblemError(MALFORMED_FORM, Message("the form cannot be read")) from None


def _case_address(path: str, policy: Policy, case: TrialCase, day: date) -> str:
    """Return the address of a case; sensitive facts are left out."""
    shareable = {
        f"{PREFIX}{name}": list(values) for name, values in case.fact_texts.items() if _is_shareable(policy, name)
    }
    version = {"draft": case.draft} if case.draft is not None else {"version": policy.version}
    params: dict[str, Any] = {**version, "as_of": day.isoformat(), **shareable}
    return f"{path}?{urlencode({name: value for name, value in params.items() if any(value)}, doseq=True)}"


def _is_shareable(policy: Policy, fact: str) -> bool:
    return fact in policy.facts and not policy.facts[fact].sensitive


def _example_links(path: str, policy: Policy, case: TrialCase) -> list[tuple[str, Bilingual | None, str]]:
    links: list[tuple[str, Bilingual | None, str]] = []
    for example in policy.examples:
        facts = {f"{PREFIX}{name}": list(values) for name, values in fact_texts(policy, example.facts).items()}
        version = {"draft": case.draft} if case.draft is not None else {"version": policy.version}
        params: dict[str, Any] = {**version, "as_of": example.as_of or "", **facts}
        links.append((example.name, example.title, f"{path}?{urlencode(params, doseq=True)}"))
    return links


ROUTES = (
    PageRoute(PATH, show_trial),
    PageRoute(PATH, show_trial, method="POST"),
    PageRoute(f"{PATH}/example", add_example, method="POST"),
)

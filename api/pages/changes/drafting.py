"""`/changes/new`: a change is begun, with policy files or as a rollback; its editor goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, ClassVar, Literal, get_args

from fastapi import APIRouter
from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.asking import AskedForm, moment, period_asked
from api.pages.changes.beginnings import (
    NEW,
    NO_BEGINNING,
    Beginning,
    GoingBack,
    beginnings,
    begun_with,
    chosen,
    ways_back,
)
from api.pages.changes.editing import TEXTS
from api.pages.forms import LIMIT, Filled, Form, checked, read_form
from api.pages.frame import Frame
from api.pages.rendering import Do, Made, Pages
from api.transactions import reading
from api.work import CHECKING
from policy_service.approval import service as approval
from policy_service.database import Transaction
from policy_service.registry.model import Period
from policy_service.sentences import Sentence

NewKind = Literal["change", "rollback", "ending"]
"""What a form begins: a change with files, a rollback, or a change that ends policies."""
NOTHING_CHOSEN = Sentence("Choose at least one version to go back to.")
NOTHING_ENDED = Sentence("Choose at least one policy to end.")
TOMORROW = timedelta(days=1)


class NewForm(AskedForm):
    """The fields of a change that is begun."""

    kind: NewKind = "change"
    start: Annotated[str, Field(max_length=140)] = ""
    back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPage:
    """`/changes/new`."""

    template: ClassVar[str] = "changes/new.html"
    frame: Frame
    form: Filled
    kind: NewKind
    beginnings: tuple[Beginning, ...]
    ways_back: tuple[GoingBack, ...]
    zone: str
    new: str = NEW


def drafting_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    limit = TEXTS * service.settings.policy_body_limit + LIMIT

    @router.get("/changes/new")
    async def new(request: Request) -> Response:
        """The form of a change, filled in as far as the link that led here says."""
        asked = request.query_params
        policy, version, ended = asked.get("rollback"), asked.get("version", ""), asked.get("end")
        tomorrow = service.clock.now().astimezone(service.zone).replace(hour=0, minute=0) + TOMORROW
        form = pages.new_form(
            kind="rollback" if policy is not None else "change" if ended is None else "ending",
            start=asked.get("policy", ""),
            back=f"{policy}@{version}" if policy else "",
            ends=ended or "",
            effective_from=moment(tomorrow, service.zone),
        )
        return pages.show(await new_page(pages, request, form))

    @router.post("/changes")
    async def begin(request: Request) -> Response:
        """Begins the change, and leads to its editor."""
        form = await read_form(request, limit)
        given = checked(form, NewForm)
        effective = period_asked(given, service.zone) if isinstance(given, NewForm) else given
        if not isinstance(given, NewForm) or not isinstance(effective, Period):
            faults = effective if isinstance(effective, dict) else {}
            return await pages.show_again(request, Made(new_page), form.filled(faults), 422)
        return await _begin(pages, request, form, given, effective)

    return router


async def new_page(pages: Pages, request: Request, form: Filled) -> NewPage:
    """The form of a change that is begun, as far as it is filled in."""
    service, now = pages.service, pages.service.clock.now()
    kinds: Mapping[str, NewKind] = {each: each for each in get_args(NewKind)}
    kind = kinds.get(form.value("kind"), "change")

    def look(session: Session) -> tuple[tuple[Beginning, ...], tuple[GoingBack, ...]]:
        if kind == "rollback":
            return (), ways_back(session, now, chosen(form.values.get("back", ())))
        return beginnings(service.catalogue, session, now), ()

    found, back = await reading(service, look)
    return NewPage(pages.frame(request), form, kind, found, back, str(service.zone))


async def _begin(pages: Pages, request: Request, form: Form, given: NewForm, effective: Period) -> Response:
    actor, back, again = asker(request).actor, chosen(given.back), Made(new_page)
    started = None
    if given.kind == "change" and given.start:
        started = await pages.ask(CHECKING, request, beginning, given.start)
        if started is None:
            return await pages.show_again(request, again, form.filled({"start": NO_BEGINNING}), 422)
    if given.kind == "rollback" and not back:
        return await pages.show_again(request, again, form.filled({"back": NOTHING_CHOSEN}), 422)
    if given.kind == "ending" and not given.ends:
        return await pages.show_again(request, again, form.filled({"ends": NOTHING_ENDED}), 422)
    texts = [*([started] if started is not None else []), *form.files.get("file", ())]
    begin = partial(
        approval.rollback if given.kind == "rollback" else approval.create,
        title=given.title,
        reason=given.reason,
        effective=effective,
        afterwards=given.afterwards,
    )
    holds = {"versions": back} if given.kind == "rollback" else {"texts": texts, "ends": given.ends}

    async def prepare() -> Do:
        def do(transaction: Transaction) -> str:
            change = begin(transaction, actor, **holds)
            return f"/changes/{change.id}/draft?done=begun{'&check=1' if texts else ''}"

        return do

    return await pages.attempt(request, form, prepare, again)


async def beginning(pages: Pages, _: Request, name: str) -> bytes | None:
    """The text that a change begins with; None when there is no such one."""
    now = pages.service.clock.now()
    return await reading(pages.service, lambda session: begun_with(session, name, now))

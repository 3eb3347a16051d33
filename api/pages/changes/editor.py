"""`/changes/{change}/draft`: a draft as its authors write it, file by file, checked while they do.

do=save        keeps what was written, and the files that were uploaded, as the draft's next revision
do=check       says what is wrong with it, and keeps nothing
do=add         one file more to write in          do=remove-N    without file N; both keep nothing yet
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.asking import period_asked
from api.pages.changes.beginnings import NO_BEGINNING, begun_with, chosen
from api.pages.changes.checking import Together
from api.pages.changes.conflicts import conflict_of
from api.pages.changes.editing import (
    LEAVE,
    LOOK,
    TEXTS,
    CheckPage,
    DraftForm,
    Editor,
    EditorPage,
    Looking,
    Stored,
    pairs,
    stored_draft,
)
from api.pages.changes.texts import label, merged, sent, shown
from api.pages.forms import LIMIT, Filled, Form, checked, read_form
from api.pages.rendering import Do, Made, Make, Pages
from api.problems import BUSY, CHECK_ABANDONED, ProblemError
from api.transactions import reading
from api.work import CHECKING
from policy_service.approval import service as approval
from policy_service.approval.service import Action
from policy_service.database import Transaction
from policy_service.registry.model import Period


def editor_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    limit = TEXTS * service.settings.policy_body_limit + LIMIT

    @router.post("/changes/check")
    async def check(request: Request) -> Response:
        """What is wrong with the files of a form: a part of the editor, or a page of its own."""
        texts = _texts(await read_form(request, limit))
        template = "changes/_checked.html" if request.headers.get("hx-request") == "true" else None
        return await _look(pages, request, looked_page, texts, template=template)

    @router.get("/changes/{change}/draft")
    async def draft(request: Request, change: str) -> Response:
        """The editor, for those who may edit; everybody else reads the draft on the change's page."""
        found = await reading(service, lambda session: approval.read_change(session, change))
        if approval.may(found, Action.EDIT, asker(request).actor, service.clock.now()) is not True:
            return pages.go_on(f"/changes/{found.id}")
        if "check" in request.query_params:
            return await _look(pages, request, draft_page, change)
        return await pages.show_made(request, draft_page, change, LEAVE)

    @router.post("/changes/{change}/draft")
    async def write(request: Request, change: str) -> Response:
        """Keeps what was written, or shows it again as the author wants to see it."""
        form = await read_form(request, limit)
        match form.one("do", "save"):
            case "check":
                return await _look(pages, request, unsaved_page, change, form)
            case do if do == "add" or do.startswith("remove-"):
                return await pages.show_made(request, unsaved_page, change, form, LEAVE)
            case _:
                return await _save(pages, request, change, form)

    return router


async def _look(pages: Pages, request: Request, make: Make, *given: object, template: str | None = None) -> Response:
    """A page that looks at files, or says why they cannot be looked at now."""
    try:
        return await pages.show_made(request, make, *given, LOOK, kind=CHECKING, template=template)
    except ProblemError as error:
        if error.problem.kind not in {BUSY, CHECK_ABANDONED}:
            raise
        refused = Looking(refusal=error.problem.detail)
        return await pages.show_made(request, make, *given, refused, template=template)


# ------------------------------------------------------------------------------------------ pages, in a worker


async def looked_page(pages: Pages, request: Request, texts: tuple[str, ...], looking: Looking) -> CheckPage:
    """What is wrong with texts."""
    looked = await Editor(pages).look(tuple(text.encode() for text in texts), looking)
    return CheckPage(pages.frame(request), looked or Together(()))


async def draft_page(pages: Pages, request: Request, change: str, looking: Looking) -> EditorPage:
    """The editor with the draft as it is kept. Raises UnknownChange."""
    editor = Editor(pages)
    stored = await editor.stored(change)
    looked = await editor.look(tuple(stored.contents[digest] for digest in stored.change.draft.texts), looking)
    return editor.page(request, stored, editor.standing(stored), looked)


async def unsaved_page(pages: Pages, request: Request, change: str, form: Form, looking: Looking) -> EditorPage:
    """The editor with what was written, one file more or less, or with what is wrong. Raises UnknownChange."""
    editor, do, filled = Editor(pages), form.one("do"), form.filled()
    texts, was = _texts(form), form.fields.get("was", ())
    stored = await editor.stored(change, was)
    looked = None
    if do == "check":
        looked = await editor.look(
            tuple(sent(text, stored.contents.get(name)) for text, name in pairs(texts, was)), looking
        )
    elif do == "add":
        added = await _added(pages, form.one("start"))
        if added is None:
            filled = replace(filled, faults={"start": NO_BEGINNING})
        else:
            filled = replace(filled, values={**filled.values, "text": (*texts, added), "was": (*was, "")})
    else:
        left = [pair for number, pair in enumerate(pairs(texts, was)) if do != f"remove-{number}"]
        values = {"text": tuple(text for text, _ in left), "was": tuple(name for _, name in left)}
        filled = replace(filled, values={**filled.values, **values})
    return replace(editor.page(request, stored, filled, looked), is_saved=False)


async def refused_page(pages: Pages, request: Request, change: str, form: Form, filled: Filled) -> EditorPage:
    """The editor with what was written and not kept, beside what others wrote meanwhile. Raises UnknownChange."""
    editor = Editor(pages)
    stored = await editor.stored(change, form.fields.get("was", ()))
    typed = {label(text): text for text in _texts(form)}
    conflict = conflict_of(form, stored.change, stored.contents, typed) if filled.refusal else None
    return replace(editor.page(request, stored, filled), conflict=conflict, is_saved=False)


async def _added(pages: Pages, start: str) -> str | None:
    """The text of a file that is added: empty, or what a beginning puts there; None when there is no such one."""
    if not start:
        return ""
    now = pages.service.clock.now()
    content = await reading(pages.service, lambda session: begun_with(session, start, now))
    return shown(content) if content is not None else None


# ---------------------------------------------------------------------------------------------------- keeping it


async def _save(pages: Pages, request: Request, change: str, form: Form) -> Response:
    service, was = pages.service, form.fields.get("was", ())
    stored = await reading(service, lambda session: stored_draft(session, change, was))
    given, again = checked(form, DraftForm), Made(refused_page, (change, form))
    effective = period_asked(given, service.zone, stored.change.draft) if isinstance(given, DraftForm) else given
    if not isinstance(given, DraftForm) or not isinstance(effective, Period):
        faults = effective if isinstance(effective, dict) else {}
        return await pages.show_again(request, again, form.filled(faults), HTTPStatus.UNPROCESSABLE_ENTITY)

    async def prepare() -> Do:
        texts = await run_in_threadpool(_to_keep, stored, form)

        def do(transaction: Transaction) -> str:
            approval.edit(
                transaction,
                asker(request).actor,
                stored.change.id,
                title=given.title,
                reason=given.reason,
                effective=effective,
                texts=texts,
                versions=chosen(given.back),
                ends=given.ends,
                afterwards=given.afterwards,
                expected=form.etag,
            )
            return f"/changes/{stored.change.id}/draft?done=saved&check=1"

        return do

    return await pages.attempt(request, form, prepare, again)


def _to_keep(stored: Stored, form: Form) -> list[bytes]:
    """The files as they are kept: unedited ones byte for byte, empty ones left out, uploaded ones in their place."""
    found = enumerate(pairs(_texts(form), form.fields.get("was", ())))
    texts = {str(number): sent(text, stored.contents.get(was)) for number, (text, was) in found if text.strip()}
    return merged(texts, form.files.get("file", ()))


def _texts(form: Form) -> tuple[str, ...]:
    return form.fields.get("text", ())

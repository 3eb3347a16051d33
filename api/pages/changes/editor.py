"""`/changes/{change}/draft`: a draft as its authors write it, file by file, checked while they do.

do=save        keeps what was written, and the files that were uploaded, as the draft's next revision
do=check       says what is wrong with it, and keeps nothing
do=add         one file more to write in          do=remove-N    without file N; both keep nothing yet
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.authentication import asker
from api.checking import Checker
from api.pages.changes.asking import period_asked
from api.pages.changes.beginnings import NO_BEGINNING, begun_with, chosen
from api.pages.changes.conflicts import conflict_of
from api.pages.changes.editing import TEXTS, CheckPage, DraftForm, Editor, EditorPage, Stored, pairs
from api.pages.changes.texts import label, merged, sent, shown
from api.pages.forms import LIMIT, Filled, Form, checked, read_form
from api.pages.rendering import NO_STORE, Do, Pages
from api.transactions import reading
from policy_service.approval import service as approval
from policy_service.approval.service import Action
from policy_service.database import Transaction
from policy_service.registry.model import Period


def editor_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    settings = pages.service.settings
    editor = Editor(pages, Checker(settings.policy_check_seconds), TEXTS * settings.policy_body_limit + LIMIT)

    @router.post("/changes/check")
    async def check(request: Request) -> Response:
        """What is wrong with the files of a form: a part of the editor, or a page of its own."""
        form = await read_form(request, editor.limit)
        page = CheckPage(pages.frame(request), await editor.look(tuple(text.encode() for text in _texts(form))))
        part = "changes/_checked.html" if request.headers.get("hx-request") == "true" else page.template
        return HTMLResponse(pages.html(page, part), headers=NO_STORE)

    @router.get("/changes/{change}/draft")
    async def draft(request: Request, change: str) -> Response:
        """The editor, for those who may edit; everybody else reads the draft on the change's page."""
        stored = await editor.stored(change)
        if approval.may(stored.change, Action.EDIT, asker(request).actor, pages.service.clock.now()) is not True:
            return pages.go_on(f"/changes/{stored.change.id}")
        texts = tuple(stored.contents[digest] for digest in stored.change.draft.texts)
        looked = await editor.look(texts) if "check" in request.query_params and texts else None
        return pages.show(editor.page(request, stored, editor.standing(stored), looked))

    @router.post("/changes/{change}/draft")
    async def write(request: Request, change: str) -> Response:
        """Keeps what was written, or shows it again as the author wants to see it."""
        form = await read_form(request, editor.limit)
        stored = await editor.stored(change, form.fields.get("was", ()))
        if (shown_again := await _without_saving(editor, request, stored, form)) is not None:
            return pages.show(shown_again)
        return await _save(editor, request, stored, form)

    return router


async def _without_saving(editor: Editor, request: Request, stored: Stored, form: Form) -> EditorPage | None:
    """The editor with one file more or less, or with what is wrong; None when the draft is to be saved."""
    do, filled = form.one("do", "save"), form.filled()
    texts, was = _texts(form), form.fields.get("was", ())
    looked = None
    if do == "check":
        contents = tuple(sent(text, stored.contents.get(name)) for text, name in pairs(texts, was))
        looked = await editor.look(contents) if contents else None
    elif do == "add":
        added = await _added(editor, form.one("start"))
        if added is None:
            filled = replace(filled, faults={"start": NO_BEGINNING})
        else:
            filled = replace(filled, values={**filled.values, "text": (*texts, added), "was": (*was, "")})
    elif do.startswith("remove-"):
        left = [pair for number, pair in enumerate(pairs(texts, was)) if do != f"remove-{number}"]
        values = {"text": tuple(text for text, _ in left), "was": tuple(name for _, name in left)}
        filled = replace(filled, values={**filled.values, **values})
    else:
        return None
    return replace(editor.page(request, stored, filled, looked), is_saved=False)


async def _added(editor: Editor, start: str) -> str | None:
    """The text of a file that is added: empty, or what a beginning puts there; None when there is no such one."""
    if not start:
        return ""
    now = editor.pages.service.clock.now()
    content = await reading(editor.pages.service, lambda session: begun_with(session, start, now))
    return shown(content) if content is not None else None


async def _save(editor: Editor, request: Request, stored: Stored, form: Form) -> Response:
    pages, change = editor.pages, stored.change
    given = checked(form, DraftForm)
    effective = period_asked(given, pages.service.zone, change.draft) if isinstance(given, DraftForm) else given
    if not isinstance(given, DraftForm) or not isinstance(effective, Period):
        faults = effective if isinstance(effective, dict) else {}
        page = editor.page(request, stored, form.filled(faults))
        return pages.show(replace(page, is_saved=False), 422)
    texts = _to_keep(stored, form)

    async def prepare() -> Do:
        def do(transaction: Transaction) -> str:
            approval.edit(
                transaction,
                asker(request).actor,
                change.id,
                title=given.title,
                reason=given.reason,
                effective=effective,
                texts=texts,
                versions=chosen(given.back),
                expected=form.etag,
            )
            return f"/changes/{change.id}/draft?done=saved&check=1"

        return do

    async def again(filled: Filled) -> EditorPage:
        now_stored = await editor.stored(change.id, form.fields.get("was", ()))
        page = editor.page(request, now_stored, filled)
        conflict = conflict_of(
            form, now_stored.change, now_stored.contents, {label(text): text for text in _texts(form)}
        )
        return replace(page, conflict=conflict, is_saved=False)

    return await pages.attempt(request, form, prepare, again)


def _to_keep(stored: Stored, form: Form) -> list[bytes]:
    """The files as they are kept: unedited ones byte for byte, empty ones left out, uploaded ones in their place."""
    found = enumerate(pairs(_texts(form), form.fields.get("was", ())))
    texts = {str(number): sent(text, stored.contents.get(was)) for number, (text, was) in found if text.strip()}
    return merged(texts, form.files.get("file", ()))


def _texts(form: Form) -> tuple[str, ...]:
    return form.fields.get("text", ())

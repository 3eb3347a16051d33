"""`/changes/{change}/draft`: a draft as its authors write it, file by file, checked while they do.

do=save        keeps what was written, and the files that were uploaded, as the draft's next revision
do=check       says what is wrong with it, and keeps nothing
do=add         one file more to write in          do=remove-N    without file N; both keep nothing yet
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.changes.editor_page import (
    MAX_TEXTS,
    WITH_CHECK,
    WITHOUT_CHECK,
    CheckMode,
    CheckPage,
    DraftForm,
    Editor,
    EditorPage,
    StoredDraft,
    read_stored_draft,
    text_sources,
)
from api.features.changes.forms import NO_STARTING_POINT, parse_selected, read_period
from api.kit.forms import MAX_FORM_BYTES, Form, FormState, read_form, validate_form
from api.kit.frame import with_rejected
from api.kit.page_route import PageRoute
from api.kit.rendering import Command, PageBuilder, Pages, WorkerPage
from api.web.transactions import run_read
from policy_service.analysis.file_check import CheckReport
from policy_service.approval import service as approval
from policy_service.approval.service import Action
from policy_service.approval.starting_points import starting_text
from policy_service.database import Transaction
from policy_service.draft_conflict import conflict_of
from policy_service.language.file_text import browser_text, file_bytes, label, merge_uploads
from policy_service.registry.model import Period
from policy_service.workers.kind import WorkRefused
from policy_service.workers.kinds import FILE_CHECKING


async def check_texts(pages: Pages, request: Request) -> Response:
    """Check the files of a form: as a part of the editor, or a page of its own."""
    texts = _texts(await _read_files(pages, request))
    template = "changes/_checked.html" if request.headers.get("hx-request") == "true" else None
    return await _render_check(pages, request, check_page, texts, template=template)


async def show_draft(pages: Pages, request: Request, change: str) -> Response:
    """Show the editor to those who may edit; everyone else reads the draft on the change's page."""
    service, actor = pages.service, principal_of(request).actor
    stored_change = await run_read(service, lambda session: approval.read_change(session, change))
    if approval.check_permission(stored_change, Action.EDIT, actor, service.clock.now()) is not True:
        return pages.redirect(f"/changes/{stored_change.id}")
    if "check" in request.query_params:
        return await _render_check(pages, request, draft_page, change)
    return await pages.render_in_worker(request, draft_page, change, WITHOUT_CHECK)


async def write_draft(pages: Pages, request: Request, change: str) -> Response:
    """Keep what was written, or show it again as the author wants to see it."""
    form = await _read_files(pages, request)
    match form.value("do", "save"):
        case "check":
            return await _render_check(pages, request, unsaved_page, change, form)
        case do if do == "add" or do.startswith("remove-"):
            return await pages.render_in_worker(request, unsaved_page, change, form, WITHOUT_CHECK)
        case _:
            return await _save(pages, request, change, form)


ROUTES = (
    PageRoute("/changes/check", check_texts, method="POST"),
    PageRoute("/changes/{change}/draft", show_draft),
    PageRoute("/changes/{change}/draft", write_draft, method="POST"),
)


async def _read_files(pages: Pages, request: Request) -> Form:
    return await read_form(request, MAX_TEXTS * pages.service.settings.policy_body_limit + MAX_FORM_BYTES)


async def _render_check(
    pages: Pages, request: Request, build: PageBuilder, *arguments: object, template: str | None = None
) -> Response:
    """A page that looks at files, or says why they cannot be looked at now."""
    try:
        return await pages.render_in_worker(
            request, build, *arguments, WITH_CHECK, kind=FILE_CHECKING, template=template
        )
    except WorkRefused as error:
        unavailable = CheckMode(unavailable_reason=error.detail)
        return await pages.render_in_worker(request, build, *arguments, unavailable, template=template)


# ------------------------------------------------------------------------------------------ pages, in a worker


async def check_page(pages: Pages, request: Request, texts: tuple[str, ...], mode: CheckMode) -> CheckPage:
    """Check the texts."""
    check = await Editor(pages).check_files(tuple(text.encode() for text in texts), mode)
    return CheckPage(pages.frame(request), check or CheckReport(()))


async def draft_page(pages: Pages, request: Request, change: str, mode: CheckMode) -> EditorPage:
    """The editor with the draft as it is kept. Raises UnknownChange."""
    editor = Editor(pages)
    stored_draft = await editor.read_draft(change)
    check = await editor.check_files(
        tuple(stored_draft.contents[digest] for digest in stored_draft.change.draft.texts), mode
    )
    return editor.page(request, stored_draft, editor.draft_form(stored_draft), check)


async def unsaved_page(pages: Pages, request: Request, change: str, form: Form, mode: CheckMode) -> EditorPage:
    """The editor with what was written, one file more or less, or with what is wrong. Raises UnknownChange."""
    editor, action, form_state = Editor(pages), form.value("do"), form.bind()
    texts, source_digests = _texts(form), form.fields.get("was", ())
    stored_draft = await editor.read_draft(change, source_digests)
    check = None
    if action == "check":
        check = await editor.check_files(
            tuple(
                file_bytes(text, stored_draft.contents.get(name)) for text, name in text_sources(texts, source_digests)
            ),
            mode,
        )
    elif action == "add":
        added = await _new_file_text(pages, form.value("start"))
        if added is None:
            form_state = replace(form_state, errors={"start": NO_STARTING_POINT})
        else:
            form_state = replace(
                form_state, values={**form_state.values, "text": (*texts, added), "was": (*source_digests, "")}
            )
    else:
        remaining = [
            pair for number, pair in enumerate(text_sources(texts, source_digests)) if action != f"remove-{number}"
        ]
        values = {"text": tuple(text for text, _ in remaining), "was": tuple(name for _, name in remaining)}
        form_state = replace(form_state, values={**form_state.values, **values})
    page = replace(editor.page(request, stored_draft, form_state, check), is_saved=False)
    return with_rejected(page, form_state) if form_state.errors else page


async def rejected_page(pages: Pages, request: Request, change: str, form: Form, form_state: FormState) -> EditorPage:
    """The editor with what was written and not kept, beside what others wrote meanwhile. Raises UnknownChange."""
    editor = Editor(pages)
    stored_draft = await editor.read_draft(change, form.fields.get("was", ()))
    submitted = {label(text): text for text in _texts(form)}
    conflict = (
        conflict_of(form.etag, stored_draft.change, stored_draft.contents, submitted) if form_state.form_error else None
    )
    return replace(editor.page(request, stored_draft, form_state), conflict=conflict, is_saved=False)


async def _new_file_text(pages: Pages, start: str) -> str | None:
    """The text of a file that is added: empty, or what a beginning puts there; None when there is no such one."""
    if not start:
        return ""
    now = pages.service.clock.now()
    content = await run_read(pages.service, lambda session: starting_text(session, start, now))
    return browser_text(content) if content is not None else None


# ---------------------------------------------------------------------------------------------------- keeping it


async def _save(pages: Pages, request: Request, change: str, form: Form) -> Response:
    service, source_digests = pages.service, form.fields.get("was", ())
    stored_draft = await run_read(service, lambda session: read_stored_draft(session, change, source_digests))
    values, form_page = validate_form(form, DraftForm), WorkerPage(rejected_page, (change, form))
    effective = (
        read_period(values, service.zone, stored_draft.change.draft) if isinstance(values, DraftForm) else values
    )
    if not isinstance(values, DraftForm) or not isinstance(effective, Period):
        errors = effective if isinstance(effective, dict) else {}
        return await pages.render_invalid(request, form_page, form.bind(errors), HTTPStatus.UNPROCESSABLE_ENTITY)

    async def prepare() -> Command:
        texts = await run_in_threadpool(_texts_to_store, stored_draft, form)

        def command(transaction: Transaction) -> str:
            approval.edit(
                transaction,
                principal_of(request).actor,
                stored_draft.change.id,
                title=values.title,
                reason=values.reason,
                effective=effective,
                texts=texts,
                versions=parse_selected(values.back),
                ends=values.ends,
                afterwards=values.afterwards,
                simulated_over=values.simulated_over,
                expected=form.etag,
            )
            return f"/changes/{stored_draft.change.id}/draft?done=saved&check=1"

        return command

    return await pages.execute(request, form, prepare, form_page)


def _texts_to_store(stored_draft: StoredDraft, form: Form) -> list[bytes]:
    """The files as they are kept: unedited ones byte for byte, empty ones left out, uploaded ones in their place."""
    numbered = enumerate(text_sources(_texts(form), form.fields.get("was", ())))
    texts = {
        str(number): file_bytes(text, stored_draft.contents.get(was))
        for number, (text, was) in numbered
        if text.strip()
    }
    return merge_uploads(texts, form.files.get("file", ()))


def _texts(form: Form) -> tuple[str, ...]:
    return form.fields.get("text", ())

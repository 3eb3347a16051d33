"""`/changes/{change}/draft`: the editor of a draft, file by file, with checks.

do=save keeps what was written, and the files that were uploaded, as the draft's next revision do=check says what is
wrong with it, and keeps nothing do=add one file more to write in do=remove-N without file N; both keep nothing yet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.features.changes.new_change import (
    ASKED,
    CHANGE_FIELDS,
    MAX_TEXTS,
    NO_STARTING_POINT,
    ChangeForm,
    format_local,
    parse_selected,
    read_period,
)
from api.kit.common_fields import population_options
from api.kit.context import Command, FormPage, PageBuilder, PageContext
from api.kit.form_fields import FormField
from api.kit.forms import ETAG, MAX_FORM_BYTES, Form, FormState, read_form, validate_form
from api.kit.page_route import PageRoute
from policy_service.analysis.edited_files import EditedFile, edited_files, text_sources
from policy_service.analysis.file_check import CheckReport, check_files
from policy_service.approval import service as approval
from policy_service.approval.starting_points import (
    RollbackOptions,
    StartingPoint,
    rollback_options,
    starting_points,
    starting_text,
)
from policy_service.database import Transaction
from policy_service.draft_conflict import Conflict, StoredDraft, conflict_of, read_draft
from policy_service.language.file_text import browser_text, file_bytes, label, merge_uploads
from policy_service.messages import Message
from policy_service.registry.model import Period
from policy_service.workers.kind import WorkRefused
from policy_service.workers.kinds import FILE_CHECKING


@dataclass(frozen=True, slots=True)
class CheckMode:
    """The outcome of checking files, or why they could not be checked."""

    is_enabled: bool = False
    unavailable_reason: str | None = None


WITH_CHECK, WITHOUT_CHECK = CheckMode(is_enabled=True), CheckMode()


class DraftForm(ChangeForm):
    """The fields of the editor; the texts are read separately, since empty ones count."""

    text: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    start: str = ""
    do: Annotated[str, Field(max_length=20)] = "save"


@dataclass(frozen=True, slots=True)
class EditorPage:
    """`/changes/{change}/draft`."""

    template: ClassVar[str] = "changes/draft.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "begun": Message("The draft was created."),
        "saved": Message("The draft was saved."),
        "example": Message("The example was added to the draft."),
    }
    change_fields: ClassVar[tuple[FormField, ...]] = CHANGE_FIELDS
    change: approval.Change
    form: FormState
    files: tuple[EditedFile, ...]
    starting_points: tuple[StartingPoint, ...]
    rollback_options: tuple[RollbackOptions, ...]
    populations: tuple[tuple[str, str], ...]
    zone: str
    check: CheckReport | str | None = None
    """The result of checking the files, or why they could not be checked; None if they were not checked."""
    conflict: Conflict | None = None
    is_saved: bool = True

    @property
    def etag(self) -> str:
        """The draft's state seen by the author: the form's, until changes by others are shown."""
        return self.change.etag if self.conflict else self.form.value(ETAG, self.change.etag)


@dataclass(frozen=True, slots=True)
class CheckPage:
    """`POST /changes/check`: the errors of policy files being edited."""

    template: ClassVar[str] = "changes/check.html"
    check: CheckReport | str


def check_files_in(
    session: Session, context: PageContext, contents: tuple[bytes, ...], mode: CheckMode
) -> CheckReport | str | None:
    """Check files against the policies in force; return the report, or why they cannot be checked now."""
    if not mode.is_enabled or not contents:
        return mode.unavailable_reason
    catalogue, now = context.service.catalogue, context.service.now()
    return check_files(contents, catalogue.heads_in_force(session, now), catalogue.ended_policies(session, now))


def draft_form(context: PageContext, stored_draft: StoredDraft) -> FormState:
    """Return the form of the stored draft."""
    draft, zone = stored_draft.change.draft, context.service.zone
    form = context.new_form(
        title=draft.title,
        reason=draft.reason,
        effective_from=format_local(draft.effective.start, zone),
        effective_until=format_local(draft.effective.until, zone),
        afterwards=draft.afterwards,
        simulated_over=draft.simulated_over or "",
    )
    texts = tuple(browser_text(stored_draft.contents[digest]) for digest in draft.texts)
    selected = tuple(f"{each.policy}@{each.version}" for each in draft.versions)
    values = {"text": texts, "was": draft.texts, "back": selected, "ends": draft.ends}
    return replace(form, values={**form.values, **values})


def editor_page(
    session: Session,
    context: PageContext,
    stored_draft: StoredDraft,
    form: FormState,
    check: CheckReport | str | None = None,
) -> EditorPage:
    """Return the editor with this content."""
    change, service, now = stored_draft.change, context.service, context.frame.now
    versions = [(each.policy, each.version) for each in change.draft.versions]
    return EditorPage(
        change=change,
        form=form,
        files=edited_files(form.values.get("text", ()), form.values.get("was", ()), check),
        starting_points=starting_points(service.catalogue, session, now),
        rollback_options=rollback_options(session, now, versions) if change.kind == "rollback" else (),
        populations=population_options(session),
        zone=str(service.zone),
        check=check,
    )


async def check_texts(context: PageContext) -> Response:
    """Check the files of a form: as part of the editor, or as a separate page."""
    texts = _texts(await _read_files(context))
    template = "changes/_checked.html" if context.request.headers.get("hx-request") == "true" else None
    return await _render_check(context, check_page, texts, template=template)


async def show_draft(context: PageContext, change: str) -> Response:
    """Show the editor to those who may edit; redirect others to the change's page."""
    service, actor = context.service, context.actor
    stored_change = await context.read(lambda session: approval.read_change(session, change))
    if approval.check_permission(stored_change, approval.Action.EDIT, actor, service.clock.now()) is not True:
        return context.pages.redirect(f"/changes/{stored_change.id}")
    if "check" in context.params:
        return await _render_check(context, draft_page, change)
    return await context.render_in_worker(draft_page, change, WITHOUT_CHECK)


async def write_draft(context: PageContext, change: str) -> Response:
    """Store the input, or show it again, as the author requested."""
    form = await _read_files(context)
    match form.value("do", "save"):
        case "check":
            return await _render_check(context, unsaved_page, change, form)
        case do if do == "add" or do.startswith("remove-"):
            return await context.render_in_worker(unsaved_page, change, form, WITHOUT_CHECK)
        case _:
            return await _save(context, change, form)


async def _read_files(context: PageContext) -> Form:
    return await read_form(context.request, MAX_TEXTS * context.service.settings.policy_body_limit + MAX_FORM_BYTES)


async def _render_check(
    context: PageContext, build: PageBuilder, *arguments: object, template: str | None = None
) -> Response:
    """Return a page that checks files, or says why they cannot be checked now."""
    try:
        return await context.render_in_worker(build, *arguments, WITH_CHECK, kind=FILE_CHECKING, template=template)
    except WorkRefused as error:
        unavailable = CheckMode(unavailable_reason=error.detail)
        return await context.render_in_worker(build, *arguments, unavailable, template=template)


# ------------------------------------------------------------------------------------------ pages, in a worker


def check_page(session: Session, context: PageContext, texts: tuple[str, ...], mode: CheckMode) -> CheckPage:
    """Check the texts."""
    check = check_files_in(session, context, tuple(text.encode() for text in texts), mode)
    return CheckPage(check or CheckReport(()))


def draft_page(session: Session, context: PageContext, change: str, mode: CheckMode) -> EditorPage:
    """Return the editor with the stored draft. Raises UnknownChange."""
    draft = read_draft(session, change)
    texts = tuple(draft.contents[digest] for digest in draft.change.draft.texts)
    return editor_page(
        session, context, draft, draft_form(context, draft), check_files_in(session, context, texts, mode)
    )


def unsaved_page(session: Session, context: PageContext, change: str, form: Form, mode: CheckMode) -> EditorPage:
    """Return the editor with the input, with a file added or removed, or with errors. Raises UnknownChange."""
    action, form_state = form.value("do"), form.bind()
    texts, source_digests = _texts(form), form.fields.get("was", ())
    draft, check = read_draft(session, change, source_digests), None
    if action == "check":
        contents = tuple(file_bytes(text, draft.contents.get(was)) for text, was in text_sources(texts, source_digests))
        check = check_files_in(session, context, contents, mode)
    elif action == "add":
        added = _new_file_text(session, context, form.value("start"))
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
    if form_state.errors:
        context.reject(form_state)
    return replace(editor_page(session, context, draft, form_state, check), is_saved=False)


def rejected_page(session: Session, context: PageContext, change: str, form: Form, form_state: FormState) -> EditorPage:
    """Return the editor with input that was not stored, next to concurrent changes by others."""
    draft = read_draft(session, change, form.fields.get("was", ()))
    submitted = {label(text): text for text in _texts(form)}
    conflict = conflict_of(form.etag, draft, submitted) if form_state.form_error else None
    return replace(editor_page(session, context, draft, form_state), conflict=conflict, is_saved=False)


def _new_file_text(session: Session, context: PageContext, start: str) -> str | None:
    """Return the text of an added file: empty, or that of a starting point; None if there is no such one."""
    content = starting_text(session, start, context.frame.now) if start else b""
    return browser_text(content) if content is not None else None


# ---------------------------------------------------------------------------------------------------- keeping it


async def _save(context: PageContext, change: str, form: Form) -> Response:
    service, source_digests = context.service, form.fields.get("was", ())
    stored_draft = await context.read(lambda session: read_draft(session, change, source_digests))
    values, form_page = validate_form(form, DraftForm), FormPage(rejected_page, (change, form))
    effective = (
        read_period(values, service.zone, stored_draft.change.draft) if isinstance(values, DraftForm) else values
    )
    if not isinstance(values, DraftForm) or not isinstance(effective, Period):
        errors = effective if isinstance(effective, dict) else {}
        return await context.render_invalid(form_page, form.bind(errors))

    async def prepare() -> Command:
        texts = await run_in_threadpool(_texts_to_store, stored_draft, form)

        def command(transaction: Transaction) -> str:
            approval.edit(
                transaction,
                context.actor,
                stored_draft.change.id,
                effective=effective,
                texts=texts,
                versions=parse_selected(values.back),
                expected=form.etag,
                **values.model_dump(include=ASKED),
            )
            return f"/changes/{stored_draft.change.id}/draft?done=saved&check=1"

        return command

    return await context.execute(form, prepare, form_page)


def _texts_to_store(stored_draft: StoredDraft, form: Form) -> list[bytes]:
    """Return the files to store: unedited ones byte for byte, without empty ones, with uploaded ones in their place."""
    numbered = enumerate(text_sources(_texts(form), form.fields.get("was", ())))
    texts = {
        str(number): file_bytes(text, stored_draft.contents.get(was))
        for number, (text, was) in numbered
        if text.strip()
    }
    return merge_uploads(texts, form.files.get("file", ()))


def _texts(form: Form) -> tuple[str, ...]:
    return form.fields.get("text", ())


ROUTES = (
    PageRoute("/changes/check", check_texts, method="POST"),
    PageRoute("/changes/{change}/draft", show_draft),
    PageRoute("/changes/{change}/draft", write_draft, method="POST"),
)

"""The editor of a draft: what it shows, and what stands in its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Annotated, ClassVar

from pydantic import Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.features.changes.forms import CHANGE_FIELDS, ChangeForm, format_local
from api.kit.form_fields import FormField
from api.kit.forms import ETAG, FormState
from api.kit.frame import Frame
from api.kit.populations import read_population_options
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.analysis.file_check import CheckReport, check_files
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.approval.starting_points import RollbackOptions, StartingPoint, rollback_options, starting_points
from policy_service.draft_conflict import Conflict
from policy_service.language.file_text import browser_text, declared_version, label
from policy_service.language.load import POLICY_ID
from policy_service.messages import Message

MAX_TEXTS = 4
"""Of a change's files, how many of the largest size one form may carry."""
SPARE_LINES = 300
"""Line numbers beyond the last line, for what is written with scripts off."""
NOTICES: Mapping[str, Message] = {
    "begun": Message("The draft was created."),
    "saved": Message("The draft was saved."),
    "example": Message("The example was added to the draft."),
}


@dataclass(frozen=True, slots=True)
class CheckMode:
    """The outcome of checking files, or why they could not be checked."""

    is_enabled: bool = False
    unavailable_reason: str | None = None


WITH_CHECK, WITHOUT_CHECK = CheckMode(is_enabled=True), CheckMode()


class DraftForm(ChangeForm):
    """The fields of the editor; the texts are read beside it, because an empty one counts."""

    text: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    start: str = ""
    do: Annotated[str, Field(max_length=20)] = "save"


@dataclass(frozen=True, slots=True)
class EditedFile:
    """One policy file in the editor."""

    number: int
    text: str
    source_digest: str
    """The digest of the bytes that it was made from; empty for a file that is new."""
    error_lines: frozenset[int] = frozenset()
    """The lines that have faults."""

    @property
    def label(self) -> str:
        """The policy and version it says it is."""
        return label(self.text)

    @property
    def policy(self) -> str | None:
        """The policy it says it is, when that can be the name of one."""
        policy, _ = declared_version(self.text)
        return policy if policy is not None and POLICY_ID.fullmatch(policy) else None

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return self.text.count("\n") + 1

    @property
    def numbers(self) -> range:
        """The numbers beside it."""
        return range(1, self.lines + SPARE_LINES + 1)


@dataclass(frozen=True, slots=True)
class EditorPage:
    """`/changes/{change}/draft`."""

    template: ClassVar[str] = "changes/draft.html"
    change_fields: ClassVar[tuple[FormField, ...]] = CHANGE_FIELDS
    frame: Frame
    change: Change
    form: FormState
    files: tuple[EditedFile, ...]
    starting_points: tuple[StartingPoint, ...]
    rollback_options: tuple[RollbackOptions, ...]
    populations: tuple[tuple[str, str], ...]
    zone: str
    check: CheckReport | str | None = None
    """What was seen in the files, or why nothing was; None when nobody looked."""
    conflict: Conflict | None = None
    is_saved: bool = True

    @property
    def etag(self) -> str:
        """The state of the draft that the author has seen: the form's, until what others wrote is shown."""
        return self.change.etag if self.conflict else self.form.value(ETAG, self.change.etag)


@dataclass(frozen=True, slots=True)
class CheckPage:
    """`POST /changes/check`: what is wrong with policy files that are being written."""

    template: ClassVar[str] = "changes/check.html"
    frame: Frame
    check: CheckReport | str


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A draft as it is kept, and what stands beside it."""

    change: Change
    contents: Mapping[str, bytes]
    """The files by digest: of the draft, and those of earlier revisions that a form was made from."""
    starting_points: tuple[StartingPoint, ...] = ()
    rollback_options: tuple[RollbackOptions, ...] = ()
    populations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Editor:
    """Reads drafts and looks at files, in a worker."""

    pages: Pages

    async def read_draft(self, change: str, source_digests: Iterable[str] = ()) -> StoredDraft:
        """The draft as it is kept, with the earlier files (`source_digests`) of a form. Raises UnknownChange."""
        service, now = self.pages.service, self.pages.service.clock.now()

        def query(session: Session) -> StoredDraft:
            stored_draft = read_stored_draft(session, change, source_digests)
            stored_change = stored_draft.change
            versions = [(each.policy, each.version) for each in stored_change.draft.versions]
            options = rollback_options(session, now, versions) if stored_change.kind == "rollback" else ()
            return replace(
                stored_draft,
                starting_points=starting_points(service.catalogue, session, now),
                rollback_options=options,
                populations=read_population_options(session),
            )

        return await run_read(service, query)

    async def check_files(self, contents: tuple[bytes, ...], mode: CheckMode) -> CheckReport | str | None:
        """Check files among the policies in force; return the report, or why they cannot be checked now."""
        if not mode.is_enabled or not contents:
            return mode.unavailable_reason
        service, now = self.pages.service, self.pages.service.now()
        catalogue = service.catalogue
        served, absent = await run_read(
            service, lambda session: (catalogue.heads_in_force(session, now), catalogue.ended_policies(session, now))
        )
        return await run_in_threadpool(check_files, contents, served, absent)

    def draft_form(self, stored_draft: StoredDraft) -> FormState:
        """The form as the draft stands."""
        draft, zone = stored_draft.change.draft, self.pages.service.zone
        form = self.pages.new_form(
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

    def page(
        self, request: Request, stored_draft: StoredDraft, form: FormState, check: CheckReport | str | None = None
    ) -> EditorPage:
        """The editor with this in its fields."""
        return EditorPage(
            frame=self.pages.frame(request, NOTICES),
            change=stored_draft.change,
            form=form,
            files=files_in_form(form, check),
            starting_points=stored_draft.starting_points,
            rollback_options=stored_draft.rollback_options,
            populations=stored_draft.populations,
            zone=str(self.pages.service.zone),
            check=check,
        )


def files_in_form(form: FormState, check: CheckReport | str | None) -> tuple[EditedFile, ...]:
    """The files that stand in a form; one that is empty when there is none."""
    texts = text_sources(form.values.get("text", ()), form.values.get("was", ())) or [("", "")]
    reports = check.files if isinstance(check, CheckReport) else ()
    error_lines = [frozenset(diagnostic.line for diagnostic in each.errors) for each in reports]
    return tuple(
        EditedFile(number, text, digest, error_lines[number] if number < len(error_lines) else frozenset())
        for number, (text, digest) in enumerate(texts)
    )


def text_sources(texts: tuple[str, ...], source_digests: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each text with the digest of what it was made from."""
    return list(zip_longest(texts, source_digests[: len(texts)], fillvalue=""))


def read_stored_draft(session: Session, change: str, source_digests: Iterable[str] = ()) -> StoredDraft:
    """The draft as it is kept, with the earlier files (`source_digests`) of a form. Raises UnknownChange."""
    stored_change = approval.read_change(session, change)
    return StoredDraft(stored_change, _contents(session, stored_change, source_digests))


def _contents(session: Session, change: Change, source_digests: Iterable[str]) -> Mapping[str, bytes]:
    """The files of a draft, and those of its earlier revisions that are asked for, by digest."""
    earlier = {digest for acted in change.actions if acted.draft for digest in acted.draft.texts}
    digests = {*change.draft.texts, *(earlier & set(source_digests))}
    return {digest: approval.read_text(session, digest) for digest in sorted(digests)}

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

from api.pages.changes.asking import AskedForm, moment
from api.pages.changes.beginnings import Beginning, GoingBack, beginnings, ways_back
from api.pages.changes.checking import Together, look
from api.pages.changes.conflicts import Conflict
from api.pages.changes.texts import label, named, shown
from api.pages.forms import ETAG, Filled
from api.pages.frame import Frame
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.language.load import POLICY_ID
from policy_service.sentences import Sentence

TEXTS = 4
"""Of a change's files, how many of the largest size one form may carry."""
SPARE = 300
"""Line numbers beyond the last line, for what is written with scripts off."""
NOTICES: Mapping[str, Sentence] = {
    "begun": Sentence("The draft was begun."),
    "saved": Sentence("The draft was saved."),
    "example": Sentence("The example was added to the draft."),
}


@dataclass(frozen=True, slots=True)
class Looking:
    """Whether files are looked at, or why they could not be."""

    wanted: bool = False
    refusal: str | None = None


LOOK, LEAVE = Looking(wanted=True), Looking()


class DraftForm(AskedForm):
    """The fields of the editor; the texts are read beside it, because an empty one counts."""

    text: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    start: str = ""
    do: Annotated[str, Field(max_length=20)] = "save"


@dataclass(frozen=True, slots=True)
class File:
    """One policy file in the editor."""

    number: int
    text: str
    was: str
    """The digest of the bytes that it was made from; empty for a file that is new."""
    wrong: frozenset[int] = frozenset()
    """The lines that have faults."""

    @property
    def label(self) -> str:
        """The policy and version it says it is."""
        return label(self.text)

    @property
    def policy(self) -> str | None:
        """The policy it says it is, when that can be the name of one."""
        policy, _ = named(self.text)
        return policy if policy is not None and POLICY_ID.fullmatch(policy) else None

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.text.count("\n") + 1

    @property
    def numbers(self) -> range:
        """The numbers beside it."""
        return range(1, self.lines + SPARE + 1)


@dataclass(frozen=True, slots=True)
class EditorPage:
    """`/changes/{change}/draft`."""

    template: ClassVar[str] = "changes/draft.html"
    frame: Frame
    change: Change
    form: Filled
    files: tuple[File, ...]
    beginnings: tuple[Beginning, ...]
    ways_back: tuple[GoingBack, ...]
    zone: str
    looked: Together | str | None = None
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
    looked: Together | str


@dataclass(frozen=True, slots=True)
class Stored:
    """A draft as it is kept, and what stands beside it."""

    change: Change
    contents: Mapping[str, bytes]
    """The files by digest: of the draft, and those of earlier revisions that a form was made from."""
    beginnings: tuple[Beginning, ...] = ()
    ways_back: tuple[GoingBack, ...] = ()


@dataclass(frozen=True, slots=True)
class Editor:
    """Reads drafts and looks at files, in a worker."""

    pages: Pages

    async def stored(self, change: str, was: Iterable[str] = ()) -> Stored:
        """The draft as it is kept, with the earlier files `was` that a form was made from. Raises UnknownChange."""
        service, now = self.pages.service, self.pages.service.clock.now()

        def find(session: Session) -> Stored:
            stored = stored_draft(session, change, was)
            found = stored.change
            named = [(each.policy, each.version) for each in found.draft.versions]
            back = ways_back(session, now, named) if found.kind == "rollback" else ()
            return replace(stored, beginnings=beginnings(service.catalogue, session, now), ways_back=back)

        return await reading(service, find)

    async def look(self, contents: tuple[bytes, ...], looking: Looking) -> Together | str | None:
        """What is to be said about files, among the policies in force; or why that cannot be told now."""
        if not looking.wanted or not contents:
            return looking.refusal
        service, now = self.pages.service, self.pages.service.now()
        catalogue = service.catalogue
        served, absent = await reading(
            service, lambda session: (catalogue.heads_in_force(session, now), catalogue.ended(session, now))
        )
        return await run_in_threadpool(look, contents, served, absent)

    def standing(self, stored: Stored) -> Filled:
        """The form as the draft stands."""
        draft, zone = stored.change.draft, self.pages.service.zone
        form = self.pages.new_form(
            title=draft.title,
            reason=draft.reason,
            effective_from=moment(draft.effective.start, zone),
            effective_until=moment(draft.effective.until, zone),
            afterwards=draft.afterwards,
        )
        texts = tuple(shown(stored.contents[digest]) for digest in draft.texts)
        back = tuple(f"{each.policy}@{each.version}" for each in draft.versions)
        values = {"text": texts, "was": draft.texts, "back": back, "ends": draft.ends}
        return replace(form, values={**form.values, **values})

    def page(self, request: Request, stored: Stored, form: Filled, looked: Together | str | None = None) -> EditorPage:
        """The editor with this in its fields."""
        notice = NOTICES.get(request.query_params.get("done", "")) if request.method == "GET" else None
        return EditorPage(
            frame=self.pages.frame(request, notice),
            change=stored.change,
            form=form,
            files=files_of(form, looked),
            beginnings=stored.beginnings,
            ways_back=stored.ways_back,
            zone=str(self.pages.service.zone),
            looked=looked,
        )


def files_of(form: Filled, looked: Together | str | None) -> tuple[File, ...]:
    """The files that stand in a form; one that is empty when there is none."""
    found = pairs(form.values.get("text", ()), form.values.get("was", ())) or [("", "")]
    seen = looked.files if isinstance(looked, Together) else ()
    wrong = [frozenset(fault.line for fault in each.faults) for each in seen]
    return tuple(
        File(number, text, was, wrong[number] if number < len(wrong) else frozenset())
        for number, (text, was) in enumerate(found)
    )


def pairs(texts: tuple[str, ...], was: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each text with the digest of what it was made from."""
    return list(zip_longest(texts, was[: len(texts)], fillvalue=""))


def stored_draft(session: Session, change: str, was: Iterable[str] = ()) -> Stored:
    """The draft as it is kept, with the earlier files `was` that a form was made from. Raises UnknownChange."""
    found = approval.read_change(session, change)
    return Stored(found, _contents(session, found, was))


def _contents(session: Session, change: Change, was: Iterable[str]) -> Mapping[str, bytes]:
    """The files of a draft, and those of its earlier revisions that are asked for, by digest."""
    earlier = {digest for acted in change.acted if acted.draft for digest in acted.draft.texts}
    wanted = {*change.draft.texts, *(earlier & set(was))}
    return {digest: approval.read_text(session, digest) for digest in sorted(wanted)}

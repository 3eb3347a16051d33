"""The dossier of a change: all that a director reads before signing, one section after another.

A section is a title, the template that shows it, and what the template gets. What a change comes to be judged by later
is one more section in `sections_of`, with a template of its own; the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.changes.acts import Acts, acts_of
from api.pages.changes.contents import Contents, read_contents
from api.pages.changes.signatures import SignatureLine, signature_lines
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.approval import service as approval
from policy_service.approval.change import Acted
from policy_service.approval.service import Change, State
from policy_service.approval.tables import CommentRow
from policy_service.registry.model import Activation
from policy_service.registry.service import activations
from policy_service.sentences import Sentence

SHOWN = 200
"""Comments, and actions of the history, that one page shows: the newest."""
NOTICES: Mapping[str, Sentence] = {
    "created": Sentence("The draft was begun."),
    "saved": Sentence("The draft was saved."),
    "commented": Sentence("Your comment was added."),
    "submitted": Sentence("The change was submitted. From now on its digest is what is signed."),
    "signed": Sentence("You signed the change."),
    "request-changes": Sentence("The change was sent back to its author."),
    "rejected": Sentence("The change was rejected."),
    "withdrawn": Sentence("The change was withdrawn."),
    "scheduled": Sentence("The change was scheduled: it takes effect by itself on its day."),
    "cancelled": Sentence("The change was cancelled before its day."),
}
"""What was just done, by the word in the address."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the dossier."""

    id: str
    """Where a link within the page leads."""
    title: Sentence
    template: str
    content: object
    """What the template shows, as `section.content`."""
    form: str | None = None
    """The template of what a reader can do here; never on paper."""
    on_paper: bool = True
    """Whether it is printed too."""


@dataclass(frozen=True, slots=True)
class Discussion:
    """What was said about a change, oldest first."""

    comments: tuple[CommentRow, ...]
    earlier: int
    """How many older ones are not shown."""


@dataclass(frozen=True, slots=True)
class History:
    """What was done to a change, oldest first."""

    actions: tuple[Acted, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class Dossier:
    """The page of a change."""

    template: ClassVar[str] = "changes/change.html"
    frame: Frame
    change: Change
    contents: Contents
    signatures: tuple[SignatureLine, ...]
    acts: Acts
    sections: tuple[Section, ...]

    @property
    def path(self) -> str:
        """The address of the change."""
        return f"/changes/{self.change.id}"


@dataclass(frozen=True, slots=True)
class Found:
    """What the database says about a change."""

    change: Change
    comments: tuple[CommentRow, ...]
    known: tuple[Activation, ...] = field(repr=False)
    contents: Contents


async def dossier(
    pages: Pages,
    request: Request,
    change: str,
    filled: Mapping[str, Filled] | None = None,
    diagnostics: Sequence[Mapping[str, object]] = (),
) -> Dossier:
    """The page of a change, as whoever asks sees it; `filled` are forms that were refused, by their act.

    Raises UnknownChange, DatabaseUnavailable.
    """
    frame = pages.frame(request, NOTICES.get(request.query_params.get("done", "")))
    actor = asker(request).actor
    found = await reading(pages.service, lambda session: _found(pages, session, change, frame))
    acts = acts_of(pages, request, found.change, actor, filled or {}, diagnostics)
    signatures = signature_lines(found.change)
    return Dossier(frame, found.change, found.contents, signatures, acts, sections_of(found, signatures, acts))


def sections_of(found: Found, signatures: tuple[SignatureLine, ...], acts: Acts) -> tuple[Section, ...]:
    """The parts of the dossier, in the order in which they are read."""
    change, contents = found.change, found.contents
    is_draft = change.state is State.DRAFT
    sections = [
        Section("period", Sentence("When it applies"), "changes/_period.html", contents.periods),
        Section("differences", Sentence("What changes"), "changes/_differences.html", contents),
    ]
    if contents.compared:
        sections += [
            Section("tables", Sentence("The rules, cell by cell"), "changes/_tables.html", contents.compared),
            Section("examples", Sentence("Examples"), "changes/_examples.html", contents.compared),
        ]
    if contents.report is not None:
        sections.append(Section("report", Sentence("The analysis report"), "changes/_findings.html", contents.report))
    if not is_draft:
        sections.append(Section("signatures", Sentence("Signatures"), "changes/_signatures.html", signatures))
    history = History(change.acted[-SHOWN:], max(0, len(change.acted) - SHOWN))
    discussion = Discussion(found.comments[-SHOWN:], max(0, len(found.comments) - SHOWN))
    return (
        *sections,
        Section("acts", Sentence("What you can do"), "changes/_acts.html", acts, on_paper=False),
        Section("discussion", Sentence("Discussion"), "changes/_discussion.html", discussion, "changes/_comment.html"),
        Section("history", Sentence("History"), "changes/_history.html", history),
    )


def _found(pages: Pages, session: Session, name: str, frame: Frame) -> Found:
    change = approval.read_change(session, name)
    known = activations(session)
    contents = read_contents(session, pages.service.catalogue, change, known, frame, pages.service.zone)
    return Found(change, tuple(approval.comments(session, name)), known, contents)


def dossier_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/changes/{change}")
    async def show(request: Request, change: str) -> Response:
        """The dossier of a change."""
        return pages.show(await dossier(pages, request, change))

    return router

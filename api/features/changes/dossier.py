"""The dossier of a change: all that a director reads before signing, one section after another.

A section is a title, the template that shows it, and what the template gets. What a change comes to be judged by later
is one more section in `sections_of`, with a template of its own; the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.features.changes.actions import ChangeActions, change_actions
from api.features.changes.analysis import running_analysis
from api.features.changes.simulation import may_read_subjects
from api.features.changes.timelines import timelines
from api.kit.context import PageContext
from api.kit.drawing import Timeline
from api.kit.forms import FormState
from api.kit.page_route import PageRoute
from policy_service.approval import service as approval
from policy_service.approval.change import ActionRecord, Comment
from policy_service.approval.queries import OPEN
from policy_service.approval.service import Change, ChangeState
from policy_service.approval.signature_lines import SignatureLine, signature_lines
from policy_service.change_detail import ChangeDetail, read_change_detail
from policy_service.jobs.model import Job
from policy_service.messages import Message
from policy_service.registry.service import activations

MAX_SHOWN = 200
"""Comments, and actions of the history, that one page shows: the newest."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the dossier."""

    id: str
    """Where a link within the page leads."""
    title: Message
    template: str
    content: object
    """What the template shows, as `section.content`."""
    form: str | None = None
    """The template of what a reader can do here; never on paper."""
    on_paper: bool = True
    """Whether it is printed too."""


@dataclass(frozen=True, slots=True)
class Discussion:
    """The comments on a change, oldest first."""

    comments: tuple[Comment, ...]
    earlier: int
    """How many older ones are not shown."""


@dataclass(frozen=True, slots=True)
class History:
    """The actions on a change, oldest first."""

    actions: tuple[ActionRecord, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class Dossier:
    """The page of a change."""

    template: ClassVar[str] = "changes/change.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "created": Message("The draft was created."),
        "saved": Message("The draft was saved."),
        "commented": Message("Your comment was added."),
        "submitted": Message("The change was submitted. From now on its digest is what is signed."),
        "analysis-ended": Message("The analysis was stopped. The change is a draft again."),
        "signed": Message("You signed the change."),
        "request-changes": Message("The change was sent back to its author."),
        "rejected": Message("The change was rejected."),
        "withdrawn": Message("The change was withdrawn."),
        "scheduled": Message("The change was scheduled: it takes effect automatically on its day."),
        "cancelled": Message("The change was cancelled before its day."),
    }
    change: Change
    detail: ChangeDetail
    signatures: tuple[SignatureLine, ...]
    actions: ChangeActions
    sections: tuple[Section, ...]
    analysis: Job | None
    """The analysis of a change under analysis; None when no job runs."""
    has_actual_effect: bool
    """Whether the reader may see what came of the change: it is simulated, and was in force."""
    day_has_passed: bool
    """Whether the change waits for people though the day it asks for is over."""


def dossier(
    session: Session, context: PageContext, name: str, rejected_forms: Mapping[str, FormState] | None = None
) -> Dossier:
    """The page of a change, as the caller sees it; `rejected_forms` are forms that were refused, by their act.

    Raises UnknownChange, DatabaseUnavailable.
    """
    service, now = context.service, context.frame.now
    change, names = approval.read_change(session, name), may_read_subjects(context.actor)
    detail = read_change_detail(session, service.catalogue, change, context.frame.lang, names=names)
    job = running_analysis(session, name) if change.state is ChangeState.UNDER_ANALYSIS else None
    actions = change_actions(context, change, rejected_forms or {})
    signatures = signature_lines(change)
    periods = tuple(timelines(change, activations(session), now, service.zone))
    comments = approval.read_comments(session, name)
    has_begun = change.draft.effective.start <= now
    return Dossier(
        change=change,
        detail=detail,
        signatures=signatures,
        actions=actions,
        sections=sections_of(detail, comments, periods, signatures, actions),
        analysis=job,
        has_actual_effect=names and detail.effect is not None and has_begun and change.state is ChangeState.SCHEDULED,
        day_has_passed=has_begun and change.state in OPEN and change.kind != "first_versions",
    )


def sections_of(
    detail: ChangeDetail,
    comments: Sequence[Comment],
    periods: Sequence[tuple[str, Timeline]],
    signatures: tuple[SignatureLine, ...],
    actions: ChangeActions,
) -> tuple[Section, ...]:
    """The parts of the dossier, in the order in which they are read."""
    change = detail.change
    is_draft = change.submission is None
    sections = []
    if detail.effect is not None and detail.effect.kinds:
        sections.append(Section("effect", Message("Effect"), "changes/_effect.html", detail.effect))
    if detail.comparisons:
        sections += [
            Section("tables", Message("The rules, cell by cell"), "changes/_tables.html", detail.comparisons),
            Section("examples", Message("Examples"), "changes/_examples.html", detail.comparisons),
        ]
    sections.append(Section("differences", Message("All differences"), "changes/_differences.html", detail))
    if detail.report is not None:
        sections.append(Section("report", Message("The analysis report"), "changes/_findings.html", detail.report))
    if not is_draft:
        sections.append(Section("signatures", Message("Signatures"), "changes/_signatures.html", signatures))
    history = History(change.actions[-MAX_SHOWN:], max(0, len(change.actions) - MAX_SHOWN))
    discussion = Discussion(tuple(comments[-MAX_SHOWN:]), max(0, len(comments) - MAX_SHOWN))
    return (
        *sections,
        Section("period", Message("Effective period"), "changes/_period.html", periods),
        Section("acts", Message("What you can do"), "changes/_acts.html", actions, on_paper=False),
        Section("discussion", Message("Discussion"), "changes/_discussion.html", discussion, "changes/_comment.html"),
        Section("history", Message("History"), "changes/_history.html", history),
    )


ROUTES = (PageRoute("/changes/{change}", dossier),)

"""The dossier of a change: everything a director reads before signing, in sections.

A section is a title, a template, and the template's data. Further criteria are added as sections in `sections_of`, each
with a template.

A rejected action is shown on the dossier, next to its form with the input; the password must be entered again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.responses import Response

from api.features.changes.actions import FORMS, ChangeActions, CommentForm, ReasonForm, SignOffForm, change_actions
from api.features.changes.analysis import needs_analysis, running_analysis, start_analysis
from api.features.changes.simulation import may_read_subjects
from api.kit.context import PageContext
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.form_action import EmptyForm, FormAction, FormRequest, page_with_form
from api.kit.forms import FormState
from api.kit.page_route import PageRoute
from api.workers.preparation import checked_draft, checked_submission, require_undrifted, warm_heads
from policy_service.analysis.report_view import ReportView
from policy_service.approval import service as approval
from policy_service.approval.change import ActionRecord, Comment
from policy_service.approval.policies import policy_loader
from policy_service.approval.queries import OPEN
from policy_service.approval.service import Action, Change, ChangeState, Effect
from policy_service.approval.signature_lines import SignatureLine, signature_lines
from policy_service.change_detail import ChangeDetail, current_report, frozen_report, read_change_detail
from policy_service.database import Transaction
from policy_service.jobs.model import Job
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.population.effect_view import EffectView, effect_view
from policy_service.registry import model
from policy_service.registry.model import Activation, Period
from policy_service.registry.service import activations

PAST_PIECES = 4
"""Maximum number of past periods in a timeline."""
UPCOMING_PIECES = 8
"""Maximum number of current and future periods in a timeline."""
REQUESTED = Message("requested by this change")
ONCE_REQUESTED = Message("requested by this change, now closed")
THIS_CHANGE = Message("this change")
ENDED_BY_CHANGE = Message("ended by this change")


def timelines(
    change: Change, recorded: Sequence[Activation], now: datetime, zone: ZoneInfo
) -> Iterable[tuple[str, Timeline]]:
    """Yield the effective periods of each policy's versions, by name, including those of the change.

    A draft with files, which are not parsed, has one timeline of the requested period, without a name.
    """
    requested, versions = change.draft.effective, change.versions
    for name in change.draft.ends:
        bars = [_bar(period, active, change) for period, active in _nearby(model.timeline(recorded, name, now), now)]
        bars.append(Bar("—", requested.start, requested.until, label=ENDED_BY_CHANGE))
        yield name, timeline(bars, now, zone=zone)
    if not versions and not change.draft.ends:
        bar = Bar("1", requested.start, requested.until, label=Message("requested by this change"))
        yield "", timeline([bar], now, zone=zone)
    for version in versions:
        pieces = model.timeline(recorded, version.policy, now)
        bars = [_bar(period, active, change) for period, active in _nearby(pieces, now)]
        if change.state is not ChangeState.SCHEDULED:
            label = REQUESTED if change.state in OPEN else ONCE_REQUESTED
            bars.append(Bar(version.version, requested.start, requested.until, label=label))
        yield version.policy, timeline(bars, now, zone=zone)


def _nearby(pieces: Sequence[tuple[Period, Activation]], now: datetime) -> Sequence[tuple[Period, Activation]]:
    past = [piece for piece in pieces if piece[0].until is not None and piece[0].until <= now]
    ahead = [piece for piece in pieces if piece[0].until is None or piece[0].until > now]
    return [*past[-PAST_PIECES:], *ahead[:UPCOMING_PIECES]]


def _bar(period: Period, active: Activation, change: Change) -> Bar:
    """Return a period in which a version applies, with the reason."""
    address = f"/changes/{active.change}" if active.change else None
    if active.suspension:
        address = f"/suspensions/{active.suspension}"
    return Bar(
        active.version,
        period.start,
        period.until,
        "suspension" if active.is_emergency else "period",
        THIS_CHANGE if active.change == change.id else enum_label(active.kind),
        None if active.change == change.id else address,
    )


MAX_SHOWN = 200
"""Maximum number of comments, and of actions, on one page: the newest."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the dossier."""

    id: str
    """The anchor of the section."""
    title: Message
    template: str
    content: object
    """The template's data, `section.content`."""
    form: str | None = None
    """The template of the section's form; never printed."""
    on_paper: bool = True
    """True if it is also printed."""


@dataclass(frozen=True, slots=True)
class Discussion:
    """The comments on a change, oldest first."""

    comments: tuple[Comment, ...]
    earlier: int
    """The number of older ones not shown."""


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
    """The job that analyses the change; None if there is none."""
    has_actual_effect: bool
    """True if the reader may see the actual effect: the change is simulated, and was in force."""
    day_has_passed: bool
    """True if the change still awaits people after its requested day."""


def dossier(
    session: Session, context: PageContext, name: str, rejected_forms: Mapping[str, FormState] | None = None
) -> Dossier:
    """Return the page of a change for the caller; `rejected_forms` are the rejected forms, by action."""
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
    """Return the sections of the dossier, in reading order."""
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


async def _check_draft(form: FormRequest[EmptyForm]) -> approval.PreparedSubmission | None:
    if await form.context.read(lambda session: needs_analysis(session, form.path["change"])):
        return None
    return await checked_submission(form.service, form.path["change"], form.etag)


def _submit(transaction: Transaction, form: FormRequest[EmptyForm]) -> Change:
    if form.prepared is None:
        return approval.analyse(transaction, form.actor, form.path["change"], expected=form.etag)
    return approval.submit(transaction, form.actor, form.prepared, expected=form.etag)


def _start_analysis(form: FormRequest[EmptyForm], response: Response, change: Change | None) -> Response:
    if change is not None and change.state is ChangeState.UNDER_ANALYSIS:
        response.background = BackgroundTask(
            start_analysis, form.service, form.context.pages.jobs, form.actor, change.id
        )
    return response


def _sign_off(transaction: Transaction, form: FormRequest[SignOffForm]) -> Change:
    fields = form.values.model_dump(exclude={"password", "then"})
    change = approval.sign_off(transaction, form.actor, form.path["change"], **fields)
    if form.values.then is None:
        return change
    return approval.schedule(transaction, form.actor, change.id, expected=change.etag)


async def _prepare_review(form: FormRequest[Any]) -> None:
    await require_undrifted(form.service, form.path["change"])
    await warm_heads(form.service, form.path["change"])


def _schedule(transaction: Transaction, form: FormRequest[EmptyForm]) -> Change:
    return approval.schedule(transaction, form.actor, form.path["change"], expected=form.etag)


def _comment(transaction: Transaction, form: FormRequest[CommentForm]) -> None:
    approval.comment(transaction, form.actor, form.path["change"], form.values.text)


def _with_reason(command: Callable[..., Change]) -> Callable[[Transaction, FormRequest[ReasonForm]], Change]:
    def run(transaction: Transaction, form: FormRequest[ReasonForm]) -> Change:
        change, reason, expected = form.path["change"], form.values.reason, form.etag
        return command(transaction, form.actor, change, reason=reason, expected=expected)

    return run


def _action(  # noqa: PLR0913  # what a form does
    name: str,
    notice: str,
    command: Callable[[Transaction, FormRequest[Any]], object],
    prepare: Callable[[FormRequest[Any]], Awaitable[Any]] | None = None,
    *,
    confirm: bool = False,
    answer: Callable[[FormRequest[Any], Response, Any], Response] | None = None,
) -> FormAction[Any]:
    return FormAction(
        f"/changes/{{change}}/{name}",
        FORMS[name],
        page=partial(page_with_form, page=dossier, name=name),
        command=command,
        done=lambda form, _: f"/changes/{form.path['change']}?done={getattr(form.values, 'then', None) or notice}",
        prepare=prepare,
        confirm=confirm,
        answer=answer,
        in_worker=True,
    )


@dataclass(frozen=True, slots=True)
class ReportPage:
    """`/changes/{change}/report`."""

    template: ClassVar[str] = "changes/report.html"
    change: Change
    report: ReportView
    effect: EffectView | None
    """The effect of a draft that could be submitted now."""
    may_edit: bool


async def report_page(context: PageContext, change: str) -> ReportPage:
    """Return the page of a report: created now for a draft, frozen for a submission."""
    stored_change, view = await context.read(lambda session: _read(session, change))
    effect = None
    if view is None:
        check = await checked_draft(context.service, change)
        view = current_report(check, stored_change.draft.texts)
        effect = await context.read(lambda session: _effect(session, context, stored_change, check.effect))
    may_edit = approval.check_permission(stored_change, Action.EDIT, context.actor, context.frame.now) is True
    return ReportPage(stored_change, view, effect, may_edit)


def _effect(session: Session, context: PageContext, change: Change, effect: Effect | None) -> EffectView | None:
    """Return the effect of a draft, with the names of movers for readers who may see them."""
    if effect is None:
        return None
    names, lang = may_read_subjects(context.actor), context.frame.lang
    return effect_view(policy_loader(session), change, effect, lang, names=names, is_stored=False)


def _read(session: Session, change: str) -> tuple[Change, ReportView | None]:
    stored_change = approval.read_change(session, change)
    return stored_change, frozen_report(session, stored_change) if stored_change.submission else None


ROUTES = (
    PageRoute("/changes/{change}", dossier),
    _action("submit", "submitted", _submit, _check_draft, answer=_start_analysis),
    _action("sign-offs", "signed", _sign_off, _prepare_review, confirm=True),
    _action("schedule", "scheduled", _schedule, _prepare_review),
    _action("request-changes", "request-changes", _with_reason(approval.request_changes)),
    _action("reject", "rejected", _with_reason(approval.reject)),
    _action("withdraw", "withdrawn", _with_reason(approval.withdraw)),
    _action("cancel", "cancelled", _with_reason(approval.cancel)),
    _action("end-analysis", "analysis-ended", _with_reason(approval.end_analysis)),
    _action("comments", "commented#discussion", _comment),
    PageRoute("/changes/{change}/report", report_page),
)

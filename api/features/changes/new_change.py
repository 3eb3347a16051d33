"""`/changes/new`: the form that creates a change, with policy files, as a rollback or an ending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, NaiveDatetime
from sqlmodel import Session
from starlette.responses import Response

from api.kit.common_fields import population_options
from api.kit.context import Command, FormPage, PageContext
from api.kit.form_fields import FormField, Widget, form_fields
from api.kit.formats import parse_instant
from api.kit.forms import MAX_FORM_BYTES, FieldErrors, Form, FormModel, FormState, read_form, validate_form
from api.kit.page_route import PageRoute
from policy_service.approval import service as approval
from policy_service.approval.change import Afterwards, Draft
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES
from policy_service.approval.first_versions import unsigned_first_versions
from policy_service.approval.starting_points import (
    NEW,
    RollbackOptions,
    StartingPoint,
    rollback_options,
    starting_points,
    starting_text,
)
from policy_service.approval.validation import MAX_REASON, MAX_TITLE
from policy_service.messages import Message
from policy_service.population.registered.model import NAME
from policy_service.registry.model import Activation, Period
from policy_service.registry.service import activations
from policy_service.workers.kinds import FILE_CHECKING

MAX_TEXTS = 4
"""Maximum number of a change's files of the largest size in one form."""
NOT_AN_INSTANT = Message("Not a valid date or time.")
END_BEFORE_START = Message("The end must be after the beginning.")
NO_STARTING_POINT = Message("There is no such policy in force.")


class ChangeForm(FormModel):
    """The fields of a change's title, reason and period."""

    title: Annotated[str, Widget("text", Message("Title")), Field(max_length=MAX_TITLE)]
    reason: Annotated[
        str,
        Widget("area", Message("Reason"), Message("Why the rules change; signers read it first.")),
        Field(max_length=MAX_REASON),
    ]
    effective_from: Annotated[NaiveDatetime, Widget("datetime-local", Message("Effective from"))]
    effective_until: Annotated[
        NaiveDatetime | None,
        Widget(
            "datetime-local",
            Message("Effective until"),
            Message("Optional: without it, until another version follows."),
        ),
    ] = None
    simulated_over: Annotated[
        str | None,
        Widget(
            "choice",
            Message("Simulated over"),
            Message("The effect on a registered file of facts, in place of the decision records."),
            unset=Message("the decision records"),
        ),
        Field(pattern=f"^{NAME.pattern}$"),
    ] = None
    afterwards: Afterwards = "before"
    ends: tuple[Annotated[str, Field(max_length=140)], ...] = ()


ASKED = {"title", "reason", "ends", "afterwards", "simulated_over"}
"""The fields of a change's form, except its period and contents."""
CHANGE_FIELDS = form_fields(ChangeForm, "title", "reason", "effective_from", "effective_until", "simulated_over")
"""The fields rendered from the model; the others depend on the kind of change."""


def read_period(form: ChangeForm, zone: ZoneInfo, before: Draft | None = None) -> Period | FieldErrors:
    """Return the period in a form, or its errors; an unchanged field keeps the exact instant of the draft `before`."""
    stored = before.effective if before else None
    start = parse_instant(form.effective_from, zone, stored.start if stored else None)
    until = (
        parse_instant(form.effective_until, zone, stored.until if stored else None) if form.effective_until else None
    )
    if start is None:
        return {"effective_from": NOT_AN_INSTANT}
    if form.effective_until and until is None:
        return {"effective_until": NOT_AN_INSTANT}
    if until is not None and until <= start:
        return {"effective_until": END_BEFORE_START}
    return Period(start, until)


def format_local(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant as the value of a date-time field; empty for none."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else ""


def parse_selected(values: Sequence[str]) -> list[tuple[str, str]]:
    """Parse the versions selected for a rollback: each is written `policy@version`, or empty."""
    pairs = (value.partition("@") for value in values if value)
    return [(policy, version) for policy, _, version in pairs]


ChangeKind = Literal["change", "rollback", "ending", "first_versions"]
"""The kind of change created: with files, a rollback, an ending, or first versions."""
NOTHING_CHOSEN = Message("Choose at least one version to go back to.")
NO_EVIDENCE = Message("Attach the scan or the minutes.")
NOTHING_ENDED = Message("Choose at least one policy to end.")
TOMORROW = timedelta(days=1)


class NewChangeForm(ChangeForm):
    """The fields of a new change."""

    kind: ChangeKind = "change"
    start: Annotated[str, Field(max_length=140)] = ""
    back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewChangePage:
    """`/changes/new`."""

    template: ClassVar[str] = "changes/new.html"
    change_fields: ClassVar[tuple[FormField, ...]] = CHANGE_FIELDS
    form: FormState
    kind: ChangeKind
    starting_points: tuple[StartingPoint, ...]
    rollback_options: tuple[RollbackOptions, ...]
    first_versions: tuple[Activation, ...]
    """The unsigned versions imported at set-up."""
    populations: tuple[tuple[str, str], ...]
    zone: str
    new: str = NEW


def _first_page(session: Session, context: PageContext) -> NewChangePage:
    """Return the form of a change, prefilled from the link's parameters."""
    query, service = context.params, context.service
    policy, version, policy_to_end = query.get("rollback"), query.get("version", ""), query.get("end")
    tomorrow = service.clock.now().astimezone(service.zone).replace(hour=0, minute=0) + TOMORROW
    kinds = {"rollback": "rollback", "end": "ending", "first": "first_versions"}
    kind = next((kinds[name] for name in kinds if name in query), "change")
    form = context.new_form(
        kind=kind,
        start=query.get("policy", ""),
        back=f"{policy}@{version}" if policy else "",
        ends=policy_to_end or "",
        effective_from=format_local(tomorrow, service.zone) if kind != "first_versions" else "",
    )
    return new_change_page(session, context, form)


async def create_change(context: PageContext) -> Response:
    """Create the change, and redirect to its editor."""
    limit = max(MAX_TEXTS * context.service.settings.policy_body_limit, MAX_EVIDENCE_BYTES) + MAX_FORM_BYTES
    form = await read_form(context.request, limit)
    values = validate_form(form, NewChangeForm)
    effective = read_period(values, context.service.zone) if isinstance(values, NewChangeForm) else values
    if not isinstance(values, NewChangeForm) or not isinstance(effective, Period):
        errors = effective if isinstance(effective, dict) else {}
        return await context.render_invalid(FormPage(new_change_page), form.bind(errors))
    return await _create(context, form, values, effective)


def new_change_page(session: Session, context: PageContext, form: FormState) -> NewChangePage:
    """Return the form of a new change with its current content."""
    service, now = context.service, context.frame.now
    kinds: Mapping[str, ChangeKind] = {each: each for each in get_args(ChangeKind)}
    kind = kinds.get(form.value("kind"), "change")
    points: tuple[StartingPoint, ...] = ()
    options: tuple[RollbackOptions, ...] = ()
    first: tuple[Activation, ...] = ()
    if kind == "rollback":
        options = rollback_options(session, now, parse_selected(form.values.get("back", ())))
    elif kind == "first_versions":
        first = tuple(unsigned_first_versions(activations(session), now).values())
    else:
        points = starting_points(service.catalogue, session, now)
    return NewChangePage(form, kind, points, options, first, population_options(session), str(service.zone))


async def _create(context: PageContext, form: Form, values: NewChangeForm, effective: Period) -> Response:
    actor, form_page, text = context.actor, FormPage(new_change_page), None
    versions, evidence = parse_selected(values.back), form.files.get("evidence", ())
    if values.kind == "change" and values.start:
        text = await context.run_in_worker(FILE_CHECKING, read_starting_text, values.start)
    needed: Mapping[ChangeKind, tuple[bool, str, Message]] = {
        "change": (not values.start or text is not None, "start", NO_STARTING_POINT),
        "rollback": (bool(versions), "back", NOTHING_CHOSEN),
        "ending": (bool(values.ends), "ends", NOTHING_ENDED),
        "first_versions": (bool(evidence), "evidence", NO_EVIDENCE),
    }
    is_there, field, error = needed[values.kind]
    if not is_there:
        return await context.render_invalid(form_page, form.bind({field: error}))
    texts = [*([text] if text is not None else []), *form.files.get("file", ())]
    asked = {**values.model_dump(include=ASKED - {"ends"}), "effective": effective}
    command: Callable[..., approval.Change]
    match values.kind:
        case "first_versions":
            said: dict[str, Any] = {
                "title": values.title,
                "reason": values.reason,
                "file_name": form.file_names["evidence"][0],
            }
            command = partial(approval.create_first_versions, start=effective.start, content=evidence[0], **said)
        case "rollback":
            command = partial(approval.rollback, versions=versions, **asked)
        case _:
            command = partial(approval.create, texts=texts, ends=values.ends, **asked)
    editor = "" if values.kind == "first_versions" else f"/draft?done=begun{'&check=1' if texts else ''}"

    async def prepare() -> Command:
        return lambda transaction: f"/changes/{command(transaction, actor).id}{editor}"

    return await context.execute(form, prepare, form_page)


def read_starting_text(session: Session, context: PageContext, name: str) -> bytes | None:
    """Return the text of a starting point; None if there is no such one."""
    return starting_text(session, name, context.frame.now)


ROUTES = (
    PageRoute("/changes/new", _first_page),
    PageRoute("/changes", create_change, method="POST"),
)

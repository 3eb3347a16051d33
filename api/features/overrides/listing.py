"""The list of overrides: of a subject, of a policy, those that apply and those that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS, check_permission
from api.features.overrides.last_decision import read_policy_version
from api.kit.answers import FieldText, outcome_texts
from api.kit.forms import NO_ERRORS, FormState
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.subjects import invalid_subject_errors, kind_options
from api.service import Service
from api.web.cursors import decode_number_cursor, encode_cursor
from policy_service.actor import Role
from policy_service.decisions.override import Override, OverrideState
from policy_service.decisions.override_store import read_overrides
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message
from policy_service.overrides.signature_validity import with_signature_validity
from policy_service.registry.service import policy_names
from policy_service.subject import InvalidSubject, Subject

PATH = "/overrides"
PAGE_SIZE = 50
"""Overrides on a page."""
OLDEST, NEWEST = "recorded", "-recorded"
STATES: tuple[tuple[str, Message], ...] = (
    ("running", Message("in effect")),
    ("waiting", Message("awaiting signatures")),
    ("over", Message("over")),
)
COLUMNS = (
    Column("subject", Message("Subject")),
    Column("policy", Message("Policy")),
    Column("outcome", Message("New value")),
    Column("by", Message("By")),
    Column("recorded", Message("Added at"), is_sortable=True),
    Column("until", Message("Ends")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One override of the list."""

    override: str
    subject: Subject
    policy: str
    title: Bilingual
    outcome: tuple[tuple[FieldText, ...], ...]
    printed_name: str
    role: Role
    recorded_at: datetime
    until: datetime
    """When it ends, or ended."""
    state: OverrideState
    owed_roles: tuple[Role, ...]
    """Who has not signed yet."""


@dataclass(frozen=True, slots=True)
class OverridesPage:
    """The list."""

    template: ClassVar[str] = "overrides/list.html"
    frame: Frame
    listing: Listing
    form: FormState
    rows: tuple[Row, ...]
    policies: tuple[tuple[str, str], ...]
    kinds: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, Message], ...]
    denied_reason: str | None
    """Why the reader may make none; None for those who may."""


@dataclass(frozen=True, slots=True)
class OverrideQuery:
    """The query of a list of overrides: filter, order and start."""

    subject: str = ""
    kind: str = ""
    policy: str = ""
    state: str = ""
    sort: str = NEWEST
    cursor: str | None = None


def read_query(query: Mapping[str, str]) -> OverrideQuery:
    """Read the query of an address; an unknown order or state counts as absent."""
    state, sort = query.get("state", ""), query.get("sort", NEWEST)
    return OverrideQuery(
        subject=query.get("subject", "").strip(),
        kind=query.get("kind", ""),
        policy=query.get("policy", "").strip(),
        state=state if state in dict(STATES) else "",
        sort=sort if sort in {OLDEST, NEWEST} else NEWEST,
        cursor=query.get("cursor") or None,
    )


def overrides_page(service: Service, session: Session, frame: Frame, query: OverrideQuery) -> OverridesPage:
    """The list. Raises ProblemError."""
    now, errors = frame.now, NO_ERRORS
    try:
        numbered = _find(session, query, now)
    except InvalidSubject as error:
        numbered, errors = [], invalid_subject_errors(error)
    rows = [each for _, each in numbered[:PAGE_SIZE]]
    first_of = {(each.policy, each.version): each for each in rows}
    versions = {name: read_policy_version(service, session, each) for name, each in first_of.items()}
    filters = {"subject": query.subject, "kind": query.kind, "policy": query.policy, "state": query.state}
    next_cursor = encode_cursor(str(numbered[PAGE_SIZE - 1][0])) if len(numbered) > PAGE_SIZE else None
    permission = check_permission(frame.actor, PERMISSIONS["POST", PATH]) if frame.actor else ""
    return OverridesPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, query.sort, query.cursor, next_cursor),
        form=FormState("", {name: (value,) for name, value in filters.items()}, errors),
        rows=tuple(_row(each, versions[each.policy, each.version], now, frame.lang) for each in rows),
        policies=tuple((name, name) for name in policy_names(session)),
        kinds=kind_options(service.catalogue.in_force(session, now).values(), frame.lang, query.kind),
        states=STATES,
        denied_reason=None if permission is True else permission,
    )


def _find(session: Session, query: OverrideQuery, now: datetime) -> list[tuple[int, Override]]:
    """The exceptions of the page, and one more when there are more. Raises InvalidSubject, ProblemError."""
    stored = read_overrides(
        session,
        subject=query.subject or None,
        kind=query.kind or None,
        policy=query.policy or None,
        active_at=now if query.state == "running" else None,
        over_at=now if query.state == "over" else None,
        waiting_at=now if query.state == "waiting" else None,
        after=decode_number_cursor(query.cursor),
        newest_first=query.sort == NEWEST,
        limit=PAGE_SIZE + 1,
    )
    overrides = with_signature_validity(session, [each for _, each in stored], now)
    return [(number, each) for (number, _), each in zip(stored, overrides, strict=True)]


def _row(override: Override, policy: Policy | None, now: datetime, lang: Language) -> Row:
    return Row(
        override=override.id,
        subject=override.subject,
        policy=override.policy,
        title=policy.title if policy else Bilingual(override.policy, override.policy),
        outcome=outcome_texts(override.outcome, policy, lang),
        printed_name=override.printed_name,
        role=Role(override.role),
        recorded_at=override.recorded_at,
        until=override.ends_at,
        state=override.state(now),
        owed_roles=tuple(map(Role, override.missing_roles))
        if override.state(now) in {"provisional", "waiting"}
        else (),
    )

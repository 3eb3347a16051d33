"""The list of exceptions: of a subject, of a policy, those that apply and those that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlmodel import Session

from api.cursors import close_cursor, open_number
from api.pages.decisions.words import Said, outcome_words
from api.pages.forms import NO_FAULTS, Filled
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.overrides.words import version_of
from api.pages.subjects import as_faults, kinds_offered
from api.permissions import PERMISSIONS, may_ask
from api.service import Service
from policy_service.actor import Role
from policy_service.decisions.overrides import read_overrides
from policy_service.decisions.overriding import OverrideState, Overriding
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.overrides.counting import as_they_count
from policy_service.registry.service import policy_names
from policy_service.sentences import Sentence
from policy_service.subject import InvalidSubject, Subject

PATH = "/overrides"
SHOWN = 50
"""Exceptions on a page."""
OLDEST, NEWEST = "recorded", "-recorded"
STATES: tuple[tuple[str, Sentence], ...] = (
    ("running", Sentence("that apply now")),
    ("waiting", Sentence("that wait for signatures")),
    ("over", Sentence("that are over")),
)
COLUMNS = (
    Column("subject", Sentence("Subject")),
    Column("policy", Sentence("Policy")),
    Column("outcome", Sentence("Decided instead")),
    Column("by", Sentence("By")),
    Column("recorded", Sentence("Made at"), sorts=True),
    Column("until", Sentence("Ends")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One exception of the list."""

    override: str
    subject: Subject
    policy: str
    title: Bilingual
    outcome: tuple[tuple[Said, ...], ...]
    printed_name: str
    role: Role
    recorded_at: datetime
    until: datetime
    """When it ends, or ended."""
    state: OverrideState
    owed: tuple[Role, ...]
    """Who has not signed yet."""


@dataclass(frozen=True, slots=True)
class OverridesPage:
    """The list."""

    template: ClassVar[str] = "overrides/list.html"
    frame: Frame
    listing: Listing
    form: Filled
    rows: tuple[Row, ...]
    policies: tuple[tuple[str, str], ...]
    kinds: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, Sentence], ...]
    why_not: str | None
    """Why the reader may make none; None for whoever may."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which exceptions are wanted, in which order, from where on."""

    subject: str = ""
    kind: str = ""
    policy: str = ""
    state: str = ""
    sort: str = NEWEST
    cursor: str | None = None


def sought(query: Mapping[str, str]) -> Sought:
    """What an address asks for; an order or a state that there is none of is as if it were not said."""
    state, sort = query.get("state", ""), query.get("sort", NEWEST)
    return Sought(
        subject=query.get("subject", "").strip(),
        kind=query.get("kind", ""),
        policy=query.get("policy", "").strip(),
        state=state if state in dict(STATES) else "",
        sort=sort if sort in {OLDEST, NEWEST} else NEWEST,
        cursor=query.get("cursor") or None,
    )


def overrides_page(service: Service, session: Session, frame: Frame, wanted: Sought) -> OverridesPage:
    """The list. Raises ProblemError."""
    now, faults = frame.now, NO_FAULTS
    try:
        found = _found(session, wanted, now)
    except InvalidSubject as invalid:
        found, faults = [], as_faults(invalid)
    rows = [each for _, each in found[:SHOWN]]
    used = {(each.policy, each.version): each for each in rows}
    versions = {name: version_of(service, session, each) for name, each in used.items()}
    filters = {"subject": wanted.subject, "kind": wanted.kind, "policy": wanted.policy, "state": wanted.state}
    more = close_cursor(str(found[SHOWN - 1][0])) if len(found) > SHOWN else None
    verdict = may_ask(frame.actor, PERMISSIONS["POST", PATH]) if frame.actor else ""
    return OverridesPage(
        frame=frame,
        listing=Listing(PATH, filters, COLUMNS, wanted.sort, wanted.cursor, more),
        form=Filled("", {name: (value,) for name, value in filters.items()}, faults),
        rows=tuple(_row(each, versions[each.policy, each.version], now, frame.lang) for each in rows),
        policies=tuple((name, name) for name in policy_names(session)),
        kinds=kinds_offered(service.catalogue.in_force(session, now).values(), frame.lang, wanted.kind),
        states=STATES,
        why_not=None if verdict is True else verdict,
    )


def _found(session: Session, wanted: Sought, now: datetime) -> list[tuple[int, Overriding]]:
    """The exceptions of the page, and one more when there are more. Raises InvalidSubject, ProblemError."""
    found = read_overrides(
        session,
        subject=wanted.subject or None,
        kind=wanted.kind or None,
        policy=wanted.policy or None,
        active_at=now if wanted.state == "running" else None,
        over_at=now if wanted.state == "over" else None,
        waiting_at=now if wanted.state == "waiting" else None,
        after=open_number(wanted.cursor),
        newest_first=wanted.sort == NEWEST,
        limit=SHOWN + 1,
    )
    counting = as_they_count(session, [each for _, each in found], now)
    return [(number, each) for (number, _), each in zip(found, counting, strict=True)]


def _row(each: Overriding, policy: Policy | None, now: datetime, lang: Language) -> Row:
    return Row(
        override=each.id,
        subject=each.subject,
        policy=each.policy,
        title=policy.title if policy else Bilingual(each.policy, each.policy),
        outcome=outcome_words(each.outcome, policy, lang),
        printed_name=each.printed_name,
        role=Role(each.role),
        recorded_at=each.recorded_at,
        until=each.ends_at,
        state=each.state(now),
        owed=tuple(map(Role, each.owed)) if each.state(now) in {"provisional", "waiting"} else (),
    )

"""What the home page is made from: what waits for whoever reads it, what is coming, what happened, all in one read.

Nothing here grows with the number of changes, decisions or entries: each list is short, and found by an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.pages.audit.told import Teller, Told
from api.permissions import PERMISSIONS, may_ask
from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.reading import counts, soon, waiting_for
from policy_service.approval.service import Action, Change, State, Suspension, Wanted
from policy_service.approval.verdicts import ratifying
from policy_service.audit.log import entries
from policy_service.audit.service import unsigned
from policy_service.decisions.overrides import read_overrides
from policy_service.decisions.overriding import Overriding, signing_roles
from policy_service.decisions.seals import unsealed
from policy_service.identity.account import Account
from policy_service.identity.service import accounts
from policy_service.identity.vouching import can_be_vouched, may_vouch
from policy_service.language.policy import Language
from policy_service.overrides.counting import as_they_count
from policy_service.registry.lately import Begun, begun_lately

SHOWN = 8
"""Items of a list on the home page; each leads to the whole list."""
OPEN = (State.DRAFT, State.SUBMITTED, State.SIGNED_OFF)
"""The states that are counted: of changes that wait for somebody."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for whoever reads the page."""

    to_sign: tuple[Change, ...]
    sent_back: tuple[Change, ...]
    """My drafts that somebody asked to change."""
    drafts: tuple[Change, ...]
    """My other drafts."""
    to_schedule: tuple[Change, ...]
    """My changes that everybody signed, and that nobody scheduled yet."""
    to_ratify: tuple[Suspension, ...]
    to_countersign: tuple[Overriding, ...]
    """Exceptions that others recorded and that I must sign."""
    to_vouch: tuple[Account, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing waits."""
        mine = (self.to_sign, self.sent_back, self.drafts, self.to_schedule)
        return not any((*mine, self.to_ratify, self.to_countersign, self.to_vouch))


@dataclass(frozen=True, slots=True)
class Day:
    """What becomes active on a day."""

    day: date
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found; what somebody may not read is None."""

    waiting: Waiting
    soon: tuple[Day, ...] | None
    counts: Mapping[State, int] | None
    begun: tuple[Begun, ...]
    running: tuple[Suspension, ...]
    """The suspensions that last now."""
    log: tuple[Told, ...] | None
    unsealed: int
    unsigned: int


def gather(session: Session, actor: Actor, now: datetime, lang: Language, zone: ZoneInfo) -> Gathered:
    """What there is for this reader."""
    reads_changes = may_see(actor, "/changes")
    running = tuple(each for each in approval.suspensions(session) if each.runs(now))
    found = counts(session) if reads_changes else None
    return Gathered(
        waiting=_waiting(session, actor, now, running),
        soon=_by_day(soon(session, now, limit=SHOWN), zone) if reads_changes else None,
        counts={state: found[state] for state in OPEN} if found is not None else None,
        begun=begun_lately(session, now, limit=SHOWN),
        running=running,
        log=Teller(actor, lang, zone).tell(session, entries(session, limit=SHOWN))
        if may_see(actor, "/audit")
        else None,
        unsealed=unsealed(session),
        unsigned=unsigned(session),
    )


def may_see(actor: Actor, address: str) -> bool:
    """Whether somebody may ask for a page."""
    return may_ask(actor, PERMISSIONS["GET", address]) is True


def _waiting(session: Session, actor: Actor, now: datetime, running: Sequence[Suspension]) -> Waiting:
    mine = _mine(session, actor)
    drafts = tuple(change for change in mine if change.state is State.DRAFT)
    sent_back = tuple(change for change in drafts if _was_sent_back(change))
    return Waiting(
        to_sign=waiting_for(session, actor, now, limit=SHOWN).changes,
        sent_back=sent_back,
        drafts=tuple(change for change in drafts if change not in sent_back),
        to_schedule=tuple(change for change in mine if change.state is State.SIGNED_OFF),
        to_ratify=tuple(each for each in running if each.ratified is None and ratifying(each, actor, now).allowed),
        to_countersign=_to_countersign(session, actor, now) if may_see(actor, "/overrides") else (),
        to_vouch=_to_vouch(session, actor) if may_see(actor, "/accounts") else (),
    )


def _to_countersign(session: Session, actor: Actor, now: datetime) -> tuple[Overriding, ...]:
    """The exceptions that wait for a signature of whoever reads the page, the one that waits longest first."""
    waiting = as_they_count(session, [each for _, each in read_overrides(session, waiting_at=now)], now)
    return tuple(each for each in waiting if signing_roles(each, actor, now))[:SHOWN]


def _mine(session: Session, actor: Actor) -> tuple[Change, ...]:
    """My newest changes that wait for me."""
    if Role.AUTHOR not in actor.roles:
        return ()
    wanted = Wanted(states=frozenset({State.DRAFT, State.SIGNED_OFF}), author=actor.id)
    return approval.changes(session, wanted, sort="-acted", limit=SHOWN).changes


def _was_sent_back(change: Change) -> bool:
    """Whether the last that happened to a draft, beside edits, is that somebody asked for changes."""
    deeds = [acted.action for acted in change.acted if acted.action is not Action.EDIT]
    return deeds[-1:] == [Action.REQUEST_CHANGES]


def _to_vouch(session: Session, actor: Actor) -> tuple[Account, ...]:
    """The accounts that whoever reads the page may vouch for, and that wait for it."""
    everybody = accounts(session)
    found = (
        account
        for account in everybody.values()
        if account.waiting is not None
        and may_vouch(actor, account, everybody) is True
        and can_be_vouched(account, actor) is True
    )
    return tuple(found)[:SHOWN]


def _by_day(changes: Sequence[Change], zone: ZoneInfo) -> tuple[Day, ...]:
    def day(change: Change) -> date:
        return change.submitted.effective.start.astimezone(zone).date()

    return tuple(Day(found, tuple(each)) for found, each in groupby(sorted(changes, key=day), key=day))

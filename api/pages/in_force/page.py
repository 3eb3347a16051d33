"""What was in force at an instant, as known at an instant, by domain; and whether it is the same now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.pages.changes.asking import instant
from api.pages.decisions.one import may_read
from api.pages.decisions.words import version_address
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.in_force.standing import Standing, standings
from api.pages.listing import Column, Listing
from api.pages.vocabulary import domain_name
from api.service import Service
from policy_service.language.policy import Bilingual
from policy_service.registry.model import Activation, Period, all_active_at, timeline
from policy_service.registry.service import activations
from policy_service.sentences import Sentence

PATH = "/in-force"
PAGE = 50
"""Policies on a page."""
LONGEST = 200
"""Characters of a filter that count."""
SORTS = ("policy", "-policy", "from", "-from")
COLUMNS = (
    Column("policy", Sentence("Policy"), sorts=True),
    Column("version", Sentence("Version")),
    Column("from", Sentence("In force"), sorts=True),
    Column("why", Sentence("Why, and who signed")),
)
TODAY = Column("today", Sentence("Today"))
LATE = datetime.max.replace(tzinfo=UTC)
Since = Literal["same", "other", "none", "new"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The two instants, as typed and as meant, and what is wrong with them."""

    valid_at: datetime
    known_at: datetime
    form: Filled
    """The instants, the domain and the policy."""
    is_now: bool
    """Whether both are now."""
    sort: str = SORTS[0]
    cursor: str = ""
    """The last policy of the page before."""

    def wants(self, policy: str) -> bool:
        """Whether the filters leave a policy."""
        domain, only = self.form.value("domain"), self.form.value("policy")
        return domain in {"", policy.partition("/")[0]} and only in {"", policy}

    @property
    def is_narrowed(self) -> bool:
        """Whether policies are left out."""
        return bool(self.form.value("domain") or self.form.value("policy"))


@dataclass(frozen=True, slots=True)
class Row:
    """One policy: its version then, why it was in force, and its version now."""

    policy: str
    title: Bilingual
    version: str | None
    """None when none was in force, or the policy was suspended without a replacement."""
    address: str
    period: Period | None
    """The piece of time in which it was the active one, as known then."""
    standing: Standing | None
    since: Since
    """How it stands now: the same version, another, none any more, or one where there was none."""
    now: str | None
    """The version in force now; None when none is, or the policy is suspended without a replacement."""
    now_address: str | None
    now_from: datetime | None


@dataclass(frozen=True, slots=True)
class Domain:
    """The policies of one domain, or all that are listed when they are sorted by day."""

    words: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class InForcePage:
    """What was in force."""

    template: ClassVar[str] = "in_force/page.html"
    frame: Frame
    asked: Asked
    listing: Listing
    zone: str
    domains: tuple[Domain, ...]
    choices: tuple[tuple[str, str], ...]
    """The domains that there are."""
    policies: tuple[tuple[str, str], ...]
    """The policies that the list can be narrowed to."""
    differing: int
    """How many policies are in force in another version now."""
    listed: int
    """How many policies there are, on all pages."""
    reads_changes: bool


def asked(query: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Asked:
    """The instants that an address asks for; what is left out is now, and so is the minute of now."""
    faults: dict[str, Sentence] = {}
    valid_at = _instant(query.get("valid_at", ""), "valid_at", zone, now, faults)
    known_at = _instant(query.get("known_at", ""), "known_at", zone, now, faults)
    if known_at > now:
        faults["known_at"] = Sentence("What will be known in the future cannot be told; choose now or before.")
    values = {name: (query.get(name, "")[:LONGEST],) for name in ("valid_at", "known_at", "domain", "policy")}
    sort = query.get("sort", "")
    sort = sort if sort in SORTS else SORTS[0]
    is_now = valid_at == known_at == now
    return Asked(valid_at, known_at, Filled("", values, faults), is_now, sort, query.get("cursor", ""))


def _instant(typed: str, name: str, zone: ZoneInfo, now: datetime, faults: dict[str, Sentence]) -> datetime:
    if not typed:
        return now
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        at = None
    meant = instant(at, zone, now) if at is not None and at.tzinfo is None else None
    if meant is None:
        faults[name] = Sentence("This is not a day or a time.")
    return meant or now


def in_force_page(service: Service, session: Session, frame: Frame, given: Asked) -> InForcePage:
    """The page; nothing is listed while something is wrong with the instants."""
    known = activations(session)
    then = {} if given.form.faults else all_active_at(known, given.valid_at, given.known_at)
    today = {} if given.form.faults else all_active_at(known, frame.now, frame.now)
    names = sorted({*then, *today})
    both = [_Both(name, then.get(name), today.get(name)) for name in names if given.wants(name)]
    times = _Times(known, given)
    shown, listing = _shown(both, times, given)
    told = standings(session, (each.then for each in shown if each.then))
    rows = [_row(service, session, each, times, told) for each in shown]
    return InForcePage(
        frame=frame,
        asked=given,
        listing=listing,
        zone=service.zone.key,
        domains=_domains(rows) if given.sort.endswith("policy") else _undivided(rows),
        choices=tuple((each, domain_name(each)) for each in sorted({name.partition("/")[0] for name in names})),
        policies=tuple((name, name) for name in names),
        differing=sum(_since(each.then, each.now) != "same" for each in both),
        listed=len(both),
        reads_changes=may_read(frame.actor, "/changes/{change}"),
    )


@dataclass(frozen=True, slots=True)
class _Both:
    """What is active of one policy, then and now."""

    policy: str
    then: Activation | None
    now: Activation | None


class _Times:
    """The pieces of time in which policies were in force, as known then; of a policy only when they are asked for."""

    def __init__(self, known: Sequence[Activation], given: Asked) -> None:
        self._given = given
        self._of: dict[str, list[Activation]] = defaultdict(list)
        for each in known:
            self._of[each.policy].append(each)

    def piece(self, then: Activation) -> Period:
        """The piece of time around the instant in which nothing else was active."""
        pieces = timeline(self._of[then.policy], then.policy, self._given.known_at)
        return next((period for period, _ in pieces if period.covers(self._given.valid_at)), then.effective)


def _shown(both: list[_Both], times: _Times, given: Asked) -> tuple[list[_Both], Listing]:
    """The policies of this page in the order that is wanted, and where the next page begins."""
    if given.sort.endswith("from"):
        start = {each.policy: times.piece(each.then).start if each.then else LATE for each in both}
        both.sort(key=lambda each: (start[each.policy], each.policy), reverse=given.sort.startswith("-"))
        both.sort(key=lambda each: each.then is None)  # what was not in force stands last, either way
    elif given.sort.startswith("-"):
        both.reverse()
    behind = next((place + 1 for place, each in enumerate(both[:-1]) if each.policy == given.cursor), 0)
    shown = both[behind : behind + PAGE]
    filters = {name: given.form.value(name) for name in given.form.values}
    columns = COLUMNS if given.is_now else (*COLUMNS, TODAY)
    following = shown[-1].policy if len(both) > behind + PAGE else None
    return shown, Listing(PATH, filters, columns, given.sort, given.cursor if behind else None, following)


def _row(service: Service, session: Session, both: _Both, times: _Times, told: Mapping[str, Standing]) -> Row:
    then, now, policy = both.then, both.now, both.policy
    shown = then or now
    return Row(
        policy=policy,
        title=service.catalogue.load(session, shown.digest).title if shown else Bilingual(policy, policy),
        version=then.version if then and not then.is_stop else None,
        address=version_address(policy, then.version) if then else f"/policies/{policy}",
        period=times.piece(then) if then else None,
        standing=told[then.id] if then else None,
        since=_since(then, now),
        now=now.version if now and not now.is_stop else None,
        now_address=version_address(policy, now.version) if now else None,
        now_from=now.effective.start if now else None,
    )


def _since(then: Activation | None, now: Activation | None) -> Since:
    if then is None:
        return "new"
    if now is None:
        return "none"
    return "same" if (then.digest, then.is_stop) == (now.digest, now.is_stop) else "other"


def _domains(rows: list[Row]) -> tuple[Domain, ...]:
    by_domain: dict[str, list[Row]] = {}
    for row in rows:
        by_domain.setdefault(row.policy.partition("/")[0], []).append(row)
    return tuple(Domain(domain_name(name), tuple(each)) for name, each in by_domain.items())


def _undivided(rows: list[Row]) -> tuple[Domain, ...]:
    return (Domain(None, tuple(rows)),) if rows else ()

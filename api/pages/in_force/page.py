"""What was in force at an instant, as known at an instant, by domain; and whether it is the same now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.pages.changes.asking import instant
from api.pages.decisions.one import may_read
from api.pages.decisions.words import version_address
from api.pages.forms import Filled
from api.pages.frame import Frame
from api.pages.in_force.standing import Standing, standings
from api.pages.vocabulary import domain_name
from api.service import Service
from policy_service.language.policy import Bilingual
from policy_service.registry.model import Activation, Period, all_active_at, timeline
from policy_service.registry.service import activations
from policy_service.sentences import Sentence

PATH = "/in-force"
Since = Literal["same", "other", "none", "new"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The two instants, as typed and as meant, and what is wrong with them."""

    valid_at: datetime
    known_at: datetime
    domain: str
    form: Filled
    is_now: bool
    """Whether both are now."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy: its version then, why it was in force, and its version now."""

    policy: str
    title: Bilingual
    version: str | None
    """None when none was in force."""
    address: str
    period: Period | None
    """The piece of time in which it was the active one, as known then."""
    standing: Standing | None
    since: Since
    """How it stands now: the same version, another, none any more, or one where there was none."""
    now: str | None
    """The version in force now."""
    now_address: str | None
    now_from: datetime | None


@dataclass(frozen=True, slots=True)
class Domain:
    """The policies of one domain."""

    name: str
    words: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class InForcePage:
    """What was in force."""

    template: ClassVar[str] = "in_force/page.html"
    frame: Frame
    asked: Asked
    zone: str
    domains: tuple[Domain, ...]
    choices: tuple[tuple[str, str], ...]
    """The domains that there are."""
    differing: int
    """How many policies are in force in another version now."""
    listed: int
    reads_changes: bool


def asked(query: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Asked:
    """The instants that an address asks for; what is left out is now, and so is the minute of now."""
    faults: dict[str, Sentence] = {}
    valid_at = _instant(query.get("valid_at", ""), "valid_at", zone, now, faults)
    known_at = _instant(query.get("known_at", ""), "known_at", zone, now, faults)
    if known_at > now:
        faults["known_at"] = Sentence("What will be known in the future cannot be told; choose now or before.")
    values = {name: (query.get(name, ""),) for name in ("valid_at", "known_at", "domain")}
    return Asked(valid_at, known_at, query.get("domain", ""), Filled("", values, faults), valid_at == known_at == now)


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
    told = standings(session, then.values())
    own: dict[str, list[Activation]] = {}
    for each in known:
        own.setdefault(each.policy, []).append(each)
    rows = [
        _row(service, session, _Both(name, then.get(name), today.get(name)), own[name], given, told)
        for name in names
        if not given.domain or name.partition("/")[0] == given.domain
    ]
    return InForcePage(
        frame=frame,
        asked=given,
        zone=service.zone.key,
        domains=_domains(rows),
        choices=tuple((each, domain_name(each)) for each in sorted({name.partition("/")[0] for name in names})),
        differing=sum(row.since != "same" for row in rows),
        listed=len(rows),
        reads_changes=may_read(frame.actor, "/changes/{change}"),
    )


@dataclass(frozen=True, slots=True)
class _Both:
    """What is active of one policy, then and now."""

    policy: str
    then: Activation | None
    now: Activation | None


def _row(  # noqa: PLR0913, PLR0917  # where it is looked up
    service: Service,
    session: Session,
    both: _Both,
    known: Sequence[Activation],
    given: Asked,
    told: Mapping[str, Standing],
) -> Row:
    then, now, policy = both.then, both.now, both.policy
    shown = then or now
    return Row(
        policy=policy,
        title=service.catalogue.load(session, shown.digest).title if shown else Bilingual(policy, policy),
        version=then.version if then else None,
        address=version_address(policy, then.version) if then else f"/policies/{policy}",
        period=_piece(known, then, given) if then else None,
        standing=told[then.id] if then else None,
        since=_since(then, now),
        now=now.version if now else None,
        now_address=version_address(policy, now.version) if now else None,
        now_from=now.effective.start if now else None,
    )


def _since(then: Activation | None, now: Activation | None) -> Since:
    if then is None:
        return "new"
    if now is None:
        return "none"
    return "same" if then.digest == now.digest else "other"


def _piece(known: Sequence[Activation], then: Activation, given: Asked) -> Period:
    """The piece of time around the instant in which nothing else was active."""
    pieces = timeline(known, then.policy, given.known_at)
    return next((period for period, _ in pieces if period.covers(given.valid_at)), then.effective)


def _domains(rows: list[Row]) -> tuple[Domain, ...]:
    by_domain: dict[str, list[Row]] = {}
    for row in rows:
        by_domain.setdefault(row.policy.partition("/")[0], []).append(row)
    return tuple(Domain(name, domain_name(name), tuple(each)) for name, each in by_domain.items())

"""What a change can begin with: the version in force of a policy, a new policy, or versions to go back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from api.catalogue import Catalogue
from api.pages.changes.texts import next_version, with_version
from policy_service.language.load import version_key
from policy_service.language.policy import Bilingual
from policy_service.registry.model import active_at, all_active_at
from policy_service.registry.service import activations
from policy_service.registry.tables import VersionRow
from policy_service.sentences import Sentence

NO_BEGINNING = Sentence("There is no such policy in force.")
OFFERED = 50
"""Versions of a policy that are offered to go back to, the newest; a link may name an older one."""
Named = tuple[str, str]
"""A policy and one of its version numbers."""
NEW = "new"
"""The beginning that is a policy of its own."""
SAMPLE = """\
policy: domain/name
version: 1.0.0
title: {zh: 规则名称, en: name of the policy}
source: []
subject: customer
facts:
  orders: {type: integer, min: 0, title: {zh: 订单数, en: orders}}
outcome:
  size: {type: choice, of: [large, small], title: {zh: 规模, en: size}}
table:
  hit: FIRST
  inputs: [orders]
  rows:
    - {id: large, when: [">= 10"], then: [large], because: {zh: 订单多, en: many orders}}
    - {id: small, when: ["-"], then: [small], because: {zh: 其余客户, en: everybody else}}
examples:
  - {name: ten orders, facts: {orders: 10}, outcome: {size: large}, rule: large}
  - {name: nine orders, facts: {orders: 9}, outcome: {size: small}, rule: small}
invariants:
  - {id: total, says: {zh: 每个客户都有规模, en: every customer has a size}}
""".encode()


@dataclass(frozen=True, slots=True)
class Beginning:
    """A policy in force, whose next version a change can begin with."""

    policy: str
    version: str
    title: Bilingual


@dataclass(frozen=True, slots=True)
class GoingBack:
    """A policy, and its versions that were in force before."""

    policy: str
    versions: tuple[str, ...]
    """The newest first."""
    active: str | None
    """The one in force now."""

    @property
    def is_possible(self) -> bool:
        """Whether there is another version than the one in force."""
        return any(version != self.active for version in self.versions)


def beginnings(catalogue: Catalogue, session: Session, now: datetime) -> tuple[Beginning, ...]:
    """The policies in force, by name."""
    found = catalogue.heads_in_force(session, now)
    return tuple(Beginning(name, policy.version, policy.title) for name, policy in found.items())


def begun_with(session: Session, name: str, now: datetime) -> bytes | None:
    """The text that a beginning puts into a draft, with the next version number; None when there is no such one."""
    if name == NEW:
        return SAMPLE
    active = active_at(activations(session, name), name, now, now)
    row = session.get(VersionRow, active.digest) if active else None
    if row is None:
        return None
    numbers = session.exec(select(VersionRow.version).where(VersionRow.policy == name))
    return with_version(row.content, next_version(list(numbers)))


def ways_back(session: Session, now: datetime, picked: Iterable[Named] = ()) -> tuple[GoingBack, ...]:
    """The policies that have been in force, with the versions that were lately and those that are picked, by name."""
    known = [each for each in activations(session) if each.known(now) and each.effective.start <= now]
    active = all_active_at(known, now, now)
    begun: dict[str, set[str]] = {}
    for each in (each for each in known if not each.is_nothing):
        begun.setdefault(each.policy, set()).add(each.version)
    wanted = set(picked)
    return tuple(
        GoingBack(
            name,
            _offered(name, begun[name], wanted),
            active[name].version if name in active and not active[name].is_stop else None,
        )
        for name in sorted(begun)
    )


def _offered(name: str, versions: set[str], picked: set[Named]) -> tuple[str, ...]:
    """The versions that are offered, the newest first; an older one when somebody picked it."""
    ordered = sorted(versions, key=version_key, reverse=True)
    return (*ordered[:OFFERED], *(each for each in ordered[OFFERED:] if (name, each) in picked))


def chosen(values: Sequence[str]) -> list[Named]:
    """The versions that were chosen to go back to: each is written `policy@version`, and empty where none was."""
    pairs = (value.partition("@") for value in values if value)
    return [(policy, version) for policy, _, version in pairs]

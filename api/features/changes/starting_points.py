"""What a change can begin with: the version in force of a policy, a new policy, or versions to go back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.language.file_text import next_version, with_version
from policy_service.language.load import version_key
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import active_at, all_active_at
from policy_service.registry.service import activations, version_text, versions

NO_STARTING_POINT = Message("There is no such policy in force.")
MAX_OFFERED = 50
"""Versions of a policy that are offered to go back to, the newest; a link may name an older one."""
PolicyVersion = tuple[str, str]
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
class StartingPoint:
    """A policy in force, whose next version a change can begin with."""

    policy: str
    version: str
    title: Bilingual


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """A policy, and its versions that were in force before."""

    policy: str
    versions: tuple[str, ...]
    """The newest first."""
    active: str | None
    """The one in force now."""

    @property
    def is_possible(self) -> bool:
        """True if there is another version than the one in force."""
        return any(version != self.active for version in self.versions)


def starting_points(catalogue: Catalogue, session: Session, now: datetime) -> tuple[StartingPoint, ...]:
    """The policies in force, by name."""
    policies = catalogue.heads_in_force(session, now)
    return tuple(StartingPoint(name, policy.version, policy.title) for name, policy in policies.items())


def starting_text(session: Session, name: str, now: datetime) -> bytes | None:
    """The text that a beginning puts into a draft, with the next version number; None when there is no such one."""
    if name == NEW:
        return SAMPLE
    active = active_at(activations(session, name), name, now, now)
    if active is None:
        return None
    numbers = [each.version for each in versions(session, name)]
    return with_version(version_text(session, active.digest), next_version(numbers))


def rollback_options(
    session: Session, now: datetime, selected: Iterable[PolicyVersion] = ()
) -> tuple[RollbackOptions, ...]:
    """The policies that have been in force, with the versions that were lately and those that are picked, by name."""
    recorded = [each for each in activations(session) if each.is_known_at(now) and each.effective.start <= now]
    active = all_active_at(recorded, now, now)
    in_force_once: dict[str, set[str]] = {}
    for each in (each for each in recorded if not each.is_ending):
        in_force_once.setdefault(each.policy, set()).add(each.version)
    kept_versions = set(selected)
    return tuple(
        RollbackOptions(
            name,
            _offered_versions(name, in_force_once[name], kept_versions),
            active[name].version if name in active and not active[name].is_stop else None,
        )
        for name in sorted(in_force_once)
    )


def _offered_versions(name: str, versions: set[str], selected: set[PolicyVersion]) -> tuple[str, ...]:
    """The versions that are offered, the newest first; an older one when a person picked it."""
    ordered = sorted(versions, key=version_key, reverse=True)
    return (*ordered[:MAX_OFFERED], *(each for each in ordered[MAX_OFFERED:] if (name, each) in selected))


def parse_selected(values: Sequence[str]) -> list[PolicyVersion]:
    """The versions that were chosen to go back to: each is written `policy@version`, and empty where none was."""
    pairs = (value.partition("@") for value in values if value)
    return [(policy, version) for policy, _, version in pairs]

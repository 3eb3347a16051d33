"""The history of a rule over the versions of its policy, and when each version was in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.analysis.rule_history import RuleVersion, rule_history, rule_version
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import Period
from policy_service.registry.snapshot import RegistrySnapshot, Version


@dataclass(frozen=True, slots=True)
class RuleInVersion:
    """The rule in one version of its policy."""

    version: Version
    history: RuleVersion
    periods: tuple[Period, ...]
    """When the version is in force, newest period first."""
    is_active: bool


def read_rule_versions(  # noqa: PLR0913, PLR0917  # where it is read, of what, and when
    session: Session,
    catalogue: Catalogue,
    snapshot: RegistrySnapshot,
    rule: str,
    versions: Sequence[Version],
    now: datetime,
) -> tuple[RuleInVersion, ...]:
    """Return a rule in consecutive versions of a policy, newest first; the oldest is compared with the one before."""
    if not versions:
        return ()
    name, oldest = versions[0].policy, versions[-1]
    listed = snapshot.versions_of(name)
    before = listed[listed.index(oldest) + 1 :][:1]
    history = rule_history([catalogue.load(session, each.digest) for each in (*versions, *before)], rule)
    periods = snapshot.periods(name)
    return tuple(
        _rule_in_version(version, each, periods.get(version.version, ()), now)
        for version, each in zip(versions, history, strict=False)
    )


def read_active_rule(  # noqa: PLR0913, PLR0917  # where it is read, of what, and when
    session: Session, catalogue: Catalogue, snapshot: RegistrySnapshot, name: str, rule: str, now: datetime
) -> RuleInVersion | None:
    """Return a rule in the version in force; None if there is none, or it lacks the rule."""
    piece = snapshot.active(name, now)
    if piece is None:
        return None
    history = rule_version(catalogue.load(session, piece[1].digest), None, rule)
    version = snapshot.version(name, piece[1].version)
    return _rule_in_version(version, history, snapshot.periods(name)[version.version], now) if history.rule else None


def _rule_in_version(version: Version, history: RuleVersion, periods: Sequence[Period], now: datetime) -> RuleInVersion:
    is_active = any(each.covers(now) for each in periods)
    return RuleInVersion(version, history, tuple(reversed(periods)), is_active)

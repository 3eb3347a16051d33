"""The versions that decided, each parsed once, and checked against its digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlmodel import Session

from policy_service.canonical import digest
from policy_service.decisions.record import DecisionRecord
from policy_service.integrity import DamagedRecord
from policy_service.language.policy import Policy
from policy_service.registry import policy_cache
from policy_service.registry.service import UnknownVersion, load_version
from policy_service.registry.tables import VersionRow

Versions = Mapping[str, Policy]
"""The policies that decided something, by name."""


def load_verified(session: Session, name: str) -> Policy:
    """Load a version, checking each time that its text is still the one submitted. Raises UnknownVersion.

    An altered text is parsed again, so that a replay uses it and gives another result.
    """
    row = session.get(VersionRow, name)
    if row is not None and digest(row.content) == name:
        return policy_cache.load(session, name)
    return load_version(session, name)


def versions_of(session: Session, records: Iterable[DecisionRecord]) -> dict[str, Versions]:
    """Return the versions that decided each record, by decision identifier."""
    return {record.decision_id: _versions_used(session, record) for record in records}


def _versions_used(session: Session, record: DecisionRecord) -> Versions:
    versions = {}
    for policy, reference in record.policies.items():
        try:
            versions[policy] = policy_cache.load(session, reference.digest)
        except (DamagedRecord, UnknownVersion):
            continue  # its values are told as they stand
    return versions

"""The versions that decided, each read from its text once, as long as the text is the one that its digest names."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from api.features.decisions.answers import Versions
from policy_service.canonical import digest
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.replay import VersionLoader
from policy_service.language.policy import Policy
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.service import UnknownVersion, load_version
from policy_service.registry.tables import VersionRow


def verified_versions(catalogue: Catalogue) -> VersionLoader:
    """Loads versions, looking every time whether the text is still the one that was submitted.

    What loads them raises UnknownVersion, as `load_version` does; a text that was altered is read anew, so that a
    replay by it comes out as another decision.
    """

    def load(session: Session, name: str) -> Policy:
        row = session.get(VersionRow, name)
        if row is not None and digest(row.content) == name:
            return catalogue.load(session, name)
        return load_version(session, name)

    return load


def versions_of(session: Session, records: Iterable[DecisionRecord], catalogue: Catalogue) -> dict[str, Versions]:
    """The versions that decided each record, by the identifiers of the decisions."""
    return {record.decision_id: _versions_used(session, record, catalogue) for record in records}


def _versions_used(session: Session, record: DecisionRecord, catalogue: Catalogue) -> Versions:
    versions = {}
    for policy, reference in record.policies.items():
        try:
            versions[policy] = catalogue.load(session, reference.digest)
        except UnknownVersion:
            continue  # its values are told as they stand
    return versions

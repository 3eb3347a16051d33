"""The versions visible to a reader: withdrawn texts are only visible to those who read changes."""

from __future__ import annotations

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from policy_service.access import check_permission
from policy_service.actor import Actor
from policy_service.approval.withdrawn_versions import withdrawn_versions
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import RegistrySnapshot


def visible_versions(catalogue: Catalogue, session: Session, reader: Actor) -> RegistrySnapshot:
    """Return the registry's versions visible to a reader."""
    may_read_all = check_permission(reader, PERMISSIONS["GET", "/v1/changes/{change}"]) is True
    return catalogue.snapshot(session, () if may_read_all else withdrawn_versions(session))

"""The versions that a reader may see: texts that were taken back are for those who read changes."""

from __future__ import annotations

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS
from policy_service.access import check_permission
from policy_service.actor import Actor
from policy_service.approval.withdrawn_versions import withdrawn_versions
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import RegistrySnapshot


def hidden_versions(session: Session, reader: Actor) -> frozenset[str]:
    """Return the digests of versions that a reader may not read."""
    if check_permission(reader, PERMISSIONS["GET", "/v1/changes/{change}"]) is True:
        return frozenset()
    return withdrawn_versions(session)


def visible_versions(catalogue: Catalogue, session: Session, request: Request) -> RegistrySnapshot:
    """Return what the registry holds, as far as the caller may read it."""
    return catalogue.snapshot(session, hidden_versions(session, principal_of(request).actor))

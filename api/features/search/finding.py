"""The kinds that a reader may search, and the matches, for pages and endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from api.auth.visible_versions import visible_versions
from api.service import Service
from policy_service.access import check_permission
from policy_service.actor import Actor
from policy_service.search import Hit, SearchKind, search

ROUTES: Mapping[SearchKind, str] = {
    SearchKind.SUBJECT: "/v1/subjects/{subject:text}/decisions",
    SearchKind.DECISION: "/v1/decisions/{decision}",
    SearchKind.POLICY: "/v1/policies/{domain}/{policy}",
    SearchKind.RULE: "/v1/policies/{domain}/{policy}/rules/{rule}/history",
    SearchKind.CHANGE: "/v1/changes/{change}",
    SearchKind.ENTRY: "/v1/audit/{seq}",
}
"""The route that reads one item of a kind; access to it permits searching that kind."""


def find(service: Service, session: Session, reader: Actor, text: str) -> Mapping[SearchKind, tuple[Hit, ...]]:
    """Return the matches of the kinds that a reader may read."""
    kinds = [kind for kind, path in ROUTES.items() if check_permission(reader, PERMISSIONS["GET", path]) is True]
    return search(session, visible_versions(service.catalogue, session, reader), text, kinds, service.now())

"""`/audit/checkpoints` and `/audit/public-key.pem`: what was signed, and the key that signatures are verified with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.cursors import close_cursor, open_number
from api.pages.audit.trail import TO_LOG, Trail
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.rendering import Pages
from api.problems import CONFLICT, ProblemError
from api.transactions import reading
from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.keys import PublicKey, public_key
from policy_service.audit.service import checkpoints, signing_keys
from policy_service.sentences import Sentence

PAGE = 50
COLUMNS = (
    Column("size", Sentence("Entries")),
    Column("at", Sentence("Signed")),
    Column("root", Sentence("Root of the tree")),
    Column("head", Sentence("Digest of the last entry")),
    Column("key", Sentence("Key")),
)
NO_KEY = Sentence("the log has no signing key: run `policy-service init`")


@dataclass(frozen=True, slots=True)
class Signed:
    """One checkpoint."""

    size: int
    at: datetime
    root: str
    head: str
    key: int | None
    """The number of the key, from 1; None when the log names no such key."""


@dataclass(frozen=True, slots=True)
class CheckpointsPage:
    """What was signed, newest first, and the keys it was signed with."""

    template: ClassVar[str] = "audit/checkpoints.html"
    frame: Frame
    listing: Listing
    checkpoints: tuple[Signed, ...]
    keys: tuple[PublicKey, ...]
    """In the order in which they were taken into use; the last one is in use."""
    trail: Trail = TO_LOG


def add_signed(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.get("/audit/checkpoints")
    async def listed(request: Request) -> Response:
        """The checkpoints."""
        cursor = request.query_params.get("cursor") or None
        before = open_number(cursor)
        found, keys = await reading(
            pages.service, lambda session: (checkpoints(session, before, PAGE + 1), _keys(session))
        )
        more = close_cursor(str(found[PAGE - 1].extent.size)) if len(found) > PAGE else None
        listing = Listing("/audit/checkpoints", {}, COLUMNS, "", cursor, more)
        shown = tuple(_shown(each, keys) for each in found[:PAGE])
        return pages.show(CheckpointsPage(pages.frame(request), listing, shown, keys))

    @router.get("/audit/public-key.pem")
    async def key() -> Response:
        """The public key in use, as PEM."""
        keys = await reading(pages.service, _keys)
        if not keys:
            raise ProblemError(CONFLICT, NO_KEY)
        headers = {"content-disposition": 'attachment; filename="policy-service.pub.pem"', "cache-control": "no-store"}
        return Response(keys[-1].to_pem(), headers=headers, media_type="application/x-pem-file")


def _keys(session: Session) -> tuple[PublicKey, ...]:
    bodies: list[dict[str, Any]] = signing_keys(session)
    return tuple(public_key(body["public_key"]) for body in bodies)


def _shown(signed: SignedExtent, keys: Sequence[PublicKey]) -> Signed:
    number = next((number for number, key in enumerate(keys, 1) if key.id == signed.key), None)
    extent = signed.extent
    return Signed(extent.size, datetime.fromisoformat(signed.at), extent.root, extent.head, number)

"""`/static/{name}`: style sheets and scripts, each under one name; nothing is fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.problems import NOT_FOUND, ProblemError

FOLDER = Path(__file__).parent.parent / "static"
KINDS: Final[Mapping[str, str]] = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES: Final[Mapping[str, tuple[bytes, str]]] = {
    file.name: (file.read_bytes(), KINDS[file.suffix]) for file in sorted(FOLDER.iterdir()) if file.suffix in KINDS
}
VERSION: Final = sha256(b"".join(content for content, _ in FILES.values())).hexdigest()[:12]
"""Stands in every link to one of them, so that a browser may keep what it has fetched for ever."""
FOR_EVER = "public, max-age=31536000, immutable"


def static_routes() -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name}")
    async def static(request: Request, name: str) -> Response:
        """One file."""
        if (found := FILES.get(name)) is None:
            raise ProblemError(NOT_FOUND, "no such address")
        content, kind = found
        kept = FOR_EVER if request.query_params.get("v") == VERSION else "no-cache"
        return Response(content, headers={"cache-control": kept}, media_type=kind)

    return router

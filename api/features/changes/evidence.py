"""The evidence of a change as a download, for the page and for REST."""

from __future__ import annotations

from urllib.parse import quote

from sqlmodel import Session
from starlette.responses import Response

from policy_service.approval import service as approval


def evidence_response(session: Session, change: str) -> Response:
    """Return the file that stands behind a change, never shown in the browser. Raises UnknownChange, DamagedRecord."""
    evidence, content = approval.read_evidence(session, approval.read_change(session, change))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(evidence.name, safe='')}",
    }
    return Response(content, headers=headers, media_type=evidence.media_type)

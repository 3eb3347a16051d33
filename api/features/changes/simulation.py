"""The stored effect and the evidence of a change, for pages and endpoints."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from urllib.parse import quote

from sqlmodel import Session
from starlette.responses import Response

from api.service import Service
from api.web.parameters import check_day
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read, run_write
from policy_service.actor import SIGNING_ROLES, Actor
from policy_service.approval import service as approval
from policy_service.audit.events import ListExported
from policy_service.audit.log import append
from policy_service.messages import Message
from policy_service.population.actual_effect import EffectComparison, comparable_days, compare_effect


def may_read_subjects(actor: Actor) -> bool:
    """Return True if the reader may see subjects in effects: signers may, authors of policies may not."""
    return bool(actor.roles & frozenset(SIGNING_ROLES))


def read_effect(session: Session, change: str) -> approval.Effect:
    """Return the effect submitted with a change. Raises UnknownChange, ProblemError if it has none."""
    effect = approval.read_effect(session, approval.read_change(session, change))
    if effect is None:
        raise ProblemError(
            NOT_FOUND, Message("The change has no simulation: it is a draft, or from before there were any.")
        )
    return effect


def read_movers(session: Session, change: str) -> bytes:
    """Return every subject that a change moves, as CSV in UTF-8. Raises UnknownChange, ProblemError."""
    return approval.read_movers(session, read_effect(session, change))


def read_comparison(session: Session, service: Service, change: str, day: date | None) -> EffectComparison:
    """Return the expected and actual effect of a change until a day, or now.

    Raises UnknownChange, OperationRejected if it was not in force yet, ProblemError for a day on which it was not.
    """
    first, last = comparable_days(approval.read_change(session, change), service.now(), service.zone)
    check_day("day", day or last, first, last)
    return compare_effect(session, read_effect(session, change), day or last)


async def export(service: Service, actor: Actor, name: str, change: str, read: Callable[[Session], bytes]) -> bytes:
    """Return a CSV file of a change from `read`.

    An entry of the log records the access, which may disclose subjects. Raises what `read` does, and
    DatabaseUnavailable.
    """
    content = await run_read(service, read)
    rows = max(0, content.count(b"\n") - 1)
    event = ListExported(f"/changes/{{change}}/{name}", "csv", rows, is_complete=True, filters={"change": change})
    await run_write(service, lambda transaction: append(transaction, actor, event))
    return content


def evidence_response(session: Session, change: str) -> Response:
    """Return the evidence file of a change as a download. Raises UnknownChange, DamagedRecord."""
    evidence, content = approval.read_evidence(session, approval.read_change(session, change))
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(evidence.name, safe='')}"}
    return Response(content, headers=headers, media_type=evidence.media_type)

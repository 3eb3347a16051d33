"""The stored effect and the evidence of a change, for pages and for programs."""

from __future__ import annotations

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
from policy_service.population.actual_effect import EffectComparison, comparable_days, compare_effect, to_csv
from policy_service.population.effect_document import workload_csv


def may_read_subjects(actor: Actor) -> bool:
    """True if the reader may see what is decided about whom: those who sign may, those who write policies may not."""
    return bool(actor.roles & frozenset(SIGNING_ROLES))


def read_effect(session: Session, change: str) -> approval.Effect:
    """The effect that was submitted with a change. Raises UnknownChange, ProblemError when it has none."""
    effect = approval.read_effect(session, approval.read_change(session, change))
    if effect is None:
        raise ProblemError(
            NOT_FOUND, Message("The change has no simulation: it is a draft, or from before there were any.")
        )
    return effect


async def export_movers(service: Service, actor: Actor, change: str) -> bytes:
    """Every subject that a change moves, as CSV in UTF-8; an entry of the log records it, as it discloses them.

    Raises UnknownChange, ProblemError, DatabaseUnavailable.
    """
    movers = await run_read(service, lambda session: approval.read_movers(session, read_effect(session, change)))
    await _tell_of_export(service, actor, "movers", change, movers)
    return movers


async def export_workload(service: Service, actor: Actor, change: str) -> bytes:
    """The work that a change gives to each role, as CSV in UTF-8; an entry of the log tells of it.

    Raises UnknownChange, ProblemError, DatabaseUnavailable.
    """
    content = await run_read(service, lambda session: workload_csv(read_effect(session, change).document))
    await _tell_of_export(service, actor, "workload", change, content)
    return content


def read_comparison(session: Session, service: Service, change: str, day: date | None) -> EffectComparison:
    """What came of a change until a day, or until now, beside what was expected.

    Raises UnknownChange, OperationRejected when it was not in force yet, ProblemError for a day on which it was not.
    """
    first, last = comparable_days(approval.read_change(session, change), service.now(), service.zone)
    check_day("day", day or last, first, last)
    return compare_effect(session, read_effect(session, change), day or last)


async def export_comparison(service: Service, actor: Actor, change: str, day: date | None) -> bytes:
    """The same as CSV in UTF-8; an entry of the log tells of it. Raises what `read_comparison` does."""
    content = await run_read(service, lambda session: to_csv(read_comparison(session, service, change, day)))
    await _tell_of_export(service, actor, "actual-effect", change, content)
    return content


async def _tell_of_export(service: Service, actor: Actor, name: str, change: str, content: bytes) -> None:
    rows = max(0, content.count(b"\n") - 1)
    event = ListExported(f"/changes/{{change}}/{name}", "csv", rows, True, {"change": change})  # noqa: FBT003  # whole
    await run_write(service, lambda transaction: append(transaction, actor, event))


def evidence_response(session: Session, change: str) -> Response:
    """Return the file that stands behind a change, never shown in the browser. Raises UnknownChange, DamagedRecord."""
    evidence, content = approval.read_evidence(session, approval.read_change(session, change))
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(evidence.name, safe='')}"}
    return Response(content, headers=headers, media_type=evidence.media_type)

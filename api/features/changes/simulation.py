"""The stored effect of a change, for pages and for programs."""

from __future__ import annotations

from sqlmodel import Session

from api.service import Service
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read, run_write
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import Effect
from policy_service.audit.events import ListExported
from policy_service.audit.log import append
from policy_service.messages import Message


def read_effect(session: Session, change: str) -> Effect:
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
    event = ListExported("/changes/{change}/movers", "csv", max(0, movers.count(b"\n") - 1), True, {"change": change})  # noqa: FBT003  # whole
    await run_write(service, lambda transaction: append(transaction, actor, event))
    return movers

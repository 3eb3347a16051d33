"""`/decisions/{decision}`: one decision with its rules, versions and signatures, its replay and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from sqlmodel import Session
from starlette.responses import Response

from api.auth.permissions import may_read
from api.features.decisions.listing import DECISIONS, decision_address
from api.kit.context import PageContext, attachment
from api.kit.formats import UUID_TEXT
from api.kit.frame import Page
from api.kit.page_route import PageRoute
from api.kit.table import table_page
from api.web.problems import CONFLICT, NOT_FOUND, ProblemError
from policy_service.decision_detail import DecisionDetail, read_decision_detail
from policy_service.decisions.block_store import prove_decision
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import read_decision
from policy_service.messages import Message


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A decision in full."""

    template: ClassVar[str] = "decisions/one.html"
    detail: DecisionDetail
    may_read_changes: bool
    """True if the reader may open changes and suspensions."""
    may_read_log: bool
    """True if the reader may open entries of the log."""


def decision_id(text: str) -> str:
    """Return the identifier of a decision in an address. Raises ProblemError if it is invalid."""
    if not UUID_TEXT.fullmatch(text):
        raise ProblemError(NOT_FOUND, Message("There is no such decision."))
    return text


def decision_page(session: Session, context: PageContext, decision: str) -> DecisionPage:
    """Return the page of a decision. Raises UnknownDecision, ProblemError."""
    service, record = context.service, _read(session, decision_id(decision))
    return DecisionPage(
        read_decision_detail(session, service.fact_cipher, service.settings.keys, record, context.frame.lang),
        may_read(context.actor, "/changes/{change}"),
        may_read(context.actor, "/audit/entries/{seq}"),
    )


def _read(session: Session, decision: str) -> DecisionRecord:
    """Return the record. Raises UnknownDecision, ProblemError if the stored record is damaged."""
    try:
        return read_decision(session, decision)
    except (ValueError, KeyError, TypeError, AttributeError):
        message = Message("The record of this decision was altered: the stored bytes are not a record.")
        raise ProblemError(CONFLICT, message) from None


def show_list(session: Session, context: PageContext) -> Page | Response:
    """Show the matching decisions, or redirect to the one whose identifier was typed."""
    if address := decision_address(session, context.params.get("q", "")):
        return context.pages.redirect(address)
    return table_page(DECISIONS, session, context)


def send_proof(session: Session, _: PageContext, decision: str) -> Response:
    """Send the proof of one decision, for a reader who only has the public key."""
    name = decision_id(decision)
    read_decision(session, name)
    content = msgspec.json.encode(prove_decision(session, name))
    return attachment(content, f"proof-{name}.json", "application/json")


ROUTES = (
    PageRoute("/decisions", show_list),
    PageRoute("/decisions/{decision}", decision_page),
    PageRoute("/decisions/{decision}/proof.json", send_proof),
)

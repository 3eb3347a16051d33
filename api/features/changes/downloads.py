"""Files of a change: `…/texts/{text}`, `…/evidence`; whom it moves, what work it makes and what came of it, as CSV."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session
from starlette.responses import Response

from api.features.changes.actual_effect import requested_day
from api.features.changes.simulation import evidence_response, export, read_comparison, read_effect, read_movers
from api.kit.context import PageContext, attachment
from api.kit.page_route import PageRoute
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.approval import service as approval
from policy_service.language.file_text import file_name
from policy_service.messages import Message
from policy_service.population.actual_effect import to_csv
from policy_service.population.effect_document import workload_csv


def send_text(session: Session, _: PageContext, change: str, text: str) -> Response:
    """Send the file under a digest, of the draft as it is or as it was before."""
    content = _text(session, change, text)
    return attachment(content, file_name(content), "application/yaml")


def send_evidence(session: Session, _: PageContext, change: str) -> Response:
    """Send the file that stands behind first versions."""
    return evidence_response(session, change)


def _csv_route(name: str, read: Callable[[Session, PageContext, str], bytes]) -> PageRoute:
    async def send_csv(context: PageContext, change: str) -> Response:
        content = await export(context.service, context.actor, name, change, lambda s: read(s, context, change))
        return attachment(content, f"{name}-{change}.csv", "text/csv; charset=utf-8")

    return PageRoute(f"/changes/{{change}}/{name}.csv", send_csv)


def _actual_effect(session: Session, context: PageContext, change: str) -> bytes:
    return to_csv(read_comparison(session, context.service, change, requested_day(context)))


def _text(session: Session, change_id: str, text: str) -> bytes:
    change = approval.read_change(session, change_id)
    if not any(acted.draft and text in acted.draft.texts for acted in change.actions):
        raise ProblemError(NOT_FOUND, Message("The change holds no such text."))
    return approval.read_text(session, text)


ROUTES = (
    PageRoute("/changes/{change}/texts/{text}", send_text),
    PageRoute("/changes/{change}/evidence", send_evidence),
    _csv_route("actual-effect", _actual_effect),
    _csv_route("movers", lambda session, _, change: read_movers(session, change)),
    _csv_route("workload", lambda session, _, change: workload_csv(read_effect(session, change).document)),
)

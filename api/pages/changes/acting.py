"""`POST /changes/{change}/…`: a change is submitted, signed, sent back, rejected, withdrawn, scheduled, cancelled.

What is refused is told on the dossier itself, beside the form it came from, with what was typed; the password has to be
entered again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import confirmed_actor
from api.heads import warm_heads
from api.pages.changes.dossier import Dossier, dossier
from api.pages.confirming import Password, Reason
from api.pages.forms import Filled, Form, FormModel
from api.pages.rendering import Do, Made, Pages
from api.pages.sending import sent
from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.service import Change, Meaning, Unfit
from policy_service.database import Transaction

Given = TypeVar("Given", bound=BaseModel)


class Nothing(FormModel):
    """A form without fields of its own."""


class Why(FormModel):
    """Why something is done."""

    reason: Reason


class SignOff(FormModel):
    """A signature on the digest that was read."""

    role: Role
    meaning: Meaning
    reason: Reason
    digest: Annotated[str, Field(max_length=100)]
    password: Password | None = None


class WithReason(Protocol):
    """Something that is done to a change, for a reason."""

    def __call__(self, transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
        """Does it; gives the change afterwards."""
        ...


WITH_REASON: Mapping[str, tuple[str, WithReason]] = {
    "request-changes": ("request-changes", approval.request_changes),
    "reject": ("rejected", approval.reject),
    "withdraw": ("withdrawn", approval.withdraw),
    "cancel": ("cancelled", approval.cancel),
}
"""The acts that take a reason and nothing else, by the end of their address; each with the word of its notice."""


def acting_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/changes/{change}")
    _add_submitting(router, pages)
    _add_signing(router, pages)
    _add_scheduling(router, pages)
    for name, (done, act) in WITH_REASON.items():
        router.post(f"/{name}")(_with_reason(pages, name, done, act))
    return router


def _add_submitting(router: APIRouter, pages: Pages) -> None:
    @router.post("/submit")
    async def submit(request: Request, change: str) -> Response:
        """Freezes a draft; what is wrong with it is told all at once."""
        actor = asker(request).actor
        faults: list[Mapping[str, Any]] = []

        async def prepare(_: Nothing, form: Form) -> Do:
            try:
                prepared = await pages.examiner.prepare(change, form.etag)
            except Unfit as unfit:
                faults.extend(unfit.diagnostics)
                raise
            return lambda t: _done(approval.submit(t, actor, prepared, expected=form.etag), "submitted")

        return await act_on(pages, request, change, "submit", Nothing, prepare, faults)


def _add_signing(router: APIRouter, pages: Pages) -> None:
    @router.post("/sign-offs")
    async def sign_off(request: Request, change: str) -> Response:
        """Signs what was submitted, after whoever signs has proved again who they are."""

        async def prepare(given: SignOff, _: Form) -> Do:
            actor = await confirmed_actor(pages.service, request, given.password)
            said = given.model_dump(include={"role", "meaning", "reason", "digest"})
            return lambda t: _done(approval.sign_off(t, actor, change, **said), "signed")

        return await act_on(pages, request, change, "sign-offs", SignOff, prepare)


def _add_scheduling(router: APIRouter, pages: Pages) -> None:
    @router.post("/schedule")
    async def schedule(request: Request, change: str) -> Response:
        """Puts a change that everybody who must has signed in force, from the day that was signed."""
        actor = asker(request).actor

        async def prepare(_: Nothing, form: Form) -> Do:
            await warm_heads(pages.service, change)
            return lambda t: _done(approval.schedule(t, actor, change, expected=form.etag), "scheduled")

        return await act_on(pages, request, change, "schedule", Nothing, prepare)


def _with_reason(pages: Pages, name: str, done: str, act: WithReason) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, change: str) -> Response:
        """Does what takes a reason and nothing else."""
        actor = asker(request).actor

        async def prepare(given: Why, form: Form) -> Do:
            return lambda t: _done(act(t, actor, change, reason=given.reason, expected=form.etag), done)

        return await act_on(pages, request, change, name, Why, prepare)

    return endpoint


async def act_on(  # noqa: PLR0913, PLR0917  # what is done to which change, by which form
    pages: Pages,
    request: Request,
    change: str,
    name: str,
    model: type[Given],
    prepare: Callable[[Given, Form], Awaitable[Do]],
    diagnostics: Sequence[Mapping[str, Any]] = (),
) -> Response:
    """Lets a form of the dossier have its effect, or shows the dossier again with what is wrong with it."""
    return await sent(pages, request, model, prepare, Made(dossier_again, (change, name, diagnostics)))


async def dossier_again(  # noqa: PLR0913, PLR0917  # whose dossier, and the form in it that was refused
    pages: Pages,
    request: Request,
    change: str,
    name: str,
    diagnostics: Sequence[Mapping[str, Any]],
    filled: Filled,
) -> Dossier:
    """The dossier with a form that was refused, by the end of its address."""
    return await dossier(pages, request, change, {name: filled}, diagnostics)


def _done(change: Change, word: str) -> str:
    """Where to go on at after something was done."""
    return f"/changes/{change.id}?done={word}"

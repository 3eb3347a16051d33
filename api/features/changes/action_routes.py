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

from api.auth.authentication import principal_of
from api.auth.confirmation import reauthenticate
from api.features.changes.dossier import Dossier, dossier
from api.kit.form_submission import submit_form
from api.kit.forms import Form, FormModel, FormState
from api.kit.reauthentication import Password, Reason
from api.kit.rendering import Command, Pages, WorkerPage
from api.workers.heads import warm_heads
from policy_service.actor import Actor, Role
from policy_service.approval import service as approval
from policy_service.approval.service import Change, Meaning, ValidationFailed
from policy_service.database import Transaction

Values = TypeVar("Values", bound=BaseModel)


class EmptyForm(FormModel):
    """A form without fields of its own."""


class ReasonForm(FormModel):
    """Why something is done."""

    reason: Reason


class SignOffForm(FormModel):
    """A signature on the digest that was read."""

    role: Role
    meaning: Meaning
    reason: Reason
    digest: Annotated[str, Field(max_length=100)]
    password: Password | None = None


class ReasonCommand(Protocol):
    """Something that is done to a change, for a reason."""

    def __call__(self, transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
        """Does it; gives the change afterwards."""
        ...


REASON_COMMANDS: Mapping[str, tuple[str, ReasonCommand]] = {
    "request-changes": ("request-changes", approval.request_changes),
    "reject": ("rejected", approval.reject),
    "withdraw": ("withdrawn", approval.withdraw),
    "cancel": ("cancelled", approval.cancel),
}
"""The acts that take a reason and nothing else, by the end of their address; each with the word of its notice."""


def action_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/changes/{change}")
    _add_submitting(router, pages)
    _add_signing(router, pages)
    _add_scheduling(router, pages)
    for name, (notice, command) in REASON_COMMANDS.items():
        router.post(f"/{name}")(_reason_endpoint(pages, name, notice, command))
    return router


def _add_submitting(router: APIRouter, pages: Pages) -> None:
    @router.post("/submit")
    async def submit(request: Request, change: str) -> Response:
        """Freezes a draft; what is wrong with it is told all at once."""
        actor = principal_of(request).actor
        diagnostics: list[Mapping[str, Any]] = []

        async def prepare(_: EmptyForm, form: Form) -> Command:
            try:
                submission = await pages.draft_checker.prepare(change, form.etag)
            except ValidationFailed as error:
                diagnostics.extend(error.diagnostics)
                raise
            return lambda t: _done_address(approval.submit(t, actor, submission, expected=form.etag), "submitted")

        return await submit_action(pages, request, change, "submit", EmptyForm, prepare, diagnostics)


def _add_signing(router: APIRouter, pages: Pages) -> None:
    @router.post("/sign-offs")
    async def sign_off(request: Request, change: str) -> Response:
        """Signs what was submitted, after whoever signs has proved again who they are."""

        async def prepare(values: SignOffForm, _: Form) -> Command:
            actor = await reauthenticate(pages.service, request, values.password)
            fields = values.model_dump(include={"role", "meaning", "reason", "digest"})
            return lambda t: _done_address(approval.sign_off(t, actor, change, **fields), "signed")

        return await submit_action(pages, request, change, "sign-offs", SignOffForm, prepare)


def _add_scheduling(router: APIRouter, pages: Pages) -> None:
    @router.post("/schedule")
    async def schedule(request: Request, change: str) -> Response:
        """Puts a change that everybody who must has signed in force, from the day that was signed."""
        actor = principal_of(request).actor

        async def prepare(_: EmptyForm, form: Form) -> Command:
            await warm_heads(pages.service, change)
            return lambda t: _done_address(approval.schedule(t, actor, change, expected=form.etag), "scheduled")

        return await submit_action(pages, request, change, "schedule", EmptyForm, prepare)


def _reason_endpoint(
    pages: Pages, name: str, notice: str, command: ReasonCommand
) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, change: str) -> Response:
        """Does what takes a reason and nothing else."""
        actor = principal_of(request).actor

        async def prepare(values: ReasonForm, form: Form) -> Command:
            return lambda t: _done_address(command(t, actor, change, reason=values.reason, expected=form.etag), notice)

        return await submit_action(pages, request, change, name, ReasonForm, prepare)

    return endpoint


async def submit_action(  # noqa: PLR0913, PLR0917  # what is done to which change, by which form
    pages: Pages,
    request: Request,
    change: str,
    name: str,
    model: type[Values],
    prepare: Callable[[Values, Form], Awaitable[Command]],
    diagnostics: Sequence[Mapping[str, Any]] = (),
) -> Response:
    """Lets a form of the dossier have its effect, or shows the dossier again with what is wrong with it."""
    return await submit_form(pages, request, model, prepare, WorkerPage(rejected_dossier, (change, name, diagnostics)))


async def rejected_dossier(  # noqa: PLR0913, PLR0917  # whose dossier, and the form in it that was refused
    pages: Pages,
    request: Request,
    change: str,
    name: str,
    diagnostics: Sequence[Mapping[str, Any]],
    form_state: FormState,
) -> Dossier:
    """The dossier with a form that was refused, by the end of its address."""
    return await dossier(pages, request, change, {name: form_state}, diagnostics)


def _done_address(change: Change, notice: str) -> str:
    """Where to go on at after something was done."""
    return f"/changes/{change.id}?done={notice}"

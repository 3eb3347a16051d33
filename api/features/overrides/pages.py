"""`/overrides`: list, read, add and end overrides; adding and ending take a reason and re-authentication."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.features.overrides.detail import EndForm, SignForm, override_id, override_page
from api.features.overrides.listing import PATH
from api.features.overrides.new_override import (
    OverrideSubmission,
    new_override_page,
    prefilled_form,
    read_override_form,
)
from api.kit.form_action import FormAction, FormRequest
from api.kit.forms import CODE, FormState, read_form
from api.kit.frame import Page, with_rejected
from api.kit.page_route import PageRoute
from api.kit.rendering import Command, Pages, WorkerPage
from api.web.transactions import run_read
from api.workers.preparation import prepared_override, warm_heads
from policy_service.database import Transaction
from policy_service.decisions.override_store import end_override
from policy_service.messages import Message
from policy_service.overrides.service import record_override, sign_override

NOTICES = {
    "runs": Message("The override is in effect from now on."),
    "provisional": Message("The override is in effect for now. It lapses unless the others sign in time."),
    "waiting": Message("The override is recorded. It takes effect once the others have signed."),
    "signed": Message("You signed the override."),
    "ended": Message("The override was ended; the rules apply again."),
}
PREFILLED = ("subject", "policy")
"""What an address may begin a form with."""


async def show_new(pages: Pages, request: Request) -> Response:
    """Show the form, begun by what the address names."""
    query = {name: value for name, value in request.query_params.items() if name in PREFILLED}
    form = prefilled_form(pages.new_form(), query)
    page = await render_new(pages, request, form)
    if form.errors:
        return pages.render(with_rejected(page, form), HTTPStatus.UNPROCESSABLE_ENTITY)
    return pages.render(page)


async def create(pages: Pages, request: Request) -> Response:
    """Make an override."""
    service, form, form_page = pages.service, await read_form(request), WorkerPage(render_new)
    lang = pages.frame(request).lang
    await warm_heads(service)
    submission = await run_read(service, lambda session: read_override_form(service, session, form, lang))
    if not isinstance(submission, OverrideSubmission):
        return await pages.render_invalid(request, form_page, form.bind(submission), HTTPStatus.UNPROCESSABLE_ENTITY)

    async def prepare() -> Command:
        actor = await reauthenticate(service, request, submission.password, form.value(CODE))
        prepared = await prepared_override(service, actor, submission.override)

        def command(transaction: Transaction) -> str:
            override = record_override(transaction, actor, prepared)
            return f"{PATH}/{override.id}?done={override.state(transaction.now)}"

        return command

    return await pages.execute(request, form, prepare, form_page)


def _sign(transaction: Transaction, form: FormRequest[SignForm]) -> None:
    fields = form.values.model_dump(exclude={"password"})
    sign_override(transaction, form.actor, override_id(form.path["override"]), **fields)


def _end(transaction: Transaction, form: FormRequest[EndForm]) -> None:
    fields = form.values.model_dump(exclude={"password"})
    end_override(transaction, form.actor, override_id(form.path["override"]), **fields)


async def render_new(pages: Pages, request: Request, form: FormState) -> Page:
    """The form of an override, as far as it is filled in."""
    service, frame = pages.service, pages.frame(request)
    return await run_read(service, lambda session: new_override_page(service, session, request, frame, form))


async def render_one(
    pages: Pages, request: Request, override: str, form: FormState, *, action: str | None = None
) -> Page:
    """An override, with the form that signs it or the one that ends it."""
    service, name = pages.service, override_id(override)
    action = request.query_params.get("act", "") if action is None else action
    frame = pages.frame(request, NOTICES)
    return await run_read(service, lambda session: override_page(service, session, request, frame, name, action, form))


SIGN = FormAction(
    f"{PATH}/{{override}}/sign",
    SignForm,
    page=partial(render_one, action="sign"),
    command=_sign,
    done=lambda form, _: f"{PATH}/{form.path['override']}?done=signed",
    confirm=True,
    in_worker=True,
)
END = FormAction(
    f"{PATH}/{{override}}/end",
    EndForm,
    page=partial(render_one, action="end"),
    command=_end,
    done=lambda form, _: f"{PATH}/{form.path['override']}?done=ended",
    confirm=True,
    in_worker=True,
)
ROUTES = (
    PageRoute(f"{PATH}/new", show_new),
    PageRoute(f"{PATH}/{{override}}", render_one, prefilled=()),
    PageRoute(PATH, create, method="POST"),
    SIGN,
    END,
)

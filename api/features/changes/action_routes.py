"""`POST /changes/{change}/…`: a change is submitted, signed, sent back, rejected, withdrawn, scheduled or discussed.

A refusal is shown on the dossier itself, beside the form it came from, with what was typed; the password has to be
entered again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import Response

from api.features.changes.actions import FORMS, CommentForm, ReasonForm, SignOffForm
from api.features.changes.analysis import needs_analysis, start_analysis
from api.features.changes.dossier import dossier
from api.kit.form_action import EmptyForm, FormAction, FormRequest, page_with_form
from api.workers.preparation import checked_submission, require_undrifted, warm_heads
from policy_service.approval import service as approval
from policy_service.approval.service import Change, ChangeState
from policy_service.database import Transaction


async def _check_draft(form: FormRequest[EmptyForm]) -> approval.PreparedSubmission | None:
    if await form.context.read(lambda session: needs_analysis(session, form.path["change"])):
        return None
    return await checked_submission(form.service, form.path["change"], form.etag)


def _submit(transaction: Transaction, form: FormRequest[EmptyForm]) -> Change:
    if form.prepared is None:
        return approval.analyse(transaction, form.actor, form.path["change"], expected=form.etag)
    return approval.submit(transaction, form.actor, form.prepared, expected=form.etag)


def _start_analysis(form: FormRequest[EmptyForm], response: Response, change: Change | None) -> Response:
    if change is not None and change.state is ChangeState.UNDER_ANALYSIS:
        response.background = BackgroundTask(
            start_analysis, form.service, form.context.pages.jobs, form.actor, change.id
        )
    return response


def _sign_off(transaction: Transaction, form: FormRequest[SignOffForm]) -> Change:
    fields = form.values.model_dump(exclude={"password", "then"})
    change = approval.sign_off(transaction, form.actor, form.path["change"], **fields)
    if form.values.then is None:
        return change
    return approval.schedule(transaction, form.actor, change.id, expected=change.etag)


async def _prepare_review(form: FormRequest[Any]) -> None:
    await require_undrifted(form.service, form.path["change"])
    await warm_heads(form.service, form.path["change"])


def _schedule(transaction: Transaction, form: FormRequest[EmptyForm]) -> Change:
    return approval.schedule(transaction, form.actor, form.path["change"], expected=form.etag)


def _comment(transaction: Transaction, form: FormRequest[CommentForm]) -> None:
    approval.comment(transaction, form.actor, form.path["change"], form.values.text)


def _with_reason(command: Callable[..., Change]) -> Callable[[Transaction, FormRequest[ReasonForm]], Change]:
    def run(transaction: Transaction, form: FormRequest[ReasonForm]) -> Change:
        change, reason, expected = form.path["change"], form.values.reason, form.etag
        return command(transaction, form.actor, change, reason=reason, expected=expected)

    return run


def _action(  # noqa: PLR0913  # what a form does
    name: str,
    notice: str,
    command: Callable[[Transaction, FormRequest[Any]], object],
    prepare: Callable[[FormRequest[Any]], Awaitable[Any]] | None = None,
    *,
    confirm: bool = False,
    answer: Callable[[FormRequest[Any], Response, Any], Response] | None = None,
) -> FormAction[Any]:
    return FormAction(
        f"/changes/{{change}}/{name}",
        FORMS[name],
        page=partial(page_with_form, page=dossier, name=name),
        command=command,
        done=lambda form, _: f"/changes/{form.path['change']}?done={getattr(form.values, 'then', None) or notice}",
        prepare=prepare,
        confirm=confirm,
        answer=answer,
        in_worker=True,
    )


ROUTES = (
    _action("submit", "submitted", _submit, _check_draft, answer=_start_analysis),
    _action("sign-offs", "signed", _sign_off, _prepare_review, confirm=True),
    _action("schedule", "scheduled", _schedule, _prepare_review),
    _action("request-changes", "request-changes", _with_reason(approval.request_changes)),
    _action("reject", "rejected", _with_reason(approval.reject)),
    _action("withdraw", "withdrawn", _with_reason(approval.withdraw)),
    _action("cancel", "cancelled", _with_reason(approval.cancel)),
    _action("end-analysis", "analysis-ended", _with_reason(approval.end_analysis)),
    _action("comments", "commented#discussion", _comment),
)

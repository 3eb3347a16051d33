"""Signed writes: the signer of a request's body is re-authenticated, and its command runs once, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.service import Service
from api.web.idempotent_writes import WriteResult, run_write_command
from api.web.json_body import read_json_body
from api.web.schemas import SignedBody
from policy_service.actor import Actor
from policy_service.database import Transaction

SignedCommand = Callable[[Transaction, Actor, dict[str, Any]], WriteResult]
"""A command of a signer, with the fields of the body but the password."""


async def run_signed_command(
    service: Service, request: Request, body_type: type[SignedBody], command: SignedCommand
) -> Response:
    """Read the body, re-authenticate its signer, and run the command.

    Raises as `read_json_body`, `reauthenticate` and `run_write_command`.
    """
    body = await read_json_body(request, body_type)
    actor = await reauthenticate(service, request, body.password)
    fields = body.model_dump(exclude={"password"})
    return await run_write_command(service, request, lambda transaction: command(transaction, actor, fields), body)

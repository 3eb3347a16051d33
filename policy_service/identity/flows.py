"""Pending authentications at the identity provider, and what must match when the browser returns.

`state` ties the response to the request, `browser` (a cookie) to the browser, `nonce` the ID token to the request,
`verifier` the code to its requester (PKCE, RFC 7636). Each is valid once, for ten minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col

from policy_service.database import Transaction
from policy_service.identity.errors import ProviderRejected
from policy_service.identity.tables import OidcFlowRow
from policy_service.identity.tokens import digest_of, new_token
from policy_service.messages import Message

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class OidcFlow:
    """One authentication at the provider; `session` is the session to confirm, if any."""

    state: str
    browser: str
    nonce: str
    verifier: str
    started_at: datetime
    session: str | None = None


def begin(transaction: Transaction, session: str | None = None) -> OidcFlow:
    """Store a new flow, for a person who is redirected to the provider."""
    now = transaction.now
    transaction.session.exec(delete(OidcFlowRow).where(col(OidcFlowRow.started_at) < now - LIFETIME))
    flow = OidcFlow(new_token(), new_token(), new_token(), new_token(), now, session)
    transaction.session.add(
        OidcFlowRow(
            state=digest_of(flow.state),
            browser=digest_of(flow.browser),
            nonce=flow.nonce,
            verifier=flow.verifier,
            started_at=now,
            session=session,
        )
    )
    transaction.session.flush()
    return flow


def finish(transaction: Transaction, state: str, browser: str) -> OidcFlow | None:
    """Return and delete the flow that matches; None if none does."""
    row = transaction.session.get(OidcFlowRow, digest_of(state))
    if row is None:
        return None
    flow = OidcFlow(state, browser, row.nonce, row.verifier, row.started_at, row.session)
    is_valid = row.browser == digest_of(browser) and transaction.now - row.started_at <= LIFETIME
    transaction.session.delete(row)
    transaction.session.flush()
    return flow if is_valid else None


def require_flow(flow: OidcFlow | None) -> OidcFlow:
    """Return the flow. Raises ProviderRejected if there is none."""
    if flow is None:
        raise ProviderRejected(
            Message("this sign-in was not begun here, or was finished before, or took too long: begin again")
        )
    return flow

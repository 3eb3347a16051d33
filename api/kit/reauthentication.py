"""Re-authentication before a signature: by the password, or at the identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from api.auth.authentication import principal_of
from api.kit.listing import link
from api.service import Service
from policy_service.actor import REAUTHENTICATION_VALIDITY
from policy_service.identity.sessions import OIDC

PROVIDER_CONFIRMATION = "/v1/session/oidc/confirm"


@dataclass(frozen=True, slots=True)
class Reauthentication:
    """The way in which a form that signs re-authenticates."""

    provider_address: str | None
    """Where a form leads to the provider and back; None for anyone who signed in with a password."""
    asks_code: bool = False
    """Whether the password goes with a one-time code."""
    valid_until: datetime | None = None
    """Until when a proof that the provider gave may be used; None when there is none."""

    @property
    def is_ready(self) -> bool:
        """True if the form can be sent: with the password in it, or after the provider said who it is."""
        return self.provider_address is None or self.valid_until is not None


def reauthentication_state(service: Service, request: Request, now: datetime, return_address: str) -> Reauthentication:
    """Return how the caller re-authenticates; `return_address` is where the provider's answer leads."""
    user_session = principal_of(request).user_session
    if user_session is None or user_session.method != OIDC:
        return Reauthentication(None, asks_code=service.settings.second_factor == "required")
    confirmed_at = user_session.confirmed_at
    is_fresh = confirmed_at is not None and now - confirmed_at <= REAUTHENTICATION_VALIDITY
    return Reauthentication(
        link(PROVIDER_CONFIRMATION, next=return_address),
        valid_until=confirmed_at + REAUTHENTICATION_VALIDITY if confirmed_at is not None and is_fresh else None,
    )

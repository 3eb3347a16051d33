"""How somebody proves who they are right before a signature: by the password, or at the provider of identities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr
from starlette.requests import Request

from api.authentication import asker
from api.pages.listing import link
from policy_service.actor import FRESH
from policy_service.identity.sessions import OIDC

ELSEWHERE = "/v1/session/oidc/confirm"
Reason = Annotated[str, Field(max_length=8_000)]
"""What somebody writes beside a signature; the library says how long it may be."""
Password = Annotated[SecretStr, Field(max_length=256)]


@dataclass(frozen=True, slots=True)
class Confirming:
    """What a form that signs asks for."""

    elsewhere: str | None
    """Where a form leads to the provider and back; None for whoever signed in with a password."""
    until: datetime | None = None
    """Until when a proof that the provider gave may be used; None when there is none."""

    @property
    def ready(self) -> bool:
        """Whether the form can be sent: with the password in it, or after the provider said who it is."""
        return self.elsewhere is None or self.until is not None


def confirming(request: Request, now: datetime, back: str) -> Confirming:
    """How whoever asks proves who they are; `back` is where the provider's answer leads."""
    signed_in = asker(request).signed_in
    if signed_in is None or signed_in.method != OIDC:
        return Confirming(None)
    confirmed = signed_in.confirmed_at
    fresh = confirmed is not None and now - confirmed <= FRESH
    return Confirming(link(ELSEWHERE, next=back), confirmed + FRESH if confirmed is not None and fresh else None)

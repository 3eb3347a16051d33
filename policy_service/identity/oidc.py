"""OpenID Connect: the authorization code flow with PKCE, against one provider that the settings name.

    browser → /v1/session/oidc → provider (state, nonce, code_challenge) → /v1/session/oidc/callback (code, state)
    service → provider: code, code_verifier, its own secret → ID token → who it is

The ID token is believed when its signature is by a key of the provider's, its issuer, audience and nonce are those
asked for, and it has not expired (OpenID Connect Core 1.0 section 3.1.3.7). Nobody is made an account by it.

This module alone knows httpx and joserfc, which come with `policy-service[oidc]`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from policy_service.identity.account import External
from policy_service.identity.flows import Flow
from policy_service.identity.refusals import ProviderRefused, ProviderUnavailable
from policy_service.sentences import Sentence

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures that are believed: with a public key, never with the secret, never none."""
LEEWAY = 60
"""Seconds that the provider's clock may differ from ours."""
TIMEOUT = 10.0
"""Seconds the provider may take to answer."""
ON_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """How the provider knows this service."""

    id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Proved:
    """Who came back from the provider, and when they last proved it there, if it says so."""

    external: External
    proved_at: datetime | None


class Provider:
    """One provider of identities."""

    def __init__(self, issuer: str, client: Client, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.issuer = issuer
        self.client = client
        self.transport = transport
        self._facts: Json = {}
        self._keys: KeySet | None = None

    async def address(self, flow: Flow, *, confirm: bool) -> str:
        """Where to send the browser; to confirm, the person has to prove there again who they are.

        Raises ProviderUnavailable.
        """
        asked = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.client.id,
            "redirect_uri": self.client.redirect_uri,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        if confirm:
            asked |= {"prompt": "login", "max_age": "0"}
        where = await self._endpoint("authorization_endpoint")
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    async def person(self, code: str, flow: Flow, now: datetime) -> Proved:
        """Who the code stands for. Raises ProviderRefused, ProviderUnavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": flow.verifier,
        }
        answer = await self._ask("POST", await self._endpoint("token_endpoint"), form)
        claims = await self._claims(str(answer.get("id_token", "")))
        self._check(claims, flow, now)
        at = claims.get("auth_time")
        proved_at = datetime.fromtimestamp(at, UTC) if isinstance(at, int) and 0 < at < 2**40 else None
        if flow.session is not None and not _is_fresh(proved_at, flow.started_at, now):
            raise ProviderRefused(
                Sentence("the provider of identities does not say that you proved who you are just now")
            )
        return Proved(External(self.issuer, str(claims["sub"])), proved_at)

    def _check(self, claims: Json, flow: Flow, now: datetime) -> None:
        """Raises ProviderRefused unless the claims are about this flow, for this service, and of now."""
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        expires, seconds = claims.get("exp"), now.timestamp()
        subject = claims.get("sub")
        fits = (
            claims.get("iss") == self._facts["issuer"]
            and self.client.id in audiences
            and claims.get("azp", self.client.id) == self.client.id
            and (len(audiences) == 1 or "azp" in claims)
            and claims.get("nonce") == flow.nonce
            and isinstance(expires, int)
            and seconds < expires + LEEWAY
            and isinstance(claims.get("iat"), int)
            and claims["iat"] <= seconds + LEEWAY
            and isinstance(subject, str)
            and 0 < len(subject) <= 255  # noqa: PLR2004  # OpenID Connect Core 1.0 section 2
        )
        if not fits:
            raise ProviderRefused(Sentence("what the provider of identities says is not for this sign-in"))

    async def _claims(self, token: str) -> Json:
        """What an ID token says, by a key of the provider's; its keys are asked for again when none fits."""
        for anew in (False, True):
            keys = await self._key_set(anew=anew)
            try:
                return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError, KeyError, TypeError):
                continue
        raise ProviderRefused(Sentence("what the provider of identities says is not signed by it"))

    async def _key_set(self, *, anew: bool) -> KeySet:
        if self._keys is None or anew:
            listed = await self._ask("GET", await self._endpoint("jwks_uri"))
            try:
                self._keys = KeySet.import_key_set({"keys": listed.get("keys", [])})
            except (JoseError, ValueError, KeyError, TypeError):
                raise ProviderUnavailable(Sentence("the provider of identities has no keys that can be read")) from None
        return self._keys

    async def _endpoint(self, name: str) -> str:
        if not self._facts:
            facts = await self._ask("GET", f"{self.issuer}/.well-known/openid-configuration")
            if str(facts.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
                raise ProviderUnavailable(
                    Sentence("the provider of identities calls itself by another name than the settings")
                )
            self._facts = facts
        address = str(self._facts.get(name, ""))
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in ON_THIS_MACHINE:
            raise ProviderUnavailable(
                Sentence("the provider of identities names no address of TLS as its {name}", name=name)
            )
        return address

    async def _ask(self, method: str, address: str, form: dict[str, str] | None = None) -> Json:
        """An answer of the provider's; what is refused is told without what was sent."""
        own = httpx.BasicAuth(self.client.id, self.client.secret) if form is not None else None
        try:
            async with httpx.AsyncClient(transport=self.transport, timeout=TIMEOUT, auth=own) as client:
                answer = await client.request(method, address, data=form)
            found = answer.json()
        except (httpx.HTTPError, ValueError):
            raise ProviderUnavailable(Sentence("the provider of identities does not answer")) from None
        if not isinstance(found, dict) or answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(Sentence("the provider of identities does not answer"))
        if answer.status_code != httpx.codes.OK:
            raise ProviderRefused(Sentence("the provider of identities does not take this sign-in: begin again"))
        return found


def challenge(verifier: str) -> str:
    """What is shown of the verifier beforehand (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _is_fresh(proved_at: datetime | None, started_at: datetime, now: datetime) -> bool:
    if proved_at is None:
        return False
    return (proved_at - started_at).total_seconds() >= -LEEWAY and (proved_at - now).total_seconds() <= LEEWAY

"""OpenID Connect: the authorization code flow with PKCE, against one provider that the settings name.

    browser → /v1/session/oidc → provider (state, nonce, code_challenge) → /v1/session/oidc/callback (code, state)
    service → provider: code, code_verifier, its own secret → ID token → the person

The ID token is accepted if it is signed by a key of the provider, its issuer, audience and nonce are the expected ones,
and it has not expired (OpenID Connect Core 1.0 section 3.1.3.7). It never creates an account.

This is the only module that uses httpx and joserfc, which `policy-service[oidc]` installs.
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

from policy_service.identity.account import ExternalIdentity
from policy_service.identity.errors import ProviderRejected, ProviderUnavailable
from policy_service.identity.flows import OidcFlow
from policy_service.messages import Message

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Accepted signature algorithms: public-key ones only, never the client secret, never none."""
LEEWAY = 60
"""Tolerated difference between the provider's clock and ours, seconds."""
TIMEOUT = 10.0
"""Time limit for the provider's answers, seconds."""
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """The registration of this service at the provider."""

    id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """The person identified by the provider, and when they last authenticated there, if stated."""

    external: ExternalIdentity
    authenticated_at: datetime | None


class Provider:
    """One identity provider."""

    def __init__(self, issuer: str, client: Client, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.issuer = issuer
        self.client = client
        self.transport = transport
        self._metadata: Json = {}
        self._keys: KeySet | None = None

    async def authorization_url(self, flow: OidcFlow, *, confirm: bool) -> str:
        """Return the URL to which the browser is redirected; to confirm, the person must authenticate again."""
        parameters = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.client.id,
            "redirect_uri": self.client.redirect_uri,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": code_challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        if confirm:
            parameters |= {"prompt": "login", "max_age": "0"}
        endpoint = await self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    async def exchange_code(self, code: str, flow: OidcFlow, now: datetime) -> OidcIdentity:
        """Exchange the code for an identity. Raises ProviderRejected, ProviderUnavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": flow.verifier,
        }
        token_response = await self._request("POST", await self._endpoint("token_endpoint"), form)
        claims = await self._claims(str(token_response.get("id_token", "")))
        self._check(claims, flow, now)
        at = claims.get("auth_time")
        authenticated_at = datetime.fromtimestamp(at, UTC) if isinstance(at, int) and 0 < at < 2**40 else None
        if flow.session is not None and not _is_fresh(authenticated_at, flow.started_at, now):
            raise ProviderRejected(Message("the identity provider does not confirm that you re-authenticated"))
        return OidcIdentity(ExternalIdentity(self.issuer, str(claims["sub"])), authenticated_at)

    def _check(self, claims: Json, flow: OidcFlow, now: datetime) -> None:
        """Raise ProviderRejected unless the claims belong to this flow and client, and are current."""
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        expires, seconds = claims.get("exp"), now.timestamp()
        subject = claims.get("sub")
        is_valid = (
            claims.get("iss") == self._metadata["issuer"]
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
        if not is_valid:
            raise ProviderRejected(Message("the answer of the identity provider is not for this sign-in"))

    async def _claims(self, token: str) -> Json:
        """Verify and decode an ID token; the provider's keys are fetched again if none matches."""
        for refresh in (False, True):
            keys = await self._key_set(refresh=refresh)
            try:
                return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError, KeyError, TypeError):
                continue
        raise ProviderRejected(Message("the answer of the identity provider is not signed by it"))

    async def _key_set(self, *, refresh: bool) -> KeySet:
        if self._keys is None or refresh:
            jwks = await self._request("GET", await self._endpoint("jwks_uri"))
            try:
                self._keys = KeySet.import_key_set({"keys": jwks.get("keys", [])})
            except (JoseError, ValueError, KeyError, TypeError):
                raise ProviderUnavailable(Message("the identity provider has no readable keys")) from None
        return self._keys

    async def _endpoint(self, name: str) -> str:
        if not self._metadata:
            metadata = await self._request("GET", f"{self.issuer}/.well-known/openid-configuration")
            if str(metadata.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
                raise ProviderUnavailable(Message("the identity provider states another issuer than the settings"))
            self._metadata = metadata
        address = str(self._metadata.get(name, ""))
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
            raise ProviderUnavailable(Message("the identity provider names no https address as its {name}", name=name))
        return address

    async def _request(self, method: str, address: str, form: dict[str, str] | None = None) -> Json:
        """Return an answer of the provider; an error message does not repeat what was sent."""
        auth = httpx.BasicAuth(self.client.id, self.client.secret) if form is not None else None
        try:
            async with httpx.AsyncClient(transport=self.transport, timeout=TIMEOUT, auth=auth) as client:
                response = await client.request(method, address, data=form)
            payload = response.json()
        except (httpx.HTTPError, ValueError):
            raise ProviderUnavailable(Message("the identity provider does not answer")) from None
        if not isinstance(payload, dict) or response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(Message("the identity provider does not answer"))
        if response.status_code != httpx.codes.OK:
            raise ProviderRejected(Message("the identity provider refused this sign-in: begin again"))
        return payload


def code_challenge(verifier: str) -> str:
    """Return the challenge of the verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _is_fresh(authenticated_at: datetime | None, started_at: datetime, now: datetime) -> bool:
    if authenticated_at is None:
        return False
    return (authenticated_at - started_at).total_seconds() >= -LEEWAY and (
        authenticated_at - now
    ).total_seconds() <= LEEWAY

"""An identity provider for tests: strict about what it is asked, and able to lie in its answers."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.api.client import NOW

ISSUER = "https://identities.example"
CLIENT = "policy-service"
SECRET = "the provider's word for us"  # noqa: S105  # nobody's
BACK = "https://policies.example/v1/session/oidc/callback"
Json = dict[str, Any]


@dataclass
class Provider:
    """What it knows, and how its answers differ from those of an honest one."""

    subject: str = "248289761001"
    claims: Json = field(default_factory=dict)
    discovery: Json = field(default_factory=dict)
    algorithm: str = "ES256"
    broken: str = ""
    """The address that fails."""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "1"}))
    signed_by: ECKey | None = None
    codes: dict[str, Json] = field(default_factory=dict)

    def grant(self, address: str, **request: str) -> str:
        """The code it hands out for what a browser was sent with, after the person proved who they are."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        fields = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert fields["response_type"] == "code"
        assert fields["scope"] == "openid"
        assert (fields["client_id"], fields["redirect_uri"]) == (CLIENT, BACK)
        assert fields["code_challenge_method"] == "S256"
        assert min(len(fields[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        for name, value in request.items():
            assert fields[name] == value
        code = f"code-{len(self.codes)}"
        self.codes[code] = fields
        return code

    def transport(self) -> httpx.MockTransport:
        """The way to it."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What it answers."""
        assert str(request.url).startswith(ISSUER)
        if self.broken and request.url.path == self.broken:
            return httpx.Response(500, text="out of order")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(200, json=self._facts())
            case "/keys":
                return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))
            case "/token":
                return self._token(request)
            case _:
                return httpx.Response(404)

    def _facts(self) -> Json:
        facts = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        return facts | self.discovery

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        own = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        value = self.codes.pop(form["code"], None)
        if value is None or request.headers["authorization"] != f"Basic {own}" or form["redirect_uri"] != BACK:
            return httpx.Response(400, json={"error": "invalid_grant"})
        result = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(result).decode().rstrip("=") != value["code_challenge"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(200, json={"id_token": self._id_token(value), "token_type": "Bearer"})

    def _id_token(self, values: Json) -> str:
        now = int(NOW.timestamp())
        honest: Json = {
            "iss": ISSUER,
            "sub": self.subject,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": values["nonce"],
        }
        claims = {name: value for name, value in (honest | self.claims).items() if value is not None}
        if self.algorithm == "none":
            parts = ({"alg": "none"}, claims)
            return (
                ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
                + "."
            )
        return jwt.encode({"alg": self.algorithm, "kid": "1"}, claims, self.signed_by or self.key)

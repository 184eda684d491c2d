"""Two kinds of a school's single sign-on behind Synapse: CAS, and an OpenID provider.

Whoever sits at the browser is `localpart`; nobody is asked for a password. The provider speaks what
Synapse asks of it: discovery, authorize, token (an ID token signed with RS256), and its keys.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CAS, OPENID = "Вход CAS", "Вход OpenID"
_CLIENT, _KEY_ID = "synapse", "key-1"


@dataclass
class SignOn:
    """Both, as one web application."""

    localpart: str = ""
    url: str = ""
    """Where it is reached, without a slash at the end."""
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    _nonces: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Authorization code → whom it is for, and the nonce; each is good once."""

    def settings(self) -> dict[str, Any]:
        """Return what stands in homeserver.yaml."""
        cas = {"enabled": True, "server_url": self.url, "idp_name": CAS}
        provider = {
            "idp_id": "school",
            "idp_name": OPENID,
            "issuer": self.url,
            "client_id": _CLIENT,
            "client_secret": self._secret,
            "scopes": ["openid"],
            "skip_verification": True,  # it speaks http
            "allow_existing_users": True,
            "user_mapping_provider": {"config": {"localpart_template": "{{ user.sub }}"}},
        }
        return {"cas_config": cas, "oidc_providers": [provider]}

    def application(self) -> web.Application:
        """Return what serves both."""
        made = web.Application()
        made.add_routes(
            [
                web.get("/login", self._cas_login),
                web.get("/p3/serviceValidate", self._cas_validate),
                web.get("/serviceValidate", self._cas_validate),
                web.get("/proxyValidate", self._cas_validate),
                web.get("/.well-known/openid-configuration", self._discovery),
                web.get("/authorize", self._authorize),
                web.post("/token", self._token),
                web.get("/keys", self._keys),
            ]
        )
        return made

    # --- CAS --------------------------------------------------------------------------------

    async def _cas_login(self, request: web.Request) -> web.Response:
        service = request.query["service"]
        mark = "&" if "?" in service else "?"
        raise web.HTTPFound(f"{service}{mark}{urlencode({'ticket': 'ST-invented'})}")

    async def _cas_validate(self, _request: web.Request) -> web.Response:
        return web.Response(
            text='<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">'
            f"<cas:authenticationSuccess><cas:user>{self.localpart}</cas:user>"
            "</cas:authenticationSuccess></cas:serviceResponse>",
            content_type="text/xml",
        )

    # --- OpenID -----------------------------------------------------------------------------

    async def _discovery(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = request.query
        if asked["client_id"] != _CLIENT or asked["response_type"] != "code":
            raise web.HTTPBadRequest
        code = secrets.token_urlsafe(16)
        self._nonces[code] = self.localpart, asked["nonce"]
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        basic = base64.b64encode(f"{_CLIENT}:{self._secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            raise web.HTTPUnauthorized
        localpart, nonce = self._nonces.pop(str((await request.post())["code"]))
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": localpart,
            "aud": _CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": nonce,
        }
        token = {"access_token": "invented", "token_type": "Bearer", "id_token": self._sign(claims)}
        return web.json_response(token)

    async def _keys(self, _request: web.Request) -> web.Response:
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": _KEY_ID, "use": "sig", "alg": "RS256"}
        return web.json_response({"keys": [key | {"n": _number(public.n), "e": _number(public.e)}]})

    def _sign(self, claims: dict[str, Any]) -> str:
        head = {"alg": "RS256", "typ": "JWT", "kid": _KEY_ID}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))

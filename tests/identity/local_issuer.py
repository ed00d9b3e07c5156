"""An OpenID provider on loopback: it publishes real keys, signs real tokens, and can be slow, away or mad."""

import asyncio
import json
import time
import uuid
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey
#: Made once: an RSA key takes a tenth of a second.
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed-1"})


@dataclass
class LocalIssuer:
    """What is served, and what was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [key.as_dict(private=False) for key in (RSA, EC, ED)]
    )
    headers: dict[str, str] = field(default_factory=dict)
    calls_itself: str | None = None
    raw: bytes | None = None
    """Served instead of the key set."""
    status: int = 200
    seconds: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Each request's path, and the status it got."""

    def claims(self, **more: Any) -> dict[str, Any]:
        """Return the claims of a good token; None takes one away."""
        now = int(time.time())
        base = {"iss": self.url, "aud": "maquette", "sub": "ada", "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in {**base, **more}.items() if value is not None}

    def token(
        self, key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **more: Any
    ) -> str:
        """Return a token of these claims, signed."""
        kid = {} if key.kid is None else {"kid": key.kid}
        protected = {"alg": alg, "typ": "JWT", **kid, **(header or {})}
        protected = {name: value for name, value in protected.items() if value is not None}
        payload = json.dumps(self.claims(**more)).encode()
        registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
        with warnings.catch_warnings(action="ignore"):  # of the name `EdDSA`
            return str(jws.serialize_compact(protected, payload, key, registry=registry))

    async def answer(self, request: web.Request) -> web.Response:
        """Serve the two documents."""
        await asyncio.sleep(self.seconds)
        body = self._body(request.path)
        etag = f'"{uuid.uuid5(uuid.NAMESPACE_URL, body.decode("latin-1"))}"'
        status = self.status
        if status == 200 and request.headers.get("if-none-match") == etag:
            status, body = 304, b""
        self.asked.append((request.path, status))
        headers = {"etag": etag, "cache-control": "max-age=60", **self.headers}
        return web.Response(status=status, body=body, headers=headers)

    def _body(self, path: str) -> bytes:
        if path.endswith("/openid-configuration"):
            named = self.calls_itself or self.url
            return json.dumps({"issuer": named, "jwks_uri": f"{self.url}/jwks"}).encode()
        return self.raw if self.raw is not None else json.dumps({"keys": self.keys}).encode()

    @property
    def key_sets(self) -> list[int]:
        """The status of each answer to a request for keys."""
        return [status for path, status in self.asked if path.endswith("/jwks")]


@asynccontextmanager
async def serving() -> AsyncIterator[LocalIssuer]:
    """Serve an issuer on a free port of loopback, below a path as Keycloak does."""
    issuer = LocalIssuer()
    app = web.Application()
    app.router.add_get("/{path:.*}", issuer.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/realms/studio"
    try:
        yield issuer
    finally:
        await runner.cleanup()

"""Bearer tokens of OpenID providers: signed JWTs, as an API gateway's JWT authorizer checks them."""

import json
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from maquette.adapters.oidc_keys import PublicKey, PublishedKeys
from maquette.domain.oidc import (
    ALGORITHMS,
    Claims,
    Grants,
    Identity,
    Issuer,
    check_claims,
    check_header,
    identity,
    refused,
)
from maquette.outbound import Outbound

#: Some providers send the chain of their certificates along, which nobody here looks at.
_HEADER_LENGTH_MAX = 6000


class OidcProvider:
    """Believes the tokens of the named issuers. ``clock`` gives Unix seconds, ``monotonic`` those that never jump."""

    def __init__(
        self,
        outbound: Outbound,
        issuers: Sequence[Issuer],
        *,
        algorithms: Collection[str],
        leeway_seconds: float,
        claims: Claims,
        grants: Grants,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = {
            issuer.url: (issuer, PublishedKeys(outbound, issuer.url, monotonic)) for issuer in issuers
        }
        self._first = issuers[0].url
        self._algorithms = algorithms
        self._leeway = leeway_seconds
        self._claims = claims
        self._grants = grants
        self._clock = clock
        # Headers that nobody knows are allowed, as RFC 7515 has it; what must be understood, `crit` says.
        self._registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        self._registry.max_header_length = _HEADER_LENGTH_MAX

    async def identify(self, token: str) -> Identity:
        """Return whom a token stands for. Nothing it says is acted on before its signature held, but whose it claims to be."""
        signed, header, claims = self._read(token)
        kid = check_header(header, self._algorithms)
        named = claims.get("iss")
        issuer, keys = self._issuers.get(named if isinstance(named, str) else "", (None, None))
        if issuer is None or keys is None:
            raise refused("issuer")
        # Whoever is late or wrong here need not cost a look-up of keys.
        valid_until = check_claims(claims, issuer, self._clock(), self._leeway)
        self._verify(signed, await keys.find(kid, header["alg"]))
        grants = self._grants if issuer.url == self._first else Grants()
        return identity(claims, issuer, self._claims, grants, valid_until)

    async def problems(self) -> list[str]:
        """Ask every issuer for its keys and return what is wrong, a line each."""
        for _, keys in self._issuers.values():
            await keys.refresh()
        return [keys.problem for _, keys in self._issuers.values() if keys.problem]

    async def close(self) -> None:
        """Stop asking issuers."""
        for _, keys in self._issuers.values():
            await keys.close()

    def _read(self, token: str) -> tuple[CompactSignature, Mapping[str, Any], Mapping[str, Any]]:
        try:
            signed = extract_compact(token.encode(), registry=self._registry)
            header, claims = signed.headers(), json.loads(signed.payload)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise refused("malformed") from None
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise refused("malformed")
        return signed, header, claims

    def _verify(self, signed: CompactSignature, key: PublicKey) -> None:
        try:
            with warnings.catch_warnings():
                # The name `EdDSA` is deprecated for the curve's own; providers use it all the same.
                warnings.simplefilter("ignore", SecurityWarning)
                holds = validate_compact(signed, key, registry=self._registry)
        except (JoseError, ValueError, TypeError):
            raise refused("signature") from None
        if not holds:
            raise refused("signature")

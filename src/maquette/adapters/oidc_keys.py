"""The keys that an OpenID provider publishes: discovered, cached, renewed, and used a while longer when it is down.

OpenID Connect Discovery 1.0, section 4; RFC 7517 (key sets); RFC 9111 (``max-age`` and ``ETag``).
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from maquette.domain.errors import Unavailable
from maquette.domain.oidc import refused, suits
from maquette.outbound import Outbound, OutboundError

_LOG = logging.getLogger(__name__)

#: Bounds on what a provider may ask for: a key that it takes back is believed an hour longer at most while it answers.
FRESH_SECONDS_MIN, FRESH_SECONDS_MAX = 60.0, 3600.0
#: Keys of a provider that does not answer are used for so long after it last did.
STALE_SECONDS_MAX = 24 * 3600.0
#: Between two tries, whatever tokens name: a flood of invented key ids costs the provider one request in this time.
COOL_DOWN_SECONDS = 10.0
FETCH_SECONDS_MAX = 5.0
DOCUMENT_BYTES_MAX = 256 * 1024
_KEYS_MAX = 100
_RSA_BITS_MIN, _RSA_BITS_MAX = 2048, 8192
_MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})\b")

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class _Document:
    """A JSON object as it was last fetched."""

    content: Mapping[str, Any]
    etag: str
    fresh_until: float


class BadDocument(Exception):
    """What was published cannot be used; the message says what and why."""


class PublishedKeys:
    """One provider's keys. ``clock`` gives monotonic seconds."""

    def __init__(self, outbound: Outbound, issuer: str, clock: Callable[[], float]) -> None:
        self._outbound = outbound
        self._issuer = issuer
        self._clock = clock
        self._documents: dict[str, _Document] = {}
        self._keys: list[tuple[Mapping[str, Any], PublicKey]] = []
        self._answered_at = self._tried_at = float("-inf")
        self._fresh_until = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self.problem = ""
        """Why the last try failed; empty when it did not."""

    async def find(self, kid: str | None, algorithm: str) -> PublicKey:
        """Return the key that a token names.

        Errors: ``Unauthenticated`` when it is none of the provider's, ``Unavailable`` when nobody can say.
        """
        key = self._known(kid, algorithm)
        if key is None:
            await self.refresh()
            key = self._known(kid, algorithm)
        elif self._clock() >= self._fresh_until:
            self._begin()  # this caller need not wait for it
        if key is None:
            if self._clock() - self._answered_at >= STALE_SECONDS_MAX:
                raise Unavailable(
                    "The identity provider does not answer.", retry_after_seconds=COOL_DOWN_SECONDS
                )
            raise refused("kid")
        return key

    async def refresh(self) -> None:
        """Ask the provider, or wait for who is asking it already; not so soon after the last try. Does not raise."""
        fetching = self._begin()
        if fetching is not None:
            await asyncio.shield(fetching)

    async def close(self) -> None:
        """Stop asking."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _begin(self) -> asyncio.Task[None] | None:
        due = self._clock() - self._tried_at >= COOL_DOWN_SECONDS
        if self._fetching is None and due:
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    def _known(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the one key that is meant; a token that names none is believed only where there is no choice."""
        if self._clock() - self._answered_at >= STALE_SECONDS_MAX:
            return None
        fitting = [
            key
            for published, key in self._keys
            if suits(published, algorithm) and (kid is None or published.get("kid") == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    async def _fetch(self) -> None:
        try:
            start = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            configuration = await self._get(start, renew=False)
            named = configuration.content.get("issuer")
            if named != self._issuer:
                raise BadDocument(f"it calls itself {str(named)[:200]!r}")  # noqa: TRY301 - told below, like the others
            address = configuration.content.get("jwks_uri")
            if not isinstance(address, str):
                raise BadDocument("it names no jwks_uri")  # noqa: TRY301 - the same
            published = await self._get(address, renew=True)
            self._keys = _usable(published.content)
            self._documents = {url: self._documents[url] for url in (start, address)}
        except (OutboundError, BadDocument) as error:
            self.problem = f"{self._issuer}: {error}"
            _LOG.warning("The identity provider %s", self.problem)
        else:
            self.problem = "" if self._keys else f"{self._issuer}: it publishes no key that can be used"
            self._answered_at = self._clock()
            self._fresh_until = published.fresh_until
        finally:
            self._tried_at = self._clock()
            self._fetching = None

    async def _get(self, url: str, *, renew: bool) -> _Document:
        """Return a document: from memory while it is fresh, unless it shall be renewed; unchanged ones are not sent again."""
        known = self._documents.get(url)
        if known is not None and not renew and self._clock() < known.fresh_until:
            return known
        headers = {"accept": "application/json"}
        if known is not None and known.etag:
            headers["if-none-match"] = known.etag
        answer = await self._outbound.send(
            "GET", url, headers=headers, seconds_max=FETCH_SECONDS_MAX, bytes_max=DOCUMENT_BYTES_MAX
        )
        fresh_until = self._clock() + _fresh_seconds(answer.headers.get("cache-control", ""))
        if answer.status == 304 and known is not None:
            content, etag = known.content, known.etag
        elif answer.status == 200:
            content, etag = _object(answer.body, url), answer.headers.get("etag", "")[:200]
        else:
            raise BadDocument(f"{url} answers {answer.status}")
        found = _Document(content, etag if etag.isprintable() else "", fresh_until)
        self._documents[url] = found
        return found


def _fresh_seconds(cache_control: str) -> float:
    if "no-store" in cache_control or "no-cache" in cache_control:
        return FRESH_SECONDS_MIN
    said = _MAX_AGE.search(cache_control)
    wanted = float(said[1]) if said else FRESH_SECONDS_MAX
    return min(max(wanted, FRESH_SECONDS_MIN), FRESH_SECONDS_MAX)


def _object(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadDocument(f"{url} is no JSON") from None
    if not isinstance(content, dict):
        raise BadDocument(f"{url} is no JSON object")
    return content


def _usable(document: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], PublicKey]]:
    """Return the keys of a set that could verify something. Shared secrets, private and weak keys are left out."""
    published = document.get("keys")
    if not isinstance(published, list) or len(published) > _KEYS_MAX:
        raise BadDocument(f"its key set holds no list of at most {_KEYS_MAX} keys")
    return [
        (entry, key)
        for entry in published
        if isinstance(entry, dict) and (key := _public_key(entry)) is not None
    ]


def _public_key(entry: Mapping[str, Any]) -> PublicKey | None:
    if entry.get("kty") not in {"RSA", "EC", "OKP"} or "d" in entry:
        return None
    if not isinstance(entry.get("kid", ""), str):
        return None
    try:
        key = import_key(dict(entry))
    except Exception:  # noqa: BLE001 - what two libraries cannot make a key of is none
        return None
    if isinstance(key, RSAKey) and not _RSA_BITS_MIN <= key.public_key.key_size <= _RSA_BITS_MAX:
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None

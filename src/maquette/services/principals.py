"""Who is calling: keys ``mq_<id>_<secret>``, of which only a hash is kept, tokens of OpenID providers, or the shared worker token."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import NotFound, Unauthenticated, Unavailable
from maquette.domain.oidc import larger, refused
from maquette.domain.principal import Principal
from maquette.ports import IdentityProvider
from maquette.store import identity
from maquette.store.database import Database
from maquette.store.identity import Person

_LOG = logging.getLogger(__name__)

#: How long a credential that was found valid is believed without asking again: the bound on revocation.
BELIEVED_SECONDS = 2.0
#: The longest token that is looked at; providers that put a person's groups into it reach some kilobytes.
TOKEN_BYTES_MAX = 8192
#: How often uses are written down, at most.
FLUSH_SECONDS = 60.0
_KEY_LENGTH_MAX = 200
_ENTRIES_MAX = 10_000
_WORKERS = Principal("worker", "workers")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner gets to see it, once."""

    id: UUID
    text: str
    secret_hash: bytes


def make_key(key_id: UUID) -> NewKey:
    """Return a fresh key, or a fresh secret of one: 256 random bits behind its id."""
    secret = secrets.token_urlsafe(32)
    return NewKey(key_id, f"{typeid.encode('mq', key_id)}_{secret}", _hashed(secret))


def _hashed(secret: str) -> bytes:
    # Secrets hold 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class _Known:
    """Somebody who was looked up moments ago."""

    until: float
    """Of the monotonic clock."""
    principal: Principal
    key: UUID | None


class Authenticator:
    """Tells whom a bearer token stands for, and remembers it for two seconds, by the token's hash."""

    def __init__(
        self, database: Database, worker_token: str, provider: IdentityProvider | None = None
    ) -> None:
        self._database = database
        self._worker_token = worker_token.encode()
        self._provider = provider
        self._known: dict[bytes, _Known] = {}
        self._asking: dict[bytes, asyncio.Task[_Known]] = {}
        self._used: dict[UUID, datetime] = {}
        self._seen: dict[str, Person] = {}
        self._flushing: asyncio.Task[None] | None = None

    async def authenticate(self, bearer: str | None) -> Principal:
        """Return whom a bearer token stands for, or raise ``Unauthenticated`` without telling the caller why not."""
        if not bearer:
            raise Unauthenticated("Send an API key: `Authorization: Bearer mq_…`.")
        if len(bearer) > TOKEN_BYTES_MAX or not bearer.isascii():
            raise refused("malformed")
        presented = bearer.encode()
        if hmac.compare_digest(presented, self._worker_token):
            return _WORKERS
        digest = hashlib.sha256(presented).digest()
        known = self._known.get(digest)
        if known is None or time.monotonic() >= known.until:
            known = await self._asked_once(digest, bearer)
        if known.key is not None:
            self._used[known.key] = datetime.now(UTC)
        return known.principal

    async def _asked_once(self, digest: bytes, bearer: str) -> _Known:
        """Look a token up for all who present it meanwhile.

        A thousand streams of one key ask again every two seconds: each for itself, they waited for connections until
        they were turned away, and their streams ended.
        """
        asking = self._asking.get(digest)
        if asking is None:
            self._known.pop(digest, None)
            asking = self._asking[digest] = asyncio.create_task(self._look_up(bearer))
            asking.add_done_callback(partial(self._answered, digest))
        return await asyncio.shield(asking)

    def _answered(self, digest: bytes, asking: asyncio.Task[_Known]) -> None:
        del self._asking[digest]
        if asking.cancelled() or asking.exception() is not None:
            return
        if len(self._known) >= _ENTRIES_MAX:
            self._known.clear()
        self._known[digest] = asking.result()

    async def _look_up(self, bearer: str) -> _Known:
        begun = time.monotonic()
        if bearer.startswith("mq_"):
            return await self._by_key(bearer, begun)
        if self._provider is None or bearer.count(".") != 2:
            raise refused("malformed")
        return await self._by_token(self._provider, bearer, begun)

    async def _by_key(self, bearer: str, begun: float) -> _Known:
        head, secret = bearer[:29], bearer[30:]
        try:
            key_id = typeid.decode("mq", head)
        except NotFound:
            raise refused("malformed") from None
        if len(bearer) > _KEY_LENGTH_MAX:
            raise refused("malformed")
        async with self._database.connection() as connection:
            found = await identity.credential(connection, key_id)
        if found is None:
            raise refused("key")
        credential, now = found
        seconds = credential.believed_seconds(_hashed(secret), now, BELIEVED_SECONDS)
        if seconds <= 0:
            raise refused("key")
        return _Known(begun + seconds, credential.principal(), key_id)

    async def _by_token(self, provider: IdentityProvider, bearer: str, begun: float) -> _Known:
        who = await provider.identify(bearer)
        seconds = min(BELIEVED_SECONDS, who.valid_until - time.time())
        self._seen[who.subject] = Person(
            who.subject, who.issuer, who.external_id, who.email, datetime.now(UTC)
        )
        if who.operator:
            return _Known(begun + seconds, Principal("operator", who.subject), None)
        async with self._database.connection() as connection:
            roles = await identity.roles(connection, who.subject)
        for project, role in who.roles.items():
            roles[project] = larger(role, roles.get(project))
        return _Known(begun + seconds, Principal("user", who.subject, roles), None)

    def start(self) -> None:
        """Begin to write down who came, once a minute."""
        self._flushing = asyncio.create_task(self._flush_always())

    async def stop(self) -> None:
        """Write down what is left."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            with contextlib.suppress(Unavailable):
                await self.flush()

    async def _flush_always(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 - a column for people must not end the process
                _LOG.exception("Could not write down when keys were used")

    async def flush(self) -> None:
        """Write down when keys were used last and whom providers vouched for: two statements, none without news."""
        used, self._used = self._used, {}
        seen, self._seen = self._seen, {}
        if not used and not seen:
            return
        async with self._database.connection() as connection:
            if used:
                await identity.used(connection, used)
            if seen:
                await identity.seen(connection, list(seen.values()))

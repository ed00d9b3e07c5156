"""Who is calling: API keys ``mq_<id>_<secret>``, of which only a hash is kept, or the workers' shared token."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.errors import NotFound, Unauthenticated
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.store import projects
from maquette.store.database import Database

#: How long a key that was found valid is believed without asking again: the bound on revocation.
BELIEVED_SECONDS = 2.0
_ENTRIES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner gets to see it, once."""

    id: UUID
    text: str
    secret_hash: bytes


def make_key(key_id: UUID) -> NewKey:
    """Return a fresh key: 256 random bits behind its id."""
    secret = secrets.token_urlsafe(32)
    return NewKey(key_id, f"{typeid.encode('mq', key_id)}_{secret}", _hashed(secret))


def _hashed(secret: str) -> bytes:
    # Secrets hold 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


class KeyCache:
    """Credentials that were checked moments ago, by the hash of what was presented."""

    def __init__(self, database: Database, worker_token: str) -> None:
        self._database = database
        self._worker_token = worker_token.encode()
        self._known: dict[bytes, tuple[float, Principal]] = {}

    async def authenticate(self, bearer: str | None) -> Principal:
        """Return whom a bearer token stands for, or raise ``Unauthenticated`` without saying why not."""
        if not bearer or len(bearer) > 200 or not bearer.isascii():
            raise Unauthenticated("Send an API key: `Authorization: Bearer mq_…`.")
        if hmac.compare_digest(bearer.encode(), self._worker_token):
            return Principal("worker", "workers")
        presented = hashlib.sha256(bearer.encode()).digest()
        now = time.monotonic()
        known = self._known.get(presented)
        if known is not None and now < known[0]:
            return known[1]
        principal = await self._look_up(bearer)
        if len(self._known) >= _ENTRIES_MAX:
            self._known.clear()
        self._known[presented] = (now + BELIEVED_SECONDS, principal)
        return principal

    async def _look_up(self, bearer: str) -> Principal:
        head, secret = bearer[:29], bearer[30:]
        try:
            key_id = typeid.decode("mq", head)
        except NotFound:
            raise Unauthenticated("This API key is not valid.") from None
        async with self._database.connection() as connection:
            found = await projects.credential(connection, key_id)
        if found is None or not hmac.compare_digest(found.secret_hash, _hashed(secret)):
            raise Unauthenticated("This API key is not valid.")
        roles = {} if found.project_id is None else {found.project_id: Role.OWNER}
        return Principal(found.kind, found.subject, roles)

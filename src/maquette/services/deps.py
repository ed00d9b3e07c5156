"""What use cases are given: built once in ``bootstrap``, never changed."""

from dataclasses import dataclass, field

from maquette.domain.retention import Policy
from maquette.outbound import Policy as OutboundPolicy
from maquette.ports import Cdn, ObjectStore
from maquette.services.follow import Hub
from maquette.services.handed import Handed
from maquette.services.limiter import Limiter
from maquette.services.moderation import Moderation
from maquette.services.principals import Authenticator
from maquette.services.tariff import Tariff
from maquette.services.transactor import Transactor
from maquette.store import migrate
from maquette.store.database import Database
from maquette.telemetry.tracer import OFF, Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds and intervals; seconds and bytes."""

    heartbeat_seconds: float
    lease_seconds: float
    attempt_seconds_max: float
    url_ttl_seconds: int
    upload_bytes_max: int
    open_jobs_max: int
    poll_seconds_max: float
    retention: Policy
    """What holds where a project has not chosen otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The parts a use case may need."""

    database: Database
    transactor: Transactor
    objects: ObjectStore
    cdn: Cdn
    """Who serves files of the library: the store itself, or a CDN in front of it."""
    hub: Hub
    identity: Authenticator
    moderation: Moderation
    tariff: Tariff
    limiter: Limiter
    limits: Limits
    outbound: OutboundPolicy
    """Where requests may go that somebody else chose the address of."""
    webhook_key: bytes = field(repr=False)
    tracer: Tracer = OFF
    handed: Handed = field(default_factory=Handed)

    async def ready(self) -> None:
        """Raise ``Unavailable`` unless the database answers and has this version's schema."""
        async with self.database.connection() as connection:
            await migrate.check(connection)

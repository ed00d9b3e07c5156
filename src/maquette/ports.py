"""The doors to the outside, on one screen. Implementations live in ``adapters/``, one file each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from maquette.domain.events import Event
from maquette.domain.moderation import InForce, Objection, Subject
from maquette.domain.oidc import Identity

#: Whether a link shows its file in the browser or saves it; bound by the signature.
Disposition = Literal["inline", "attachment"]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is known of a stored object without reading it."""

    key: str
    bytes: int
    sha256: str
    """Hexadecimal."""
    media_type: str


@dataclass(frozen=True, slots=True)
class ListedObject:
    """What a listing tells of a stored object."""

    key: str
    bytes: int
    stored_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A URL that carries its own permission, and the headers that must be sent with it unchanged."""

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class SignedFolder:
    """Permission to read every file of a folder: as a query behind any of their addresses, or as cookies."""

    url: str
    """Ends with a slash."""
    query: str
    cookies: Mapping[str, str]
    expires_at: int
    """Unix seconds."""


class Cdn(Protocol):
    """Serves stored objects to who has a link: the store itself, or somebody nearer to those who read."""

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,
        filename: str,
        ttl_seconds: int,
        disposition: Disposition = "inline",
    ) -> SignedRequest:
        """Grant reading one key. The expiry is rounded up, so that equal requests give equal, cachable URLs."""
        ...


@runtime_checkable
class FolderCdn(Cdn, Protocol):
    """A CDN that can open a whole folder at once."""

    def sign_folder(self, prefix: str, *, ttl_seconds: int) -> SignedFolder:
        """Grant reading every key below ``prefix``, whatever comes to lie there until then."""
        ...


class ObjectStore(Protocol):
    """Versioned keys that are never rewritten: equal bytes may be sent again, other bytes are refused.

    Errors: ``NotFound`` for a missing key, ``ObjectConflict`` for other bytes under a key, ``TooLarge``.
    """

    async def put(
        self, key: str, data: AsyncIterator[bytes], *, bytes_: int, sha256: str, media_type: str
    ) -> StoredObject:
        """Store durably; succeeds again for equal bytes; leaves nothing behind when it fails."""
        ...

    async def stat(self, key: str) -> StoredObject | None:
        """Return what is stored under a key, or None."""
        ...

    async def stat_all(self, keys: Sequence[str]) -> Sequence[StoredObject | None]:
        """Return what is stored under each key, side by side."""
        ...

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream bytes ``start`` to ``end`` (exclusive) in chunks."""
        ...

    async def delete(self, key: str) -> None:
        """Remove; missing is fine. Only for objects that no row refers to."""
        ...

    def list(self, prefix: str = "", after: str = "") -> AsyncIterator[ListedObject]:
        """Stream what is stored under keys that begin with ``prefix`` and come after ``after``, in order of key."""
        ...

    def sign_get(
        self,
        key: str,
        *,
        media_type: str,
        filename: str,
        ttl_seconds: int,
        disposition: Disposition = "inline",
    ) -> SignedRequest:
        """Grant reading one key. The expiry is rounded up, so that equal requests give equal, cachable URLs."""
        ...

    def sign_put(
        self, key: str, *, media_type: str, bytes_: int, sha256: str, ttl_seconds: int
    ) -> SignedRequest:
        """Grant storing exactly these bytes under one key, create-only."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """What one queue is for: steps that every worker who listens to it does."""

    queue: str
    """Its name, without what names of queues begin with."""
    service: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """Word of a ready task. It promises nothing: whoever is told claims it, and the row decides."""

    task_id: str
    service: str
    step: str
    tag: int
    """The task's place in line: another attempt has another one."""


@dataclass(frozen=True, slots=True)
class DeadHint:
    """A hint that was delivered again and again and never taken; ``receipt`` is to bury it with."""

    hint: Hint | None
    """None where the message is none of ours."""
    receipt: str


class TaskQueue(Protocol):
    """Queues outside that tell workers of tasks, at least once and in any order.

    Errors: ``Unavailable``.
    """

    async def announce(self, queue: str, hints: Sequence[Hint]) -> Sequence[bool]:
        """Send hints; one entry each, True once it is durable at the queue."""
        ...

    async def dead(self, queue: str) -> Sequence[DeadHint]:
        """Receive some of the hints that nobody ever took; they stay hidden for a while."""
        ...

    async def bury(self, queue: str, receipts: Sequence[str]) -> None:
        """Remove dead hints."""
        ...


class ModeratorAway(Exception):
    """A moderator did not answer, or nothing that could be understood; ``kind`` says how, for programs."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Moderator(Protocol):
    """Somebody who judges contents: texts and images.

    Errors: ``ModeratorAway`` when nothing is known for all of the subjects; it never stands for an objection.
    """

    @property
    def name(self) -> str:
        """Short and stable: decisions carry it."""
        ...

    @property
    def state(self) -> str:
        """Whether it is asked: ``closed``, ``half_open`` (now and then), ``open`` (not at the moment)."""
        ...

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:
        """Return what there is to object to in each subject by the policy, in their order; nothing to most."""
        ...


class Unpublishable(Exception):
    """A sink can never take this event, however often it is tried: it is set aside for an operator to look at."""


class EventBus(Protocol):
    """A sink that events are published to (as ``domain.events.cloud_event`` writes them), at least once.

    It may be given an event again after it acknowledged it: consumers drop what has a ``sequence`` already seen.
    """

    @property
    def name(self) -> str:
        """Short and stable, for instance ``kafka``: deliveries that are still to be made carry it."""
        ...

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Return once each event is durable at the sink or refused: one entry an event, None = acknowledged.

        Events of one stream come in order; once one of a stream fails, the later ones of that stream must not be
        acknowledged, nor sent before it. ``Unpublishable`` is no such failure but an end: later ones may follow. Raising
        means that nothing was acknowledged.
        """
        ...


class IdentityProvider(Protocol):
    """Says whom tokens stand for that somebody else issued; API keys are ours and need none.

    Errors: ``Unauthenticated`` for a token that is not believed, ``Unavailable`` when that cannot be found out now.
    """

    async def identify(self, token: str) -> Identity:
        """Return whom a token stands for, and until when; its issuer need not be asked each time."""
        ...

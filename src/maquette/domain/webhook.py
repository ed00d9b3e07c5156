"""Webhooks after the Standard Webhooks specification 1.0.0 (standardwebhooks.com): secrets, signatures, retries."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from maquette.domain.errors import Invalid
from maquette.domain.events import EventType

WEBHOOKS_MAX = 50
CONTENT_TYPE = "application/cloudevents+json"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
#: Secrets that sign at once while rotations overlap: each is 48 bytes of a header.
SIGNATURES_MAX = 4
OVERLAP_SECONDS = 24 * 3600
OVERLAP_SECONDS_MAX = 7 * 24 * 3600
#: The specification's schedule: how long after the first, second, … failed try the next one comes; 75 h 35 min in all.
SCHEDULE_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Each wait is shortened or lengthened by up to a tenth, so that failures of one moment do not come back in one.
JITTER = 0.1
RETRY_AFTER_SECONDS_MAX = 86_400.0
#: How long a message in trouble keeps back those that come after it in its stream.
BLOCK_SECONDS = 300.0
#: An endpoint that does nothing but fail for so long is disabled even where no message used up its schedule.
FAILING_SECONDS_MAX = 5 * 86_400.0


@dataclass(frozen=True, slots=True)
class Signing:
    """Which versions of a secret sign: the newest, and until an overlap ends the older ones as well."""

    version: int
    oldest: int
    overlap_until: datetime | None = None

    def versions(self, now: datetime) -> range:
        """Return the versions that sign at a time."""
        overlapping = self.overlap_until is not None and now < self.overlap_until
        return range(self.oldest if overlapping else self.version, self.version + 1)


def secret(key: bytes, owner: UUID, version: int) -> bytes:
    """Return a secret: 32 bytes that only the holder of ``key`` can make again, so none is kept anywhere."""
    if not key:
        raise ValueError("MAQUETTE_WEBHOOK_KEY is empty: anybody could make its secrets")
    return hmac.digest(key, f"{owner}|{version}".encode(), hashlib.sha256)


def shown(secret_bytes: bytes) -> str:
    """Return a secret as its owner gets to see it."""
    return SECRET_PREFIX + base64.b64encode(secret_bytes).decode()


def sign(secrets: Sequence[bytes], message_id: str, at: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of one try: a signature a secret, newest first. ``at`` is the try's Unix time in seconds."""
    content = f"{message_id}.{at}.".encode() + body
    signatures = (
        base64.b64encode(hmac.digest(item, content, hashlib.sha256)).decode() for item in reversed(secrets)
    )
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def check_events(wanted: Sequence[str]) -> list[str]:
    """Return an event filter without repetitions (empty: all); ``Invalid`` names what is no event."""
    known = {str(kind) for kind in EventType}
    for place, name in enumerate(wanted):
        if name not in known:
            raise Invalid.field(("events", place), f"{name[:60]!r} is no event; docs/events.md lists them")
    return list(dict.fromkeys(wanted))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one try means: for the message and for the endpoint."""

    succeeded: bool
    wait_seconds: float | None = None
    """Until the next try; None: there is none."""
    gone: bool = False
    """The receiver wants nothing more (410)."""
    throttle_seconds: float | None = None
    """How long the receiver asks for silence."""


def judge(status: int | None, tries: int, retry_after: float | None, jitter: float) -> Verdict:
    """Say what follows from the answer to a message's ``tries``-th try; ``status`` None: there was no answer.

    2xx is success, everything else is not, redirects included. ``jitter`` is a random number from 0 to 1.
    """
    if status is not None and 200 <= status < 300:
        return Verdict(succeeded=True)
    if status == 410:
        return Verdict(succeeded=False, gone=True)
    asked = None if retry_after is None else min(max(retry_after, 0.0), RETRY_AFTER_SECONDS_MAX)
    if tries > len(SCHEDULE_SECONDS):
        return Verdict(succeeded=False, throttle_seconds=asked)
    wait = SCHEDULE_SECONDS[tries - 1] * (1 + JITTER * (2 * jitter - 1))
    return Verdict(succeeded=False, wait_seconds=max(wait, asked or 0.0), throttle_seconds=asked)


def retry_after(text: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header, seconds or a date, as seconds from now; None where there is no sensible one."""
    if text is None:
        return None
    if text.isascii() and text.strip().isdigit():
        return float(text.strip()[:12])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()

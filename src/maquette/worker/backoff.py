"""How long to wait before a request is sent again."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BASE_SECONDS = 0.1
CAP_SECONDS = 10.0
#: A server may ask for more patience than CAP_SECONDS, but not for an unbounded one.
RETRY_AFTER_SECONDS_MAX = 300.0


def delay_seconds(retries: int, retry_after_seconds: float | None = None) -> float:
    """Exponential backoff with full jitter; never sooner than the server asked for.

    ``retries`` counts from 0. Full jitter (uniform from 0 to the exponential bound) spreads a herd best:
    Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    bound = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(retries, 16))
    jitter = random.uniform(0.0, bound)  # noqa: S311 - spreads load, protects nothing
    if retry_after_seconds is None:
        return jitter
    return min(retry_after_seconds, RETRY_AFTER_SECONDS_MAX) + jitter


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for, given as seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

"""New ids: UUIDv7 (RFC 9562), ordered by time, so that indexes grow at one end."""

import os
import time
from uuid import UUID

_CHUNK = 512
_random: list[int] = []


def new_id() -> UUID:
    """Return a UUIDv7. Randomness is drawn in chunks: one call to the system for 512 ids."""
    if not _random:
        data = os.urandom(10 * _CHUNK)
        _random.extend(int.from_bytes(data[at : at + 10]) for at in range(0, len(data), 10))
    bits = _random.pop()
    milliseconds = time.time_ns() // 1_000_000
    return UUID(
        int=milliseconds << 80 | 0x7 << 76 | (bits >> 62 & 0xFFF) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    )

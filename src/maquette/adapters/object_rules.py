"""What holds for every object store: which keys there may be, how long links live, when bytes are the same."""

import math
import re

from maquette.domain.errors import Invalid, ObjectConflict, TooLarge
from maquette.ports import StoredObject

KEY_LENGTH_MAX = 700
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def check_key(key: str) -> None:
    """Raise ``Invalid`` for a key that could leave a store, hide in it, or mean two things."""
    if len(key) > KEY_LENGTH_MAX or not _KEY.fullmatch(key):
        raise Invalid.field(
            ("key",),
            f"At most {KEY_LENGTH_MAX} characters were expected: segments of letters, digits, '.', '_' "
            "and '-', none of them empty or starting with a dot.",
        )


def check_size(bytes_: int, bytes_max: int) -> None:
    """Raise ``TooLarge`` for what may not be stored."""
    if bytes_ > bytes_max:
        raise TooLarge(f"An object may have {bytes_max} bytes at most; this one has {bytes_}.")


def check_announced(wanted: StoredObject, bytes_max: int) -> None:
    """Raise for what cannot be stored as announced: ``Invalid`` or ``TooLarge``."""
    check_key(wanted.key)
    if not _SHA256.fullmatch(wanted.sha256):
        raise Invalid.field(("sha256",), "64 lower-case hexadecimal digits were expected.")
    check_size(wanted.bytes, bytes_max)


def check_arriving(length: int, wanted: StoredObject) -> None:
    """Raise ``Invalid`` once more bytes arrived than were announced."""
    if length > wanted.bytes:
        raise Invalid.field(("body",), f"{wanted.bytes} bytes were announced; more arrived.")


def check_arrived(length: int, sha256: str, wanted: StoredObject) -> None:
    """Raise ``Invalid`` unless what arrived is what was announced."""
    if length != wanted.bytes:
        raise Invalid.field(("body",), f"{wanted.bytes} bytes were announced; {length} arrived.")
    if sha256 != wanted.sha256:
        raise Invalid.field(("body",), "The bytes that arrived do not have the announced sha256.")


def same(present: StoredObject, wanted: StoredObject) -> StoredObject:
    """Return what is stored when it is what was to be stored; ``ObjectConflict`` otherwise."""
    if present.sha256 != wanted.sha256:
        raise ObjectConflict(f"Other bytes are stored under {wanted.key!r}; stored objects never change.")
    return present


def window(ttl_seconds: int) -> int:
    """Return how long equal requests give equal links: half of the time that one is asked for (s)."""
    return max(1, ttl_seconds // 2)


def expiry(now: float, ttl_seconds: int) -> int:
    """Return when a link ends (Unix seconds): after ``ttl_seconds`` to one and a half times that, rounded up."""
    step = window(ttl_seconds)
    return math.ceil((now + ttl_seconds) / step) * step

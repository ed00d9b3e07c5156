"""TypeIDs: a prefix and a UUID in 26 characters of Crockford base32 (github.com/jetify-com/typeid, v0.3)."""

import hashlib
from functools import lru_cache
from uuid import UUID

from maquette.domain.errors import Invalid, NotFound

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SUFFIX_LENGTH = 26


def encode(prefix: str, uuid: UUID) -> str:
    """Return ``prefix_suffix``; the suffix is the UUID's 128 bits, most significant first."""
    return f"{prefix}_{_suffix(uuid.int)}"


@lru_cache(maxsize=16_384)
def _suffix(number: int) -> str:
    # A job's id is written about six times a step: without the cache that was 9 % of the API's CPU.
    pairs = []
    for _ in range(13):
        pairs.append(_PAIRS[number & 1023])
        number >>= 10
    return "".join(reversed(pairs))


def decode(prefix: str, text: str) -> UUID:
    """Return the UUID in ``text``; ``NotFound`` when it is no id of this kind (nothing can exist under it)."""
    head, separator, suffix = text.rpartition("_")
    if not separator or head != prefix or len(suffix) != _SUFFIX_LENGTH or suffix[0] > "7":
        raise NotFound(f"There is no such id: one that begins with {prefix}_ was expected.")
    number = 0
    for character in suffix:
        value = _VALUES.get(character)
        if value is None:
            raise NotFound(f"There is no such id: one that begins with {prefix}_ was expected.")
        number = number << 5 | value
    return UUID(int=number)


def decode_field(prefix: str, text: str, loc: tuple[str | int, ...]) -> UUID:
    """Return the UUID in a field of a request; ``Invalid`` at ``loc`` when it is no id of this kind."""
    try:
        return decode(prefix, text)
    except NotFound:
        raise Invalid.field(
            loc, f"{text[:60]!r} is no id; one that begins with {prefix}_ was expected"
        ) from None


def derive(*parts: object) -> UUID:
    """Return the UUID (version 8) that equal parts always give: for ids of things that another id identifies."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
    number = int.from_bytes(digest)
    number = number & ~(0xF << 76) | (8 << 76)
    return UUID(int=number & ~(0b11 << 62) | (0b10 << 62))

"""The structure of PNG, JPEG and WebP files, from the first byte to the last and none behind it.

Sources: W3C PNG (third edition) sections 5 and 11; ITU-T T.81 annex B; RFC 9649 (WebP).
"""

import re
import struct
import zlib
from collections.abc import Generator, Mapping

from maquette.domain.feed import Feed

Reading = Generator[None, bytes, Mapping[str, int]]

SIDE_MAX = 16_384
PIXELS_MAX = 64_000_000
"""Above it a decoded picture takes more than 256 MB."""
_CHUNK_BYTES_MAX = 16 * 1024 * 1024
_CHUNKS_MAX = 100_000
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf"})
#: What stands between a text's key and its compressed part: method; flag and method, language, translated key.
_PACKED = {
    b"zTXt": re.compile(rb"[^\0]*\0.", re.DOTALL),
    b"iCCP": re.compile(rb"[^\0]*\0.", re.DOTALL),
    b"iTXt": re.compile(rb"[^\0]*\0\x01.[^\0]*\0[^\0]*\0", re.DOTALL),
}
_TEXT_BYTES_MAX = 4 * 1024 * 1024


class Unusable(Exception):
    """The file cannot be used; ``kind`` is one of the types of details, ``says`` a part of a sentence."""

    def __init__(self, kind: str, says: str) -> None:
        super().__init__(says)
        self.kind = kind
        self.says = says


def size(width: int, height: int) -> Mapping[str, int]:
    """Return a picture's size, or refuse what no worker should have to decode."""
    if not (width and height):
        raise Unusable("damaged", "has no pixels")
    if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
        raise Unusable(
            "too_large",
            f"has {width} by {height} pixels; a side may have {SIDE_MAX}, and all of it {PIXELS_MAX:,}",
        )
    return {"width": width, "height": height}


def nothing_behind(feed: Feed) -> Generator[None, bytes, None]:
    """Refuse a file that goes on after its end: whatever it is, it is two files in one."""
    if not (yield from feed.ended()):
        raise Unusable("trailing_data", "has more bytes after its end: it may be two files in one")


def png(feed: Feed) -> Reading:
    """Walk over the chunks; small ones are held against their checksums."""
    yield from feed.skip(8)
    numbers: Mapping[str, int] = {}
    texts = 0
    for place in range(_CHUNKS_MAX):
        length, kind = struct.unpack(">I4s", (yield from feed.take(8)))
        if length > 2**31 - 1 or not kind.isalpha():
            raise Unusable("damaged", "holds a chunk that is none")
        if (kind == b"IHDR") != (place == 0):
            raise Unusable("damaged", "does not begin with one header")
        if kind == b"IHDR":
            body = yield from feed.take(13 if length == 13 else 0)
            if zlib.crc32(kind + body) != struct.unpack(">I", (yield from feed.take(4)))[0]:
                raise Unusable("damaged", "has a header with a wrong checksum")
            numbers = size(*struct.unpack(">II", body[:8]))
            continue
        texts += length if kind in _TEXT_CHUNKS else 0
        if texts > _TEXT_BYTES_MAX:
            raise Unusable("too_large", f"holds more than {_TEXT_BYTES_MAX:,} bytes of texts and profiles")
        if kind == b"acTL":
            raise _moving()
        if kind in _PACKED:
            _check_packed(kind, (yield from feed.take(length)))
            length = 0
        yield from feed.skip(length + 4)
        if kind == b"IEND":
            yield from nothing_behind(feed)
            return numbers
    raise Unusable("damaged", f"has more than {_CHUNKS_MAX:,} chunks")


def _moving() -> Unusable:
    # A still picture is what workers read and moderators look at: the others would be seen by nobody.
    return Unusable("unsupported", "is animated; send one picture of it")


def _check_packed(kind: bytes, body: bytes) -> None:
    """Refuse a text or profile that unpacks to more than all of them may take: 4 MiB can hold 4 GiB of zeros."""
    begin = _PACKED[kind].match(body)
    if begin is None:
        return
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(body[begin.end() :], _TEXT_BYTES_MAX)
    except zlib.error:
        raise Unusable("damaged", "holds a text or a profile that cannot be unpacked") from None
    if unpacking.unconsumed_tail:
        raise Unusable("too_large", f"holds a text or profile of more than {_TEXT_BYTES_MAX:,} bytes")


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg(feed: Feed) -> Reading:
    """Walk over the segments of each picture in the file: cameras append previews and gain maps as further ones."""
    numbers: Mapping[str, int] = {}
    for _ in range(16):
        found = yield from _one_jpeg(feed)
        numbers = numbers or found
        if (yield from feed.ended()):
            return numbers
    raise Unusable("trailing_data", "holds too many pictures after each other")


def _one_jpeg(feed: Feed) -> Reading:
    if (yield from feed.take(2)) != b"\xff\xd8":
        raise Unusable("trailing_data", "has more bytes after its end: it may be two files in one")
    numbers: Mapping[str, int] = {}
    for _ in range(_CHUNKS_MAX):
        marker = yield from _marker(feed)
        if marker == 0xD9:
            if not numbers:
                raise Unusable("damaged", "holds no picture")
            return numbers
        if marker == 0x01:  # stands alone
            continue
        [length] = struct.unpack(">H", (yield from feed.take(2)))
        if length < 2:
            raise Unusable("damaged", "holds a segment that is none")
        if marker in _FRAMES:
            body = yield from feed.take(length - 2)
            if len(body) < 6:
                raise Unusable("damaged", "has a frame without a size")
            height, width = struct.unpack(">HH", body[1:5])
            numbers = size(width, height)
        else:
            yield from feed.skip(length - 2)
        if marker == 0xDA:
            continue  # what follows is compressed data, up to a marker that is no part of it
    raise Unusable("damaged", f"has more than {_CHUNKS_MAX:,} segments")


#: 0xFF in compressed data is followed by 0; fill bytes may stand before a marker, restarts belong to the data.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


def _marker(feed: Feed) -> Generator[None, bytes, int]:
    return (yield from feed.search(_MARKER, 2))[1]


def webp(feed: Feed) -> Reading:
    """Walk over the chunks of the RIFF container."""
    magic, length, kind = struct.unpack("<4sI4s", (yield from feed.take(12)))
    if (magic, kind) != (b"RIFF", b"WEBP"):
        raise Unusable("not_what_it_says", "is no WebP file")
    end = length + 8
    numbers: Mapping[str, int] = {}
    for _ in range(_CHUNKS_MAX):
        if feed.position >= end:
            break
        name, count = struct.unpack("<4sI", (yield from feed.take(8)))
        if feed.position + count > end:
            raise Unusable("damaged", "holds a chunk that is longer than the file")
        head = yield from feed.take(min(count, 10))
        if name in {b"ANIM", b"ANMF"}:
            raise _moving()
        numbers = numbers or _webp_size(name, head)
        yield from feed.skip(count - len(head) + count % 2)
    if not numbers or feed.position < end:
        raise Unusable("damaged", "holds no picture")
    yield from nothing_behind(feed)
    return numbers


def _webp_size(name: bytes, head: bytes) -> Mapping[str, int]:
    if name == b"VP8X" and len(head) >= 10:
        return size(int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1)
    if name == b"VP8L" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if name == b"VP8 " and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return size(width & 0x3FFF, height & 0x3FFF)
    return {}

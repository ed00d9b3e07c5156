"""Pictures inside of a binary glTF: each is held to the bounds of one that comes by itself."""

import base64
import binascii
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from maquette.domain.content_images import Reading, Unusable, jpeg, png, webp
from maquette.domain.feed import Feed, Truncated

_PIECE = 65_536
_READERS = ((b"\x89PNG\r\n\x1a\n", png), (b"\xff\xd8\xff", jpeg), (b"RIFF", webp))
_HEAD = 8


def places(document: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return where pictures lie in the binary chunk: offset and length in bytes, by offset. Those in the JSON are read now.

    What is no list of objects here, the structure's own check tells.
    """
    views, found = _objects(document, "bufferViews"), set()
    for item in _objects(document, "images"):
        at, uri = item.get("bufferView"), item.get("uri")
        if isinstance(uri, str) and uri.startswith("data:"):
            _read_whole(uri)
        if isinstance(at, int) and 0 <= at < len(views) and views[at].get("buffer") == 0:
            start, length = views[at].get("byteOffset", 0), views[at].get("byteLength")
            if isinstance(start, int) and isinstance(length, int) and start >= 0 and length > 0:
                found.add((start, length))
    return sorted(found)


def _objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    items = document.get(name, [])
    return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []


def pass_over(feed: Feed, wanted: Sequence[tuple[int, int]], count: int) -> Generator[None, bytes, int]:
    """Read the pictures in a chunk of ``count`` bytes that begins here; return how many bytes were taken of it."""
    begin = feed.position
    for start, length in wanted:
        if begin + start < feed.position:
            raise Unusable("damaged", "has pictures that overlap")
        if start + length > count:
            break  # longer than its buffer: the structure's check says so
        yield from feed.skip(begin + start - feed.position)
        head = yield from feed.take(min(length, _HEAD))
        reading: Reading | None = _reader(head)
        left = length - len(head)
        while reading is not None and left:
            piece = yield from feed.take(min(left, _PIECE))
            left -= len(piece)
            reading = _goes_on(reading, piece)
        _finish(reading)
        yield from feed.skip(left)
    return feed.position - begin


def _read_whole(uri: str) -> None:
    head, _, text = uri.partition(",")
    if not head.endswith(";base64"):
        raise Unusable("unsupported", "holds a picture in a form that nothing here reads")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("damaged", "holds a picture that cannot be read") from None
    reading = _reader(data[:_HEAD])
    _finish(_goes_on(reading, data[_HEAD:]) if data[_HEAD:] else reading)


def _reader(head: bytes) -> Reading:
    """Return the reader of a picture, by how it begins."""
    for start, reader in _READERS:
        if head.startswith(start):
            reading: Reading = reader(Feed())
            next(reading)
            going = _goes_on(reading, head)
            assert going is not None  # no picture is whole after eight bytes
            return going
    raise Unusable("unsupported", "holds a picture that is no PNG, JPEG or WebP")


def _goes_on(reading: Reading, piece: bytes) -> Reading | None:
    """Give the next piece; None when the picture is whole. What stands behind it, a view may be padded with."""
    try:
        reading.send(piece)
    except StopIteration:
        return None
    except Unusable as reason:
        if reason.kind == "trailing_data":
            return None
        raise Unusable(reason.kind, f"holds a picture that {reason.says}") from None
    return reading


def _finish(reading: Reading | None) -> None:
    if reading is None:
        return
    try:
        _goes_on(reading, b"")
    except Truncated:
        raise Unusable("damaged", "holds a picture that ends early") from None

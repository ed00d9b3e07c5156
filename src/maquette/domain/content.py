"""What an uploaded file really is: looked at by its bytes, whatever its name and its announced type say.

Only structure is read, nothing is decoded: a picture of 50,000 × 50,000 pixels that packs into 90 KiB costs
as little as any other. Decoding is the workers' part, in processes that may die.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from maquette.domain import content_gltf, content_images
from maquette.domain.content_images import Unusable
from maquette.domain.errors import UnusableUpload
from maquette.domain.feed import Feed, Truncated

Reader = Callable[[Feed], Generator[None, bytes, Mapping[str, int]]]

READERS: Mapping[str, Reader] = {
    "image/png": content_images.png,
    "image/jpeg": content_images.jpeg,
    "image/webp": content_images.webp,
    "model/gltf-binary": content_gltf.glb,
}
"""What may be uploaded, and what reads it."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"glTF", "model/gltf-binary"),
    (b"GIF8", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"%PDF", "application/pdf"),
    (b"Kaydara FBX", "model/fbx"),
    (b"<", "text/html or XML"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a usable file says about itself: ``width`` and ``height`` in pixels, or counts of a mesh's parts."""

    media_type: str
    numbers: Mapping[str, int]


def inspect(media_type: str) -> Generator[None, bytes, Facts]:
    """Read a file as what it was announced as; send its pieces in, ``b""`` last.

    Errors: ``UnusableUpload`` whose one detail says why, by type: ``truncated``, ``trailing_data``,
    ``not_what_it_says``, ``damaged``, ``too_large``, ``external_uri``, ``unsupported``.
    """
    first = yield
    try:
        _check_signature(first, media_type)
        numbers = yield from _continue(READERS[media_type](Feed()), first)
    except Truncated:
        raise _refused(Unusable("truncated", "ends before it is complete")) from None
    except Unusable as reason:
        raise _refused(reason) from None
    return Facts(media_type, numbers)


def _continue(
    reading: Generator[None, bytes, Mapping[str, int]], piece: bytes
) -> Generator[None, bytes, Mapping[str, int]]:
    """Give a reader the piece that is there already, then what comes."""
    next(reading)
    while True:
        try:
            reading.send(piece)
        except StopIteration as stop:
            numbers: Mapping[str, int] = stop.value
            return numbers
        piece = yield


def _check_signature(first: bytes, media_type: str) -> None:
    found = next((kind for start, kind in _SIGNATURES if first.startswith(start)), None)
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        found = "image/webp"
    if found is not None and found != media_type:
        raise Unusable("not_what_it_says", f"was announced as {media_type} and is {found}")


def _refused(reason: Unusable) -> UnusableUpload:
    return UnusableUpload.field((), reason.says, reason.kind)

"""Files that people may bring: whole ones, and what is cut off, too much, two things at once, or leads elsewhere."""

import base64
import io
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from PIL import Image


def picture(form: str, width: int = 40, height: int = 30, **options: Any) -> bytes:
    target = io.BytesIO()
    Image.effect_mandelbrot((width, height), (-2, -1, 1, 1), 50).convert("RGB").save(target, form, **options)
    return target.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_BLACK = zlib.compress(b"\0" * 10_000_000, 9)


def png_of(width: int, height: int, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", _BLACK)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + body + chunk(b"IEND", b"")


def glb_of(document: Any, binary: bytes = b"\0" * 36, *, length: int | None = None) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks) if length is None else length) + chunks


def triangle(**more: Any) -> dict[str, Any]:
    return {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        **more,
    }


def with_picture(data: bytes, *, offset: int = 36) -> bytes:
    """Return a mesh with a picture behind its positions."""
    binary = b"\0" * offset + data
    binary += b"\0" * (-len(binary) % 4)
    views = [
        {"buffer": 0, "byteLength": 36},
        {"buffer": 0, "byteOffset": offset, "byteLength": len(data)},
    ]
    document = triangle(
        buffers=[{"byteLength": len(binary)}],
        bufferViews=views,
        images=[{"bufferView": 1, "mimeType": "image/png"}],
    )
    return glb_of(document, binary)


GOOD = {
    "png": (picture("PNG"), "image/png"),
    "png with a colour profile": (
        picture("PNG", icc_profile=b"x" * 500), "image/png",
    ),
    "jpeg": (picture("JPEG"), "image/jpeg"),
    "progressive jpeg": (picture("JPEG", progressive=True), "image/jpeg"),
    "jpeg with restarts": (picture("JPEG", restart_marker_rows=1), "image/jpeg"),
    "jpeg with a second picture, as cameras append it": (picture("JPEG") + picture("JPEG", 20, 10), "image/jpeg"),
    "lossy webp": (picture("WEBP"), "image/webp"),
    "lossless webp": (picture("WEBP", lossless=True), "image/webp"),
    "extended webp": (picture("WEBP", icc_profile=b"x" * 501), "image/webp"),
}  # fmt: skip


def _loop(*children: list[int]) -> Mapping[str, Any]:
    return triangle(nodes=[{"children": list(items)} for items in children])


def _animated(form: str) -> bytes:
    target = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 120, 240)]
    frames[0].save(target, form, save_all=True, append_images=frames[1:])
    return target.getvalue()


_ZEROS = zlib.compress(b"\0" * 20_000_000, 9)
BAD: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "image/png", "truncated"),
    "a png that says jpeg": (picture("PNG"), "image/jpeg", "not_what_it_says"),
    "a page that says png": (b"<html><script>alert(1)</script>", "image/png", "not_what_it_says"),
    "a zip that says glb": (b"PK\x03\x04" + b"\0" * 50, "model/gltf-binary", "not_what_it_says"),
    "png and zip in one": (picture("PNG") + b"PK\x03\x04" + b"\0" * 50, "image/png", "trailing_data"),
    "jpeg and script in one": (picture("JPEG") + b"<script>", "image/jpeg", "trailing_data"),
    "webp and pdf in one": (picture("WEBP") + b"%PDF-1.7", "image/webp", "trailing_data"),
    "glb and zip in one": (glb_of(triangle()) + b"PK\x03\x04", "model/gltf-binary", "trailing_data"),
    "a bomb of pixels": (png_of(50_000, 50_000), "image/png", "too_large"),
    "a bomb in one direction": (png_of(1, 2**31 - 1), "image/png", "too_large"),
    "just too many pixels": (png_of(8001, 8000), "image/png", "too_large"),
    "no pixels": (png_of(0, 5), "image/png", "damaged"),
    "a bomb of texts": (png_of(5, 5, *[chunk(b"zTXt", b"x" * 2**20)] * 5), "image/png", "too_large"),
    "a packed bomb of text": (png_of(5, 5, chunk(b"zTXt", b"Comment\0\0" + _ZEROS)), "image/png", "too_large"),
    "a packed bomb of text in any language": (png_of(5, 5, chunk(b"iTXt", b"Comment\0\1\0en\0\0" + _ZEROS)), "image/png", "too_large"),
    "a packed bomb of a profile": (png_of(5, 5, chunk(b"iCCP", b"sRGB\0\0" + _ZEROS)), "image/png", "too_large"),
    "a profile that is none": (png_of(5, 5, chunk(b"iCCP", b"sRGB\0\0nonsense")), "image/png", "damaged"),
    "a mesh with a bomb of pixels": (with_picture(png_of(50_000, 50_000)), "model/gltf-binary", "too_large"),
    "a mesh with a broken picture": (with_picture(picture("JPEG")[:300]), "model/gltf-binary", "damaged"),
    "a mesh with a page for a picture": (with_picture(b"<html><script>"), "model/gltf-binary", "unsupported"),
    "a mesh with a bomb in its text": (
        glb_of(triangle(images=[{"uri": "data:image/png;base64," + base64.b64encode(png_of(50_000, 50_000)[:300]).decode()}])),
        "model/gltf-binary", "too_large",
    ),
    "a moving png": (_animated("PNG"), "image/png", "unsupported"),
    "a moving webp": (_animated("WEBP"), "image/webp", "unsupported"),
    "a jpeg of 65,535 by 65,535": (
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3" + b"\1\x11\0" * 3, "image/jpeg", "too_large",
    ),
    "a header with a wrong checksum": (png_of(5, 5).replace(b"\x00\x00\x00\x05", b"\x00\x00\x00\x06", 1), "image/png", "damaged"),
    "two headers": (png_of(5, 5, chunk(b"IHDR", b"\0" * 13)), "image/png", "damaged"),
    "a hundred thousand chunks": (png_of(5, 5, *[chunk(b"aaAa", b"")] * 100_001), "image/png", "damaged"),
    "a jpeg of markers": (b"\xff\xd8\xff\xe0" + b"\xff" * 5_000_000, "image/jpeg", "truncated"),
    "a jpeg of stuffed bytes": (b"\xff\xd8\xff\xda\0\2" + b"\xff\0" * 2_500_000, "image/jpeg", "truncated"),
    "a webp of empty chunks": (
        struct.pack("<4sI4s", b"RIFF", 4 + 8 * 200_000, b"WEBP") + b"abcd\0\0\0\0" * 200_000, "image/webp", "damaged",
    ),
    "json that is none": (glb_of(b"{nonsense"), "model/gltf-binary", "damaged"),
    "json without end": (glb_of(b"[" * 200_000), "model/gltf-binary", "damaged"),
    "json that is a list": (glb_of([]), "model/gltf-binary", "damaged"),
    "a buffer elsewhere": (glb_of(triangle(buffers=[{"byteLength": 36, "uri": "mesh.bin"}])), "model/gltf-binary", "external_uri"),
    "a buffer on a server": (
        glb_of(triangle(buffers=[{"byteLength": 36, "uri": "http://169.254.169.254/"}])), "model/gltf-binary", "external_uri",
    ),
    "an image from a path": (glb_of(triangle(images=[{"uri": "../../../etc/passwd"}])), "model/gltf-binary", "external_uri"),
    "an image from a file": (glb_of(triangle(images=[{"uri": "file:///etc/passwd"}])), "model/gltf-binary", "external_uri"),
    "a node that is its own child": (glb_of(_loop([0])), "model/gltf-binary", "damaged"),
    "nodes in a circle": (glb_of(_loop([1], [2], [0])), "model/gltf-binary", "damaged"),
    "a node with two parents": (glb_of(_loop([2], [2], [])), "model/gltf-binary", "damaged"),
    "a child that is not there": (glb_of(_loop([7])), "model/gltf-binary", "damaged"),
    "compression that nobody here reads": (
        glb_of(triangle(extensionsRequired=["KHR_draco_mesh_compression"])), "model/gltf-binary", "unsupported",
    ),
    "an accessor behind the end": (
        glb_of(triangle(accessors=[{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"}])),
        "model/gltf-binary", "damaged",
    ),
    "more vertices than a machine holds": (
        glb_of(triangle(accessors=[{"componentType": 5126, "count": 2**40, "type": "VEC3"}])),
        "model/gltf-binary", "too_large",
    ),
    "a count that is a text": (glb_of(triangle(bufferViews=[{"buffer": 0, "byteLength": "36"}])), "model/gltf-binary", "damaged"),
    "no mesh": (glb_of(triangle(meshes=[])), "model/gltf-binary", "damaged"),
    "a length that is not its own": (glb_of(triangle(), length=40), "model/gltf-binary", "damaged"),
    "version 1": (b"glTF\1\0\0\0" + glb_of(triangle())[8:], "model/gltf-binary", "not_what_it_says"),
}  # fmt: skip

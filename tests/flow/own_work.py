"""Files that a person brings: small, real, told apart by one number; and the way they get into the house."""

import hashlib
import json
import struct
import zlib
from collections.abc import AsyncIterator
from uuid import UUID

from house import House

from maquette.domain import typeid
from maquette.domain.events import Event
from maquette.services import jobs, uploads


def png(shade: int = 0) -> bytes:
    """Return a grey picture of two by two pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    body = zlib.compress((b"\0" + bytes([shade, shade])) * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def glb(height: float = 1.0) -> bytes:
    """Return one triangle."""
    corners = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, height, 0)
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 3,
                "type": "VEC3",
                "min": [0, 0, 0],
                "max": [1, height, 0],
            }
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(corners)}],
        "buffers": [{"byteLength": len(corners)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + len(corners)
    return (
        struct.pack("<4sII", b"glTF", 2, length)
        + struct.pack("<I4s", len(text), b"JSON") + text
        + struct.pack("<I4s", len(corners), b"BIN\0") + corners
    )  # fmt: skip


async def bring(house: House, data: bytes, name: str, *, arrives: bool = True) -> str:
    """Announce a file and store it; return the upload's id."""
    media_type = "image/png" if name.endswith(".png") else "model/gltf-binary"
    sha256 = hashlib.sha256(data).hexdigest()
    granted = await uploads.create(
        house.deps,
        house.user,
        typeid.decode("prj", house.project),
        name=name,
        media_type=media_type,
        bytes_=len(data),
        sha256=sha256,
    )

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    if arrives:
        await house.deps.objects.put(
            granted.upload.key, chunks(), bytes_=len(data), sha256=sha256, media_type=media_type
        )
    return typeid.encode("upl", granted.upload.id)


async def told(house: House, job_id: UUID) -> list[Event]:
    """Return the events of a job so far."""
    last = (await house.view(job_id)).job.sequence
    found: list[Event] = []
    async for item in await jobs.events(house.deps, house.user, job_id, 0):
        if isinstance(item, Event):
            found.append(item)
        if found and found[-1].sequence >= last:
            break
    return found

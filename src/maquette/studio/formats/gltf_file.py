"""The GLB container: chunks, accessors and images, read with suspicion. Nothing in here trusts a number."""

import base64
import binascii
import io
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maquette.studio.errors import StudioInputError
from maquette.studio.scene import Floats

_GLB, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_FILE_BYTES_MAX = 512 * 2**20
_JSON_BYTES_MAX = 64 * 2**20
_ELEMENTS_MAX = 20_000_000
_PIXELS_MAX = 8192 * 8192  # of all textures together: 256 MiB decoded
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_EXTENSIONS = frozenset(
    {
        "KHR_mesh_quantization",
        "KHR_texture_transform",
        "EXT_texture_webp",
        "KHR_materials_unlit",
        "KHR_materials_emissive_strength",
        "KHR_materials_ior",
        "KHR_materials_specular",
        "KHR_materials_clearcoat",
        "KHR_materials_sheen",
        "KHR_materials_transmission",
        "KHR_materials_volume",
        "KHR_lights_punctual",
    }
)
"""Extensions that may be *required* by a file: those we read, and those whose loss only dulls the look."""


def malformed(what: str) -> StudioInputError:
    """Say that the file breaks the format's rules, and where."""
    return StudioInputError("mesh_malformed", f"Not a readable GLB: {what}.")


class GltfFile:
    """A parsed GLB: its JSON document and typed, bounds-checked access to what that refers to."""

    def __init__(self, data: bytes) -> None:
        if len(data) > _FILE_BYTES_MAX:
            raise StudioInputError("mesh_too_large", f"The GLB has {len(data)} bytes; 512 MiB is the limit.")
        text, self._binary = _chunks(data)
        try:
            document = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise malformed(f"its JSON chunk does not parse ({error})") from None
        if not isinstance(document, dict):
            raise malformed("its JSON chunk is not an object")
        self.document: dict[str, Any] = document
        _check_asset(document)
        self._buffers: dict[int, bytes] = {}
        self._pixels = 0

    def get(self, array: str, index: object) -> dict[str, Any]:
        """Entry ``index`` of a top-level array, or a refusal that names both."""
        entries = self.entries(array)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(entries):
            raise malformed(f"there is no {array}[{index!r}]")
        return entries[index]

    def entries(self, array: str) -> list[dict[str, Any]]:
        """Return a whole top-level array; an absent one is empty."""
        value = self.document.get(array, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise malformed(f"{array} is not a list of objects")
        return value

    def array(self, index: object) -> NDArray[Any]:
        """(count, width) values of an accessor as stored: sparse applied, stride undone, not yet normalised."""
        accessor = self.get("accessors", index)
        dtype, width, count = _layout(accessor, index)
        if "bufferView" in accessor:
            values = self._strided(accessor["bufferView"], accessor.get("byteOffset", 0), dtype, width, count)
        else:
            values = np.zeros((count, width), dtype)
        sparse = accessor.get("sparse")
        if isinstance(sparse, dict):
            values = self._with_sparse(values, sparse, dtype, width)
        return values

    def floats(self, index: object, width: int) -> Floats:
        """(count, width) as float64 with integers normalised; refuses another width and non-finite values."""
        values = self.array(index)
        if values.shape[1] != width:
            raise malformed(f"accessors[{index!r}] has {values.shape[1]} components where {width} are needed")
        result = values.astype(np.float64)
        if values.dtype.kind in "iu" and self.get("accessors", index).get("normalized", False):
            result = np.maximum(result / np.iinfo(values.dtype).max, -1.0)
        if not np.isfinite(result).all():
            raise StudioInputError("mesh_not_finite", f"accessors[{index!r}] holds NaN or infinite numbers.")
        return result

    def image(self, index: object) -> Image.Image:
        """Decode an embedded PNG or JPEG."""
        entry = self.get("images", index)
        if "bufferView" in entry:
            start, length, _ = self._window(entry["bufferView"])
            view = self.get("bufferViews", entry["bufferView"])
            data = self._buffer(view.get("buffer"))[start : start + length]
        else:
            data = _data_uri(entry.get("uri"), f"images[{index!r}]")
        try:
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
            self._pixels += image.width * image.height
            if self._pixels > _PIXELS_MAX:
                raise StudioInputError(
                    "image_too_large", f"The textures have over {_PIXELS_MAX} pixels in all."
                )
            image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise StudioInputError(
                "texture_undecodable", f"Texture {index!r} does not decode: {error}."
            ) from None
        return image.convert("RGBA" if image.has_transparency_data else "RGB")

    def _strided(self, view: object, offset: object, dtype: str, width: int, count: int) -> NDArray[Any]:
        start, length, stride = self._window(view)
        skip = _number(offset, "byteOffset")
        item = np.dtype(dtype).itemsize * width
        stride = stride or item
        if stride < item:
            raise malformed(f"bufferViews[{view!r}] has a stride of {stride} for elements of {item} bytes")
        if count and skip + stride * (count - 1) + item > length:
            raise malformed(f"bufferViews[{view!r}] is shorter than the accessor that reads it")
        data = self._buffer(self.get("bufferViews", view).get("buffer"))
        window = data[start + skip : start + skip + stride * max(count - 1, 0) + item * min(count, 1)]
        flat = np.frombuffer(window, np.uint8)
        rows = np.lib.stride_tricks.as_strided(flat, (count, item), (stride, 1), writeable=False)
        return np.ascontiguousarray(rows).reshape(-1).view(dtype).reshape(count, width)

    def _with_sparse(
        self, values: NDArray[Any], sparse: dict[str, Any], dtype: str, width: int
    ) -> NDArray[Any]:
        count = _number(sparse.get("count"), "sparse.count")
        where, what = sparse.get("indices"), sparse.get("values")
        if not isinstance(where, dict) or not isinstance(what, dict) or count > len(values):
            raise malformed("a sparse accessor lacks its indices or values")
        index_type = _DTYPES.get(where.get("componentType", 0), "")
        if index_type[1:2] != "u":
            raise malformed("sparse indices are not unsigned integers")
        at = self._strided(where.get("bufferView"), where.get("byteOffset", 0), index_type, 1, count)[:, 0]
        if count and int(at.max()) >= len(values):
            raise malformed("a sparse index lies beyond its accessor")
        changed = values.copy()
        changed[at] = self._strided(what.get("bufferView"), what.get("byteOffset", 0), dtype, width, count)
        return changed

    def _window(self, index: object) -> tuple[int, int, int]:
        view = self.get("bufferViews", index)
        start = _number(view.get("byteOffset", 0), "byteOffset")
        length = _number(view.get("byteLength"), "byteLength")
        if start + length > len(self._buffer(view.get("buffer"))):
            raise malformed(f"bufferViews[{index!r}] reaches beyond its buffer")
        return start, length, _number(view.get("byteStride", 0), "byteStride")

    def _buffer(self, index: object) -> bytes:
        entry = self.get("buffers", index)
        assert isinstance(index, int)
        if index not in self._buffers:
            data = self._binary if "uri" not in entry else _data_uri(entry["uri"], f"buffers[{index}]")
            length = _number(entry.get("byteLength"), "byteLength")
            if len(data) < length:
                raise malformed(f"buffers[{index}] holds {len(data)} bytes and declares {length}")
            self._buffers[index] = data[:length]
        return self._buffers[index]


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 20:
        raise malformed("it is shorter than a header")
    magic, version, length = struct.unpack_from("<III", data)
    if magic != _GLB:
        raise malformed("it does not begin with 'glTF'")
    if version != 2:
        raise malformed(f"it is of version {version}; 2 is supported")
    if length > len(data):
        raise malformed(f"it declares {length} bytes and holds {len(data)}")
    text, binary, offset = b"", b"", 12
    while offset + 8 <= length:
        size, kind = struct.unpack_from("<II", data, offset)
        offset += 8
        if offset + size > length:
            raise malformed("a chunk reaches beyond the file")
        if kind == _JSON and not text:
            text = data[offset : offset + size]
        elif kind == _BIN and not binary:
            binary = data[offset : offset + size]
        offset += size
    if not text or len(text) > _JSON_BYTES_MAX:
        raise malformed("its JSON chunk is missing or over 64 MiB")
    return text, binary


def _check_asset(document: dict[str, Any]) -> None:
    asset = document.get("asset")
    if not isinstance(asset, dict) or not str(asset.get("version", "")).startswith("2."):
        raise malformed("asset.version is not 2.x")
    required = document.get("extensionsRequired", [])
    unknown = sorted({str(name) for name in required} - _EXTENSIONS) if isinstance(required, list) else ["?"]
    if unknown:
        raise StudioInputError(
            "mesh_extension_unsupported",
            f"The GLB requires {', '.join(unknown)}; export it without compression and extensions.",
        )


def _layout(accessor: dict[str, Any], index: object) -> tuple[str, int, int]:
    dtype = _DTYPES.get(accessor.get("componentType", 0))
    width = _WIDTHS.get(accessor.get("type", ""))
    count = _number(accessor.get("count"), "count")
    if dtype is None or width is None:
        raise malformed(f"accessors[{index!r}] has an unknown type")
    if count > _ELEMENTS_MAX:
        raise StudioInputError("mesh_too_large", f"accessors[{index!r}] has {count} elements.")
    return dtype, width, count


def _data_uri(uri: object, owner: str) -> bytes:
    if not isinstance(uri, str) or not uri.startswith("data:") or ";base64," not in uri[:200]:
        raise StudioInputError(
            "mesh_external_file", f"{owner} lies outside the file; embed everything in one GLB."
        )
    try:
        return base64.b64decode(uri.split(";base64,", 1)[1], validate=True)
    except binascii.Error:
        raise malformed(f"{owner} has broken base64") from None


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise malformed(f"{name} is {value!r}, not a length")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")

"""Uploads looked at by their bytes: what is whole passes, what could harm or mislead is refused with its reason."""

import base64
from collections.abc import Iterator

import pytest
from uploads_corpus import BAD, GOOD, glb_of, picture, png_of, triangle, with_picture

from maquette.domain.content import READERS, Facts, inspect
from maquette.domain.content_images import PIXELS_MAX
from maquette.domain.errors import UnusableUpload


def look(data: bytes, media_type: str, piece: int = 65536) -> Facts:
    """Send a file in pieces of a length."""
    reading = inspect(media_type)
    next(reading)
    try:
        for start in range(0, len(data), piece):
            reading.send(data[start : start + piece])
        reading.send(b"")
    except StopIteration as stop:
        facts: Facts = stop.value
        return facts
    raise AssertionError("it asked for more after the end")


def reason(data: bytes, media_type: str) -> str:
    """Return the type of the detail that a refusal gives."""
    with pytest.raises(UnusableUpload) as refused:
        look(data, media_type)
    return refused.value.details[0].type


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_whole_pictures_pass_with_their_size(name: str, piece: int) -> None:
    """Whatever the pieces they come in."""
    data, media_type = GOOD[name]
    assert look(data, media_type, piece) == Facts(media_type, {"width": 40, "height": 30})


@pytest.mark.parametrize("piece", [1, 65536])
def test_a_whole_mesh_passes(piece: int) -> None:
    """With what it is made of, data URIs included."""
    text = base64.b64encode(picture("PNG")).decode()
    document = triangle(images=[{"uri": f"data:image/png;base64,{text}"}])
    facts = look(glb_of(document), "model/gltf-binary", piece)
    assert facts.numbers == {"meshes": 1, "nodes": 1, "primitives": 1}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("piece", [1, 100, 65536])
def test_a_mesh_with_a_picture_passes(form: str, piece: int) -> None:
    """Wherever it lies in the binary part, and when its view is padded."""
    data = picture(form)
    for whole in (with_picture(data), with_picture(data + b"\0" * 3), with_picture(data, offset=1000)):
        assert look(whole, "model/gltf-binary", piece).numbers["meshes"] == 1


@pytest.mark.parametrize("name", GOOD)
def test_every_truncation_is_refused(name: str) -> None:
    """Wherever a file was cut off, it is not whole."""
    data, media_type = GOOD[name]
    ends = [*range(0, len(data), max(1, len(data) // 60)), len(data) - 1]
    first = len(picture("JPEG")) if "second" in name else None
    for end in ends:
        if end != first:  # there the first picture of two ends
            assert reason(data[:end], media_type) in {"truncated", "damaged", "trailing_data"}, end


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_good_is_refused_with_its_reason(name: str) -> None:
    """By type of the detail, in a time that does not grow with what the file claims."""
    data, media_type, expected = BAD[name]
    assert reason(data, media_type) == expected


def test_just_enough_pixels_pass() -> None:
    """The limit itself is allowed."""
    assert look(png_of(8000, 8000), "image/png").numbers["width"] ** 2 == PIXELS_MAX


def _broken(data: bytes) -> Iterator[bytes]:
    for place in range(0, len(data), max(1, len(data) // 150)):
        yield data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


@pytest.mark.parametrize("media_type", READERS)
def test_a_flipped_byte_is_refused_or_harmless_never_a_crash(media_type: str) -> None:
    """Any byte may be wrong: the answer is facts or a refusal."""
    whole = {
        "image/png": picture("PNG"),
        "image/jpeg": picture("JPEG"),
        "image/webp": picture("WEBP"),
        "model/gltf-binary": glb_of(triangle()),
    }[media_type]
    answers = set()
    for data in _broken(whole):
        try:
            answers.add(type(look(data, media_type)))
        except UnusableUpload as refused:
            answers.add(type(refused))
    assert UnusableUpload in answers

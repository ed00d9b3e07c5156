"""Range and conditional requests (RFC 9110, sections 13 and 14), for one range of bytes."""

import re

from maquette.api.problems import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


def selected(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the (start, end) that a Range header asks for, end exclusive; None means the whole file.

    A header that is malformed or asks for several ranges counts as absent, as the RFC allows.
    Errors: ``RangeNotSatisfiable`` when the range has no byte of the file.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes; the range lies outside of it.")
    return start, end


def none_match(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names the tag, so that the caller already has the file."""
    if header is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in {"*", etag} for tag in tags)

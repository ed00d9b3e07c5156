"""How files are presented by whoever serves them: what a browser may show, and under which name it is saved."""

import re
from urllib.parse import quote

#: Shown in the browser; everything else is downloaded. No SVG and no HTML: both can carry scripts.
INLINE_TYPES = re.compile(
    r"image/(png|jpeg|webp|gif|avif|bmp)|model/[a-z0-9.+-]+|audio/[a-z0-9.+-]+|video/(mp4|webm)"
    r"|application/json|text/plain",
    re.ASCII,
)
OPAQUE = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}", re.ASCII)


def served_type(media_type: str) -> str:
    """Return the type a file is served as: its own when it is one."""
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else OPAQUE


def content_disposition(media_type: str, disposition: str, filename: str) -> str:
    """Return the ``Content-Disposition`` of a file: inline only where that was granted and is harmless."""
    inline = disposition == "inline" and INLINE_TYPES.fullmatch(served_type(media_type))
    kind = "inline" if inline else "attachment"
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename)
    if plain == filename:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"

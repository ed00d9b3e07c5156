"""A brief: what a person asked for, normalised. What steps are told of it: ``domain/composition.py``."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from maquette.domain.errors import Invalid

SEED_MAX = 2**63 - 1
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_STOPWORDS = frozenset({"a", "an", "the"})
PRIORITIES: Mapping[str, int] = {"low": -10, "normal": 0, "high": 10}


@dataclass(frozen=True, slots=True)
class Brief:
    """A submission after normalisation. ``seed`` is drawn and pinned when none was given."""

    project_id: UUID
    asset_type: str
    prompt: str
    seed: int
    negative_prompt: str = ""
    variants: int = 1
    library_path: str = ""
    skip: tuple[str, ...] = ()
    reference_uploads: tuple[UUID, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    priority: str = "normal"
    fallback: str = "allow"
    """``allow`` or ``forbid``: whether others of a route may do a step while the first is away."""
    reuse: str = "allow"
    """``allow`` or ``never``: whether it takes over what other jobs made with equal inputs."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    provide: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    """Uploads that are a step's work."""
    from_asset: str | None = None
    """``ast_…@n``: the asset version whose work stands for the steps before those that are redone."""


def library_path(given: str, prompt: str, folder: str = "") -> str:
    """Return where the asset goes in the library; without a wish, a slug of the prompt in the project's folder."""
    if not given:
        ascii_text = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
        words = [word for word in re.findall(r"[a-z0-9]+", ascii_text) if word not in _STOPWORDS]
        slug = "-".join(words)[:60].strip("-")
        name = slug or f"asset-{hashlib.sha256(prompt.encode()).hexdigest()[:8]}"
        return f"{folder}/{name}" if folder else name
    segments = given.split("/")
    if len(segments) > 8 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise Invalid.field(
            ("library_path",),
            "must be one to eight segments of letters, digits and ._- between slashes, none starting with a dot",
        )
    return given

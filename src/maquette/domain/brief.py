"""A brief: what a person asked for, normalised; and the one function that makes each step's inputs of it."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from maquette.domain.errors import Invalid
from maquette.domain.parameters import complete_params
from maquette.domain.pipeline import pipeline_for
from maquette.domain.style import Style

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
    metadata: Mapping[str, Any] = field(default_factory=dict)
    provide: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    """Uploads that are a step's work."""
    from_asset: str | None = None
    """``ast_…@n``: the asset version whose work stands for the steps before those that are redone."""


def library_path(given: str, prompt: str) -> str:
    """Return where the asset goes in the library; without a wish, a slug of the prompt."""
    if not given:
        ascii_text = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
        words = [word for word in re.findall(r"[a-z0-9]+", ascii_text) if word not in _STOPWORDS]
        slug = "-".join(words)[:60].strip("-")
        return slug or f"asset-{hashlib.sha256(prompt.encode()).hexdigest()[:8]}"
    segments = given.split("/")
    if len(segments) > 8 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise Invalid.field(
            ("library_path",),
            "must be one to eight segments of letters, digits and ._- between slashes, none starting with a dot",
        )
    return given


def compose(brief: Brief, style: Style) -> dict[str, Any]:
    """Return the effective inputs: for every step its parameters and its seed. Pure; shown in the job."""
    pipeline = pipeline_for(brief.asset_type)
    params = complete_params(pipeline, brief.params)
    params["text_to_image"] |= {
        "prompt": brief.prompt,
        "negative_prompt": brief.negative_prompt,
        "variants": brief.variants,
        "style": {
            "keywords": list(style.keywords),
            "negative_keywords": list(style.negative_keywords),
            "palette": list(style.palette),
        },
    }
    params["export"]["name"] = brief.library_path.rsplit("/", 1)[-1]
    return {"params": params, "seeds": dict.fromkeys(params, brief.seed)}


def changed(brief: Brief, changes: Mapping[str, Any]) -> Brief:
    """Return the brief with a reviewer's changes: prompt, negative_prompt, seed, variants, params by step."""
    params = {step: dict(values) for step, values in brief.params.items()}
    for step, values in changes.get("params", {}).items():
        params.setdefault(step, {}).update(values)
    simple = {
        name: changes[name] for name in ("prompt", "negative_prompt", "seed", "variants") if name in changes
    }
    return replace(brief, params=params, **simple)

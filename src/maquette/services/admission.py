"""``admit()``: everything between the endpoint and the create command, as one pure decision."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maquette.domain import safety, typeid
from maquette.domain.brief import PRIORITIES, PROMPT_MAX, Brief, clean_text, compose, library_path
from maquette.domain.errors import Detail, Invalid, UnsafeContent
from maquette.domain.pipeline import check_skip, gate_positions, pipeline_for
from maquette.domain.style import Style
from maquette.store.projects import Project, Upload


@dataclass(frozen=True, slots=True)
class Admitted:
    """A brief that may become a job, with all that the job pins."""

    brief: Brief
    skipped: frozenset[int]
    gates: frozenset[int]
    effective: Mapping[str, Any]
    style_version: int


def admit(wish: Mapping[str, Any], project: Project, uploads: Sequence[Upload], *, seed: int) -> Admitted:
    """Normalise, validate, compose and judge a submission; every refusal names its field."""
    pipeline = pipeline_for(wish["asset_type"])
    prompt = clean_text(wish["prompt"], ("prompt",), PROMPT_MAX, required=True)
    priority = wish.get("priority", "normal")
    if priority not in PRIORITIES:
        raise Invalid.field(("priority",), f"must be one of {', '.join(PRIORITIES)}")
    brief = Brief(
        project_id=project.id,
        asset_type=pipeline.name,
        prompt=prompt,
        negative_prompt=clean_text(wish.get("negative_prompt") or "", ("negative_prompt",), PROMPT_MAX),
        seed=seed,
        variants=wish.get("variants", 1),
        library_path=library_path(wish.get("library_path") or "", prompt),
        skip=tuple(wish.get("skip", ())),
        reference_uploads=_known_uploads(wish.get("reference_uploads", ()), uploads),
        params=wish.get("params") or {},
        priority=priority,
        metadata=wish.get("metadata") or {},
    )
    skipped = check_skip(pipeline, brief.skip)
    unused = sorted(set(brief.params) & set(brief.skip))
    if unused:
        raise Invalid.field(("params", unused[0]), f"{unused[0]} is skipped, so it takes no parameters")
    judge(brief, project.style)
    return Admitted(
        brief,
        skipped,
        gate_positions(pipeline, project.gates, skipped),
        compose(brief, project.style),
        project.style.version,
    )


def judge(brief: Brief, style: Style) -> None:
    """Raise ``UnsafeContent`` when the floor finds something in what the worker would be told."""
    findings = safety.judge(brief.prompt, brief.negative_prompt, *style.keywords)
    if findings:
        categories = sorted({item.category for item in findings})
        raise UnsafeContent(
            f"The prompt is refused by the content policy ({', '.join(categories)}).",
            details=[Detail(("prompt",), f"refused: {name}", "content_policy") for name in categories],
            extra={"stage": "input", "categories": categories, "policy_version": safety.POLICY_VERSION},
        )


def _known_uploads(wanted: Collection[str], uploads: Sequence[Upload]) -> tuple[UUID, ...]:
    ids = tuple(typeid.decode("upl", item) for item in wanted)
    missing = set(ids) - {item.id for item in uploads}
    if missing:
        raise Invalid.field(
            ("reference_uploads",), f"there is no upload {typeid.encode('upl', min(missing))} in this project"
        )
    foreign = [item for item in uploads if not item.media_type.startswith("image/")]
    if foreign:
        raise Invalid.field(("reference_uploads",), f"{foreign[0].name} is no image")
    return ids

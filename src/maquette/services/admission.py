"""``admit()``: everything between the endpoint and the create command, as one pure decision."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from maquette.domain import retry, routing, typeid
from maquette.domain.brief import PRIORITIES, Brief, library_path
from maquette.domain.composition import compose
from maquette.domain.constraints import check_path
from maquette.domain.context import Pins
from maquette.domain.errors import Invalid
from maquette.domain.pipeline import REFERENCE_POSITION, check_skip, gates_at, pipeline_for
from maquette.domain.retry import StepRetries
from maquette.domain.review import GatePolicy
from maquette.domain.text import PROMPT, clean
from maquette.services.provided import Provided, choose
from maquette.store.projects import Project, Upload
from maquette.store.sources import Source


@dataclass(frozen=True, slots=True)
class Admitted:
    """A brief that may become a job, with all that the job pins."""

    brief: Brief
    skipped: frozenset[int]
    provided: Provided
    gates: frozenset[int]
    gate_policies: Mapping[int, GatePolicy]
    references: tuple[UUID, ...]
    """The brief's reference images; where it brings none, the style's."""
    effective: Mapping[str, Any]
    routes: Mapping[int, tuple[str, ...]]
    """Services by position; who does the steps that are not there is the platform's to say."""
    retries: Mapping[int, StepRetries]
    pins: Pins


def admit(
    wish: Mapping[str, Any],
    project: Project,
    uploads: Mapping[UUID, Upload],
    source: Source | None,
    *,
    seed: int,
) -> Admitted:
    """Normalise, validate and compose a submission; every refusal names its field.

    What it comes to has still to be judged: ``services/moderation.py``.

    ``source`` is the asset version to begin from: without words of its own, the brief has that one's.
    """
    pipeline, priority = pipeline_for(wish["asset_type"]), wish.get("priority", "normal")
    words, path = wish.get("prompt"), wish.get("library_path") or ""
    if source is not None:
        words, path = words or source.asset.lineage["prompt"], path or source.asset.library_path
    prompt = clean(words or "", PROMPT, ("prompt",), required=True)
    skipped = check_skip(pipeline, tuple(wish.get("skip", ())))
    unused = sorted(set(wish.get("params") or {}) & set(wish.get("skip", ())))
    if unused:
        raise Invalid.field(("params", unused[0]), f"{unused[0]} is skipped, so it takes no parameters")
    if source is None and wish.get("redo_from") is not None:
        raise Invalid.field(("redo_from",), "goes with from_asset: there is nothing to redo without it")
    provided = choose(pipeline, wish, skipped, uploads, source)
    if priority not in PRIORITIES:
        raise Invalid.field(("priority",), f"must be one of {', '.join(PRIORITIES)}")
    brief = Brief(
        project_id=project.id,
        asset_type=pipeline.name,
        prompt=prompt,
        negative_prompt=clean(wish.get("negative_prompt") or "", PROMPT, ("negative_prompt",)),
        seed=seed,
        variants=wish.get("variants", 1),
        library_path=library_path(path, prompt, project.constraints.library_folder),
        skip=tuple(wish.get("skip", ())),
        reference_uploads=_known_uploads(wish.get("reference_uploads", ()), uploads),
        params=wish.get("params") or {},
        priority=priority,
        fallback=wish.get("fallback", "allow"),
        reuse=wish.get("reuse", "allow"),
        metadata=wish.get("metadata") or {},
        provide={name: tuple(item.id for item in items) for name, items in provided.uploads.items()},
        from_asset=provided.from_asset,
    )
    skipped |= provided.idle
    check_path(project.constraints, brief.library_path)
    policies = project.gates.policies
    gates = gates_at(pipeline, project.gates.names, skipped | provided.positions)
    # A gate that is named twice, as its step and as before_export, follows what is said of the step.
    named = sorted(gates, key=lambda gate: gate != "before_export")
    return Admitted(
        brief,
        skipped,
        provided,
        frozenset(gates.values()),
        {gates[gate]: policies[gate] for gate in named if gate in policies},
        brief.reference_uploads or _style_references(project, provided, uploads),
        compose(brief, project.style, project.constraints),
        routing.pinned(project.routes, pipeline, fallback=brief.fallback != "forbid"),
        retry.pinned(project.retries, pipeline),
        Pins(
            project.style.version,
            project.constraints.version,
            project.gates.version,
            project.routes.version,
            project.retries.version,
        ),
    )


def _style_references(
    project: Project, provided: Provided, uploads: Mapping[UUID, Upload]
) -> tuple[UUID, ...]:
    """Return the style's reference images, where a picture is to be painted at all."""
    if REFERENCE_POSITION + 1 in provided.positions | provided.idle:
        return ()
    ids = (typeid.decode("upl", item) for item in project.style.references)
    return tuple(item for item in ids if item in uploads)


def _known_uploads(wanted: Collection[str], uploads: Mapping[UUID, Upload]) -> tuple[UUID, ...]:
    ids = tuple(typeid.decode("upl", item) for item in wanted)
    if len(set(ids)) != len(ids):
        raise Invalid.field(("reference_uploads",), "must name different uploads")
    missing = set(ids) - set(uploads)
    if missing:
        raise Invalid.field(
            ("reference_uploads",), f"there is no upload {typeid.encode('upl', min(missing))} in this project"
        )
    foreign = [uploads[item] for item in ids if not uploads[item].media_type.startswith("image/")]
    if foreign:
        raise Invalid.field(("reference_uploads",), f"{foreign[0].name} is no image")
    return ids

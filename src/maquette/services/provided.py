"""Work that comes with a brief: uploads that are a step's work, and an asset version to begin from."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from maquette.domain import typeid
from maquette.domain.errors import Detail, Invalid
from maquette.domain.job import Artifact, Job, StepRecord, StepStatus
from maquette.domain.pipeline import Pipeline, check_provided, unneeded
from maquette.domain.transitions import NO_WORK
from maquette.services.ids import new_id
from maquette.store.projects import Upload
from maquette.store.sources import Source

UPLOADS_MAX = 8
_KINDS = {"image/png": "image", "image/jpeg": "image", "image/webp": "image", "model/gltf-binary": "mesh"}
_FROM_ASSET = re.compile(r"(?P<asset>[a-z]+_[0-9a-z]{26})(?:@(?P<version>[1-9][0-9]{0,8}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Provided:
    """Which steps need not run: their work is there, or nothing needs it."""

    uploads: Mapping[str, tuple[Upload, ...]]
    taken: Mapping[str, tuple[Artifact, ...]]
    """Files of an asset version, by step."""
    positions: frozenset[int]
    idle: frozenset[int]
    source: Source | None = None

    @property
    def from_asset(self) -> str | None:
        """The asset version by name, whichever way it was asked for."""
        if self.source is None:
            return None
        return f"{typeid.encode('ast', self.source.asset.id)}@{self.source.asset.version}"


def parse_from_asset(text: str) -> tuple[UUID, int | None]:
    """Return asset and version of ``ast_…`` (the latest) or ``ast_…@3``."""
    match = _FROM_ASSET.fullmatch(text)
    if match is None:
        raise Invalid.field(
            ("from_asset",), "must be an asset's id, with @ and a version for another than the latest"
        )
    version = match["version"]
    return typeid.decode_field("ast", match["asset"], ("from_asset",)), None if version is None else int(
        version
    )


def choose(
    pipeline: Pipeline,
    wish: Mapping[str, Any],
    skipped: frozenset[int],
    uploads: Mapping[UUID, Upload],
    source: Source | None,
) -> Provided:
    """Decide what is brought and what is left to do; every refusal names its field."""
    if source is not None and any(item.withheld for item in source.artifacts):
        raise Invalid.field(
            ("from_asset",), "the content policy took away files of this version", "content_blocked"
        )
    given = {
        name: _uploads(pipeline, name, ids, uploads) for name, ids in (wish.get("provide") or {}).items()
    }
    check_provided(pipeline, given, skipped)
    taken = {} if source is None else _taken(pipeline, wish, skipped, given, source)
    positions = check_provided(pipeline, [*given, *taken], skipped)
    idle = unneeded(pipeline, skipped, positions)
    problems = [
        Detail(("params", name), f"{name} does not run, so it takes no parameters", "not_run")
        for name in wish.get("params") or {}
        if pipeline.position(name, ("params", name)) in positions | idle
    ]
    if wish.get("variants", 1) > 1 and pipeline.position("text_to_image") in positions | idle:
        problems.append(
            Detail(("variants",), "text_to_image does not run, so it makes no variants", "not_run")
        )
    if problems:
        raise Invalid(f"{'.'.join(map(str, problems[0].loc))}: {problems[0].msg}", details=problems)
    return Provided(given, taken, positions, idle, source)


def _uploads(
    pipeline: Pipeline, name: str, ids: Sequence[str], uploads: Mapping[UUID, Upload]
) -> tuple[Upload, ...]:
    loc = ("provide", name)
    makes = pipeline.steps[pipeline.position(name, loc)].makes
    if not 1 <= len(ids) <= UPLOADS_MAX or len(set(ids)) != len(ids):
        raise Invalid.field(loc, f"must name one to {UPLOADS_MAX} different uploads")
    found = []
    for item in ids:
        upload = uploads.get(typeid.decode_field("upl", item, loc))
        if upload is None:
            raise Invalid.field(loc, f"there is no upload {item} in this project")
        if (kind := _KINDS.get(upload.media_type)) not in makes:
            raise Invalid.field(
                loc, f"{upload.name} is of kind {kind}, but {name} makes {' and '.join(makes)}"
            )
        found.append(upload)
    if len(found) > 1 and "mesh" in makes:
        raise Invalid.field(loc, f"{name} makes one mesh")
    return tuple(found)


def _taken(
    pipeline: Pipeline,
    wish: Mapping[str, Any],
    skipped: frozenset[int],
    given: Mapping[str, tuple[Upload, ...]],
    source: Source,
) -> dict[str, tuple[Artifact, ...]]:
    """Return the version's work on all steps before the first that is to be redone."""
    made = {
        spec.name: tuple(item for item in source.artifacts if item.step == spec.name)
        for spec in pipeline.steps
    }
    held = {name for name, files in made.items() if files}
    redo_from = wish.get("redo_from")
    changed = [pipeline.position(name, ("params", name)) for name in wish.get("params") or {}]
    missing = [
        place for place, spec in enumerate(pipeline.steps) if spec.name not in held and place not in skipped
    ]
    if redo_from is not None:
        first = pipeline.position(redo_from, ("redo_from",))
    elif changed:
        first = min(changed)
    elif source.asset.type != pipeline.name and missing:
        first = missing[0]
    else:
        raise Invalid.field(
            ("redo_from",), "from_asset needs to know what is new: give params of a step, or name it here"
        )
    return {
        spec.name: made[spec.name]
        for place, spec in enumerate(pipeline.steps[:first])
        if place not in skipped and spec.name in held and spec.name not in given
    }


def rows(job: Job, provided: Provided, by: str) -> tuple[tuple[StepRecord, ...], tuple[Artifact, ...]]:
    """Return the records of the steps that are done from the start, and their files."""
    records: list[StepRecord] = []
    files: list[Artifact] = []
    for position in sorted(job.provided):
        name = job.pipeline.steps[position].name
        if name in provided.uploads:
            uploads = provided.uploads[name]
            ids = [typeid.encode("upl", item.id) for item in uploads]
            records.append(_record(job, position, {"provided": True, "uploads": ids, "by": by}))
            files += [
                replace(item, name=distinct)
                for item, distinct in zip(
                    (uploaded(job.id, position, name, item) for item in uploads),
                    _distinct([item.name for item in uploads]),
                    strict=True,
                )
            ]
        elif provided.source is not None:
            origin = next(item for item in provided.source.records if item.step == name)
            outputs = {**origin.outputs, "provided": True, "from_asset": provided.from_asset, "by": by}
            outputs.pop("uploads", None)
            record = _record(job, position, outputs)
            records.append(replace(record, model=origin.model, model_version=origin.model_version))
            files += [
                replace(item, id=new_id(), job_id=job.id, position=position, revision=0, attempt=0)
                for item in provided.taken[name]
            ]
    return tuple(records), tuple(files)


def _record(job: Job, position: int, outputs: Mapping[str, Any]) -> StepRecord:
    return StepRecord(
        job_id=job.id,
        position=position,
        revision=0,
        step=job.pipeline.steps[position].name,
        status=StepStatus.DONE,
        attempt=0,
        fence=None,
        service="",
        worker="",
        started_at=None,
        finished_at=job.created_at,
        idempotency_key=None,
        outputs=outputs,
        metrics=NO_WORK,
    )


def uploaded(job_id: UUID, position: int, step: str, upload: Upload, kind: str | None = None) -> Artifact:
    """Return an upload as a step's file."""
    return Artifact(
        id=new_id(),
        job_id=job_id,
        position=position,
        revision=0,
        attempt=0,
        step=step,
        kind=kind or _KINDS[upload.media_type],
        name=upload.name,
        media_type=upload.media_type,
        bytes=upload.bytes,
        sha256=upload.sha256,
        key=upload.key,
        attributes={"upload": typeid.encode("upl", upload.id)},
    )


def _distinct(names: Sequence[str]) -> list[str]:
    """Return file names of which each occurs once: what two share gets a number in front."""
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [f"{place}-{name}"[:120] if name in shared else name for place, name in enumerate(names, 1)]

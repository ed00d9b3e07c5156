"""The library: what is filed when a job's export is done or approved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.events import timestamp
from maquette.domain.job import Artifact, Job, StepRecord
from maquette.domain.ruling import Withheld

#: Artifact kind → role of the file in the library; other kinds keep their name.
_ROLES: Mapping[str, str] = {
    "model": "model",
    "mesh": "mesh",
    "image": "image",
    "clip": "clip",
    "texture": "texture",
}
_METADATA = ("poly_count", "topology", "uv", "armature", "weights", "clips", "texture_set", "engine_notes")


@dataclass(frozen=True, slots=True)
class AssetFile:
    """One file of an asset version; it refers to the artifact's object, nothing is copied."""

    name: str
    role: str
    artifact_id: UUID
    media_type: str
    bytes: int
    sha256: str
    key: str
    withheld: Withheld | None = None
    """Why nobody can read it; None when it may be seen."""


@dataclass(frozen=True, slots=True)
class AssetDraft:
    """A version about to be filed; the library gives it its asset id and number."""

    job: Job
    library_path: str
    prompt: str
    files: tuple[AssetFile, ...]
    metadata: Mapping[str, Any]
    lineage: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Last segment of the path."""
        return self.library_path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Asset:
    """A library entry at one of its versions."""

    id: UUID
    project_id: UUID
    type: str
    name: str
    library_path: str
    version: int
    latest: int
    status: str
    job_id: UUID
    files: tuple[AssetFile, ...]
    metadata: Mapping[str, Any]
    lineage: Mapping[str, Any]
    created_at: datetime


def draft(
    job: Job,
    *,
    library_path: str,
    prompt: str,
    style_version: int,
    effective: Mapping[str, Any],
    records: Sequence[StepRecord],
    artifacts: Sequence[Artifact],
) -> AssetDraft:
    """Return the version to file: every current artifact by role, and where it all came from.

    ``records`` and ``artifacts`` are those of the job's current revisions, in order of steps.
    """
    replaced = {item.step for item in artifacts if "replaces" in item.attributes}
    worked = [record for record in records if record.service]
    lineage = {
        "job_id": typeid.encode("job", job.id),
        "pipeline": {"name": job.pipeline.name, "version": job.pipeline_version},
        "style_version": style_version,
        "prompt": prompt,
        "prompts": {
            record.step: record.outputs["prompt_used"]
            for record in records
            if "prompt_used" in record.outputs
        },
        "seeds": {record.step: effective["seeds"][record.step] for record in worked},
        "services": {record.step: record.service for record in worked},
        "models": {
            record.step: {"name": record.model, "version": record.model_version}
            for record in records
            if record.model
        },
        "steps": {
            record.step: {"revision": record.revision, "idempotency_key": record.idempotency_key}
            for record in records
        },
    }
    lineage |= _brought(records, artifacts)
    return AssetDraft(job, library_path, prompt, _files(artifacts), _metadata(records, replaced), lineage)


def _metadata(records: Sequence[StepRecord], replaced: Collection[str]) -> dict[str, Any]:
    """Return what the last step that says something says; what was said of a file that a person replaced is left out."""
    metadata = {}
    for name in _METADATA:
        said = next((record for record in reversed(records) if record.outputs.get(name) is not None), None)
        if said is not None and said.step not in replaced:
            metadata[name] = said.outputs[name]
    return metadata


def _brought(records: Sequence[StepRecord], artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """Return what was not made here: the asset version a job began from, and the uploads that stand for work."""
    origins = {record.outputs["from_asset"] for record in records if _is_from_asset(record)}
    uploads = {
        record.step: record.outputs["uploads"]
        for record in records
        if not record.service and not _is_from_asset(record)
    }
    replaced: dict[str, dict[str, str]] = {}
    for item in artifacts:
        if "replaces" in item.attributes:
            replaced.setdefault(item.step, {})[item.attributes["replaces"]] = item.attributes["upload"]
    brought: dict[str, Any] = {"provided": uploads, "replaced": replaced}
    if origins:
        brought["from_asset"] = min(origins)
        brought["from_asset_steps"] = [record.step for record in records if _is_from_asset(record)]
    return {name: value for name, value in brought.items() if value}


def _is_from_asset(record: StepRecord) -> bool:
    return not record.service and "from_asset" in record.outputs


def _files(artifacts: Sequence[Artifact]) -> tuple[AssetFile, ...]:
    """Return the files, the export's first; a name that two steps share gets the earlier step's in front."""
    taken: set[str] = set()
    files = []
    for item in sorted(artifacts, key=lambda item: -item.position):
        name = item.name if item.name not in taken else f"{item.step}-{item.name}"
        if name in taken:
            name = f"{len(taken)}-{name}"
        taken.add(name)
        role = _ROLES.get(item.kind, item.kind)
        files.append(
            AssetFile(name, role, item.id, item.media_type, item.bytes, item.sha256, item.key, item.withheld)
        )
    return tuple(files)


def indexed_data(draft: AssetDraft, asset_id: UUID, version: int, at: datetime) -> dict[str, Any]:
    """Return the data of ``AssetIndexed``: files by id, never by URL."""
    return {
        "asset_id": typeid.encode("ast", asset_id),
        "version": version,
        "library_path": draft.library_path,
        "files": [
            {
                "artifact_id": typeid.encode("art", item.artifact_id),
                "name": item.name,
                "role": item.role,
                "media_type": item.media_type,
                "bytes": item.bytes,
                "sha256": item.sha256,
            }
            for item in draft.files
        ],
        "metadata": {
            key: value for key, value in draft.metadata.items() if key in {"poly_count", "topology"}
        },
        "ts": timestamp(at),
    }

"""What makes a success unacceptable: checked before it is applied, so that nothing half-made is recorded."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from maquette import wire
from maquette.domain.idempotency import canonical
from maquette.domain.job import FILE_NAME, Job, object_prefix
from maquette.ports import ObjectStore

ARTIFACTS_MAX = 64
JSON_BYTES_MAX = 256 * 1024
METRIC_MAX = 1e9
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


async def problem_with(objects: ObjectStore, job: Job, outcome: wire.Outcome) -> tuple[str, str] | None:
    """Return code and message of the first thing wrong, or None.

    Names, kinds, required outputs and metrics first; then every stored object must be exactly what was declared.
    """
    return _shape(job, outcome) or _metrics(outcome.metrics) or await _stored(objects, job, outcome.artifacts)


def _shape(job: Job, outcome: wire.Outcome) -> tuple[str, str] | None:
    names = [item.name for item in outcome.artifacts]
    if len(names) > ARTIFACTS_MAX:
        return "too_many_artifacts", f"artifacts: at most {ARTIFACTS_MAX}, not {len(names)}"
    if len(set(names)) != len(names):
        return "artifact_repeated", "artifacts: every name may occur once"
    for item in outcome.artifacts:
        if not FILE_NAME.fullmatch(item.name) or not _KIND.fullmatch(item.kind):
            return (
                "artifact_name",
                f"artifacts: {item.name[:120]!r} of kind {item.kind[:40]!r} is no legal name",
            )
    kinds = {item.kind for item in outcome.artifacts}
    for kind in job.spec.makes:
        if kind not in kinds:
            return "missing_artifact", f"artifacts: {job.spec.name} must make at least one of kind {kind!r}"
    for field in job.spec.outputs:
        if outcome.outputs.get(field) is None:
            return "missing_output", f"outputs.{field}: {job.spec.name} must say it"
    attributes = [item.attributes for item in outcome.artifacts]
    for name, value in (
        ("outputs", outcome.outputs),
        ("metrics", outcome.metrics),
        ("artifacts.attributes", attributes),
    ):
        try:
            size = len(canonical(value))
        except (ValueError, UnicodeEncodeError):
            return "bad_value", f"{name}: holds a number or text that JSON cannot carry"
        if size > JSON_BYTES_MAX:
            return "too_large", f"{name}: at most {JSON_BYTES_MAX} bytes, not {size}"
    return None


def _metrics(metrics: Mapping[str, Any]) -> tuple[str, str] | None:
    """Check what every step owes: how long it took, on what, and at what cost."""
    for name in ("duration", "cost_estimate"):
        value = metrics.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= METRIC_MAX:
            return "bad_metric", f"metrics.{name}: must be a number from 0 to {METRIC_MAX:g}"
    gpu_type = metrics.get("gpu_type")
    if not isinstance(gpu_type, str) or not 1 <= len(gpu_type) <= 200:
        return "bad_metric", "metrics.gpu_type: must be a text of 1 to 200 characters"
    return None


async def _stored(
    objects: ObjectStore, job: Job, artifacts: Sequence[wire.OutputArtifact]
) -> tuple[str, str] | None:
    prefix = object_prefix(job)
    found = await asyncio.gather(*(objects.stat(prefix + item.name) for item in artifacts))
    for item, stored in zip(artifacts, found, strict=True):
        if stored is None:
            return "artifact_missing", f"artifacts.{item.name}: nothing was uploaded under this attempt"
        if (stored.bytes, stored.sha256, stored.media_type) != (item.bytes, item.sha256, item.media_type):
            return "artifact_differs", f"artifacts.{item.name}: the stored file is not what was declared"
    return None

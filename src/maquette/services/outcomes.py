"""What an outcome means: the command that follows, or what makes a success unacceptable.

Checked before anything is applied, so that nothing half-made is recorded.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maquette import wire
from maquette.domain.commands import Acknowledge, Command, Complete, Fail
from maquette.domain.job import FILE_NAME, Artifact, Job, object_prefix
from maquette.domain.principal import Principal
from maquette.ports import StoredObject
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.store.database import encode

ARTIFACTS_MAX = 64
JSON_BYTES_MAX = 256 * 1024
METRIC_MAX = 1e9
#: The fence that no lease has: their sequence begins at 1.
_NOBODYS_FENCE = 0
_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class _Heard:
    """An outcome, and the job whose lease it ends; None where no lease answers to its fence."""

    outcome: wire.Outcome
    fence: int
    job: Job | None
    problem: tuple[str, str] | None = None
    keys: tuple[str, ...] = ()
    """Where its files have to lie."""


async def commands_of(
    deps: Deps, principal: Principal, outcomes: Sequence[tuple[wire.Outcome, Job | None]]
) -> list[tuple[Command, str]]:
    """Return the command that each outcome means, and what is wrong with it when it has to count as a failure.

    Each comes with its job as it was leased. Names, kinds, required outputs and metrics are looked at first; then every
    stored object must be exactly what was declared.
    """
    heard = [_heard(principal, outcome, job) for outcome, job in outcomes]
    keys = [key for item in heard for key in item.keys]
    stored = dict(zip(keys, await deps.objects.stat_all(keys), strict=True)) if keys else {}
    return [await _command(deps, item, stored) for item in heard]


def _heard(principal: Principal, outcome: wire.Outcome, job: Job | None) -> _Heard:
    fence = heard_fence(principal, outcome.fence, job)
    if job is None or job.lease is None or job.lease.fence != fence:
        return _Heard(outcome, fence, None)
    if outcome.status != "succeeded":
        return _Heard(outcome, fence, job)
    if problem := problem_with(job, outcome):
        return _Heard(outcome, fence, job, problem)
    prefix = object_prefix(job)
    return _Heard(outcome, fence, job, keys=tuple([prefix + item.name for item in outcome.artifacts]))


def heard_fence(principal: Principal, fence: int, job: Job | None) -> int:
    """Return the fence under which a worker is heard: one of a service that its token is not for is nobody's.

    Fences are numbers in a row, so they can be guessed; a token for one service must not end another's attempt.
    """
    if principal.services is None:
        return fence
    lease = job.lease if job is not None else None
    own = lease is not None and lease.fence == fence and principal.serves(lease.service)
    return fence if own else _NOBODYS_FENCE


async def _command(
    deps: Deps, heard: _Heard, stored: Mapping[str, StoredObject | None]
) -> tuple[Command, str]:
    outcome, fence, job = heard.outcome, heard.fence, heard.job
    if outcome.status == "canceled":
        return Acknowledge(fence), ""
    if outcome.status == "failed":
        return Fail(
            fence=fence,
            error_class=outcome.error_class,
            code=printable(outcome.error_code, 80) or "failed",
            message=printable(outcome.error_message, 2000),
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            retry_after_seconds=outcome.retry_after_seconds,
        ), ""
    if job is None:
        return Acknowledge(fence), ""  # stale whatever it says
    found = heard.problem or _stored(outcome.artifacts, [stored[key] for key in heard.keys])
    if found is not None:
        code, message = found
        return Fail(fence=fence, error_class="invalid", code=code, message=message, jitter=0.0), message
    files = tuple(
        [_artifact(job, key, item) for key, item in zip(heard.keys, outcome.artifacts, strict=True)]
    )
    seen = await deps.moderation.seen(job, outcome.outputs, files)
    return Complete(
        fence=fence,
        artifacts=files,
        outputs=outcome.outputs,
        metrics=outcome.metrics,
        model=printable(outcome.model, 200),
        model_version=printable(outcome.model_version, 200),
        safety=seen.safety,
        ruling=seen.ruling,
        unjudged=seen.unjudged,
    ), ""


def printable(text: str, length_max: int) -> str:
    """Return the beginning of a text with spaces for what cannot be printed."""
    if len(text) <= length_max and text.isprintable():
        return text
    return "".join(ch if ch.isprintable() or ch == "\n" else " " for ch in text[:length_max])


def _artifact(job: Job, key: str, item: wire.OutputArtifact) -> Artifact:
    return Artifact(
        id=new_id(),
        job_id=job.id,
        position=job.position,
        revision=job.revision,
        attempt=job.attempt,
        step=job.spec.name,
        kind=item.kind,
        name=item.name,
        media_type=item.media_type,
        bytes=item.bytes,
        sha256=item.sha256,
        key=key,
        attributes=item.attributes,
    )


def problem_with(job: Job, outcome: wire.Outcome) -> tuple[str, str] | None:
    """Return code and message of the first thing wrong with what a success says, or None; its files are another matter."""
    return _shape(job, outcome) or _metrics(outcome.metrics)


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
            size = len(encode(value))
        except UnicodeEncodeError:
            return "bad_value", f"{name}: holds a text that JSON cannot carry"
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


def _stored(
    artifacts: Sequence[wire.OutputArtifact], found: Sequence[StoredObject | None]
) -> tuple[str, str] | None:
    for item, stored in zip(artifacts, found, strict=True):
        if stored is None:
            return "artifact_missing", f"artifacts.{item.name}: nothing was uploaded under this attempt"
        if (stored.bytes, stored.sha256, stored.media_type) != (item.bytes, item.sha256, item.media_type):
            return "artifact_differs", f"artifacts.{item.name}: the stored file is not what was declared"
    return None

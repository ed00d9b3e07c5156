"""Domain values as the API shows them: ids as TypeIDs, times as RFC 3339, files with signed links."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.asset import Asset, AssetFile
from maquette.domain.billing import reserved
from maquette.domain.context import KINDS
from maquette.domain.events import timestamp
from maquette.domain.job import Artifact, Job, StepRecord, StepStatus, step_id
from maquette.domain.ledger import CURRENCY, dollars
from maquette.domain.review import Then
from maquette.ports import Cdn, ObjectStore, SignedFolder, SignedRequest
from maquette.services.jobs import JobView
from maquette.services.reviews import decision_fields
from maquette.store.dead_letters import Tried
from maquette.store.projects import Project

_POLICIES = ("floor", "platform", "project")
_FINISHED = frozenset({StepStatus.DONE, StepStatus.APPROVED})
Fields = dict[str, Any]


def moment(value: datetime | None) -> str | None:
    """Return a time as text, or None."""
    return None if value is None else timestamp(value)


def project(item: Project) -> Fields:
    """Return a project with the newest version of its context."""
    values = {name: getattr(item, name) for name in KINDS}
    return {
        "id": typeid.encode("prj", item.id),
        "name": item.name,
        "created_at": moment(item.created_at),
        "created_by": item.created_by,
        "open_jobs_max": item.open_jobs_max,
        "weight": item.weight,
        **{name: {"version": value.version, **KINDS[name].fields(value)} for name, value in values.items()},
    }


def artifact(item: Artifact, objects: ObjectStore, ttl_seconds: int) -> Fields:
    """Return a file of a step with a link to read it; without one when it is gone, or nobody may see it."""
    signed = (
        None
        if item.expired or item.withheld is not None
        else objects.sign_get(
            item.key, media_type=item.media_type, filename=item.name, ttl_seconds=ttl_seconds
        )
    )
    return {
        "id": typeid.encode("art", item.id),
        "kind": item.kind,
        "name": item.name,
        "media_type": item.media_type,
        "bytes": item.bytes,
        "sha256": item.sha256,
        "url": signed and signed.url,
        "url_expires_at": signed and at_seconds(signed.expires_at),
        "expired": item.expired,
        "withheld": item.withheld,
        "selected": item.selected,
        "replaced_by": None if item.replaced_by is None else typeid.encode("art", item.replaced_by),
        "attributes": item.attributes,
    }


def job(
    view: JobView, objects: ObjectStore, *, ttl_seconds: int, root_path: str, history: bool = False
) -> Fields:
    """Return a job with its current steps, and its superseded ones when they are asked for."""
    state, row = view.job, view.row
    files: dict[tuple[int, int], list[Fields]] = {}
    for item in view.artifacts:
        shown = artifact(item, objects, ttl_seconds)
        files.setdefault((item.position, item.revision), []).append(shown)
    records = {(record.position, record.revision): record for record in view.records}
    steps = [
        _current_step(view, position, records, files)
        for position in range(len(state.revisions))
        if position not in state.skipped
    ]
    job_id = typeid.encode("job", state.id)
    address = f"{root_path}/jobs/{job_id}"
    fields = {
        "id": job_id,
        "project_id": typeid.encode("prj", state.project_id),
        "asset_type": state.asset_type,
        "status": state.status,
        "current_step": state.spec.name,
        "hold_before": None if state.hold_at is None else state.pipeline.steps[state.hold_at].name,
        "created_at": moment(state.created_at),
        "started_at": moment(state.started_at),
        "finished_at": moment(state.finished_at),
        "created_by": row.created_by,
        "correlation_id": state.correlation_id,
        "inputs": row.inputs,
        "effective_inputs": row.effective,
        "safety": policies(row.safety),
        "context": {f"{kind}_version": getattr(row.pins, kind) for kind in KINDS},
        "pipeline": {"name": state.pipeline.name, "version": state.pipeline_version},
        "progress": _progress(view, steps),
        "queue_position": view.queue_position,
        "eta_seconds": None if view.eta_seconds is None else round(view.eta_seconds, 1),
        "cost": _cost(state),
        "gate": _gate(state),
        "steps": steps,
        "user_decisions": [decision_fields(item) for item in view.decisions],
        "error": state.error,
        "asset_id": None if state.asset_id is None else typeid.encode("ast", state.asset_id),
        "batch": row.batch and {"id": typeid.encode("bat", row.batch.batch_id), "line": row.batch.line},
        "urls": {
            "self": address,
            **{name: f"{address}/{name}" for name in ("events", "review", "cancel", "pause", "resume")},
        },
        "metadata": row.inputs.get("metadata", {}),
    }
    if history:
        superseded = [
            _step(state, record, files)
            for record in view.records
            if record.revision != state.revisions[record.position]
        ]
        fields["steps"] = sorted([*superseded, *steps], key=lambda step: (step["position"], step["revision"]))
    for step in fields["steps"]:
        tried = view.attempts.get((step["position"], step["revision"]), [])
        step["attempts_failed"] = [attempt(item) for item in tried]
    return fields


def attempt(tried: Tried) -> Fields:
    """Return an attempt that came to nothing."""
    return {
        "attempt": tried.attempt,
        "service": tried.service,
        "worker": tried.worker,
        "started_at": moment(tried.started_at),
        "finished_at": moment(tried.finished_at),
        "error": tried.error,
    }


def _gate(job: Job) -> Fields | None:
    """Return what the open gate's clock comes to; None where it has none."""
    since, due_at = job.gate_since, job.gate_due_at
    if since is None:
        return None
    policy = job.gate_policies[job.position]
    # What is due at this very moment is the next thing, whether or not its time has come.
    due = None if due_at is None else policy.due(since, due_at - timedelta(microseconds=1))
    told = (
        policy.escalated(since, since, due_at - timedelta(microseconds=1)) if due_at else policy.escalations
    )
    return {
        "step": job.spec.name,
        "revision": job.revision,
        "since": moment(since),
        "escalated": len(told),
        "next": due
        and {
            "at": moment(due.at),
            "action": due.action,
            "to": None if due.stage is None else policy.escalations[due.stage - 1].to,
        },
        "then": policy.then,
        "then_at": None if policy.then is Then.REMIND else moment(policy.ends_at(since)),
    }


def _current_step(
    view: JobView,
    position: int,
    records: Mapping[tuple[int, int], StepRecord],
    files: Mapping[tuple[int, int], list[Fields]],
) -> Fields:
    """Return the current revision of one step: from its record when it has ended, else from job and lease."""
    state = view.job
    revision = state.revisions[position]
    record = records.get((position, revision))
    current = position == state.position
    if record is not None:
        shown = _step(state, record, files)
    else:
        shown = _empty_step(state.id, state.pipeline.steps[position].name, position, revision)
        shown["requested_service"] = state.service_at(position)
        if current and state.fallback is not None:
            shown |= {"service": state.fallback.service, "fallback_reason": state.fallback.reason}
    if current:
        shown |= {
            "status": state.step_status,
            "pause_reason": state.pause_reason,
            "waiting_for": None if view.waiting_for is None else typeid.encode("job", view.waiting_for),
            "attempt": state.attempt,
            "retry_at": moment(state.retry_at),
            "gate_due_at": moment(state.gate_due_at),
        }
    if current and view.lease is not None and record is None:
        shown |= {
            "service": view.lease.service,
            "worker": view.lease.worker,
            "started_at": moment(view.lease.leased_at),
        }
    return shown


def _step(job: Job, record: StepRecord, files: Mapping[tuple[int, int], list[Fields]]) -> Fields:
    asked = job.service_at(record.position) if record.route_reason else record.service
    made = files.get((record.position, record.revision), [])
    return {
        **_empty_step(job.id, record.step, record.position, record.revision),
        "status": record.status,
        "attempt": record.attempt,
        "service": record.service or None,
        "requested_service": asked or None,
        "fallback_reason": record.route_reason or None,
        "worker": record.worker or None,
        "started_at": moment(record.started_at),
        "finished_at": moment(record.finished_at),
        "artifacts": made,
        "outputs": {} if any(file["withheld"] for file in made) else record.outputs,
        "metrics": record.metrics,
        "model": record.model,
        "model_version": record.model_version,
        "idempotency_key": record.idempotency_key,
        "provided": record.service == "",
        "reused_from": None if record.reused_from is None else typeid.encode("step", record.reused_from),
        "safety": policies(record.safety),
        "error": record.error,
    }


def _empty_step(job_id: UUID, name: str, position: int, revision: int) -> Fields:
    return {
        "id": typeid.encode("step", step_id(job_id, position, revision)),
        "name": name,
        "position": position,
        "revision": revision,
        "status": StepStatus.PENDING,
        "pause_reason": None,
        "waiting_for": None,
        "attempt": 0,
        "service": None,
        "requested_service": None,
        "fallback_reason": None,
        "worker": None,
        "started_at": None,
        "finished_at": None,
        "retry_at": None,
        "artifacts": [],
        "outputs": {},
        "metrics": {},
        "model": None,
        "model_version": None,
        "idempotency_key": None,
        "provided": False,
        "reused_from": None,
        "gate_due_at": None,
        "safety": None,
        "error": None,
    }


def policies(versions: str) -> Fields | None:
    """Return the versions of the policies that allowed something, by name; None when none did yet."""
    return dict(zip(_POLICIES, map(int, versions.split(".")), strict=True)) if versions else None


def _progress(view: JobView, steps: Sequence[Fields]) -> Fields:
    """Return how far a job is: finished steps, and the running one by what its worker says."""
    done = sum(step["status"] in _FINISHED for step in steps)
    running = view.progress if view.lease is not None else None
    part = running.value if running else 0.0
    return {
        "value": round((done + part) / len(steps), 4),
        "steps_done": done,
        "steps_total": len(steps),
        "message": running.message if running else "",
    }


def _cost(job: Job) -> Fields:
    """Return what a job costs, in dollars; what costs nothing has no bill."""
    bill = job.bill
    most = None if bill is None else bill.max_micros
    return {
        "currency": CURRENCY,
        "estimated": dollars(sum(item.micros for item in bill.estimates)) if bill else 0,
        "reserved": dollars(reserved(job).micros),
        "actual": dollars(bill.spent.micros) if bill else 0,
        "max_cost": None if most is None else dollars(most),
    }


def asset(item: Asset, objects: ObjectStore, cdn: Cdn, ttl_seconds: int) -> Fields:
    """Return an asset at one of its versions, its files with links to read them."""
    files = [_asset_file(file, objects, cdn, ttl_seconds) for file in item.files]
    main = next((file for file in files if file["role"] in {"model", "image"}), None)
    return {
        "id": typeid.encode("ast", item.id),
        "project_id": typeid.encode("prj", item.project_id),
        "type": item.type,
        "name": item.name,
        "library_path": item.library_path,
        "version": item.version,
        "latest_version": item.latest,
        "status": item.status,
        "cdn_url": main["cdn_url"] if main else None,
        "files": files,
        "metadata": item.metadata,
        "lineage": item.lineage,
        "created_at": moment(item.created_at),
    }


def _asset_file(file: AssetFile, objects: ObjectStore, cdn: Cdn, ttl_seconds: int) -> Fields:
    def link(signer: Cdn) -> SignedRequest:
        return signer.sign_get(
            file.key, media_type=file.media_type, filename=file.name, ttl_seconds=ttl_seconds
        )

    signed = None if file.withheld is not None else link(objects)
    near = signed if signed is None or cdn is objects else link(cdn)
    return {
        "artifact_id": typeid.encode("art", file.artifact_id),
        "name": file.name,
        "role": file.role,
        "media_type": file.media_type,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "url": signed and signed.url,
        "cdn_url": near and near.url,
        "url_expires_at": signed and near and at_seconds(min(signed.expires_at, near.expires_at)),
        "withheld": file.withheld,
    }


def folder(item: SignedFolder) -> Fields:
    """Return a permission for a folder."""
    return {
        "url": item.url,
        "query": item.query,
        "cookies": item.cookies,
        "expires_at": at_seconds(item.expires_at),
    }


def at_seconds(seconds: int) -> str:
    """Return Unix seconds as text."""
    return timestamp(datetime.fromtimestamp(seconds, UTC))

"""The functions that every step goes through, each ready to be called with the values of a plain 7-step job.

What they cost is counted, not timed: in bytecode by ``tests/cost``, in machine instructions by ``benchmarks.cost``, for
which ``python -m benchmarks.hot TIMES`` calls them all so many times.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.floor import completion, lease_at, new_job
from benchmarks.work import MODEL, MODEL_VERSION, SERVICE, STEPS, file_of, outputs_of
from maquette.domain import lifecycle, typeid
from maquette.domain.commands import Create, Start
from maquette.domain.idempotency import canonical
from maquette.domain.job import Job, Lease
from maquette.services.orders import Batch, Order, Slot
from maquette.services.outcomes import problem_with
from maquette.store.jobs import job_from, lease_from
from maquette.wire import Outcome

_METRICS = {"duration": 0.000123, "gpu_type": "cpu", "cost_estimate": 0.0}
_BODY = {"outputs": outputs_of("export"), "metrics": _METRICS, "list": [1, 2.5, None, True, "é"]}


def functions() -> Mapping[str, Callable[[], object]]:
    """Return calls by name; each may be repeated as often as one likes."""
    fresh = new_job(SERVICE)
    now, create, start = fresh.created_at, Create(fresh), Start(lease_at(SERVICE))
    first = lifecycle.decide(fresh, start, now).job
    last = _at_last_step(fresh)
    done, ended = completion(first, STEPS[0]), completion(last, STEPS[-1])
    order, outcome = Order(first.id, done), _outcome(first)
    job_row, lease_row, task_id = _job_row(first), _lease_row(start.lease), typeid.encode("task", fresh.id)
    return {
        "decide create": lambda: lifecycle.decide(None, create, now),
        "decide start": lambda: lifecycle.decide(fresh, start, now),
        "decide complete": lambda: lifecycle.decide(first, done, now),
        "decide complete, last step": lambda: lifecycle.decide(last, ended, now),
        "fold complete": lambda: _batch(first).fold(Slot(1, order), first.id, done),
        "canonical JSON": lambda: canonical(_BODY),
        "TypeID written": lambda: typeid._suffix.__wrapped__(fresh.id.int),  # noqa: SLF001 - past its cache
        "TypeID read": lambda: typeid.decode("task", task_id),
        "problem with an outcome": lambda: problem_with(first, outcome),
        "row to job": lambda: job_from(job_row),
        "row to lease": lambda: lease_from(lease_row),
    }


def _at_last_step(job: Job) -> Job:
    """Return the job while its last step runs."""
    for step in STEPS:
        job = lifecycle.decide(job, Start(lease_at(SERVICE)), job.created_at).job
        if step != STEPS[-1]:
            job = lifecycle.decide(job, completion(job, step), job.created_at).job
    return job


def _batch(job: Job) -> Batch:
    return Batch(job.created_at, "1", {job.id: job}, {job.id: job})


def _outcome(job: Job) -> Outcome:
    return Outcome(
        task_id=typeid.encode("task", job.id),
        fence=1,
        status="succeeded",
        artifacts=[file_of(job.spec.name)],
        outputs=outputs_of(job.spec.name),
        metrics=_METRICS,
        model=MODEL,
        model_version=MODEL_VERSION,
    )


def _job_row(job: Job) -> dict[str, Any]:
    """Return the row that the database would have."""
    same = (
        "id project_id asset_type pipeline_version correlation_id priority status position step_status"
        " gate_open attempt retry_at sequence created_at started_at finished_at asset_id attempts_before"
        " hold_at gate_since gate_due_at"
    )
    never = "routes error detour retries lost reuse bill gate_policies"
    return {
        **{name: getattr(job, name) for name in same.split()},
        **dict.fromkeys(never.split()),
        **dict.fromkeys(("skipped", "gates", "provided", "holds"), 0),
        "service": job.service,
        "revisions": bytes(job.revisions),
    }


def _lease_row(lease: Lease) -> dict[str, Any]:
    same = "fence worker_epoch claim_id worker service leased_at deadline_at inputs_digest canceling"
    row = {name: getattr(lease, name) for name in same.split()}
    return {**row, "tag": lease.share.tag, "stride": lease.share.stride}


def main() -> None:
    """Call all of them, so many times."""
    calls = list(functions().values())
    for _ in range(int(sys.argv[1])):
        for call in calls:
            call()


if __name__ == "__main__":
    main()

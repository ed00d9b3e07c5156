"""docs/lifecycle.md, made from the transition table, so that the picture cannot drift from the truth."""

from maquette.domain.commands import COMMANDS
from maquette.domain.events import JOB_STREAM, EventType, stream_kind
from maquette.domain.job import JobStatus, PauseReason, StepStatus
from maquette.domain.lifecycle import TABLE, name
from maquette.domain.retry import POLICIES

_JOB_SAYS = {
    JobStatus.QUEUED: "Recorded; no attempt has begun yet.",
    JobStatus.RUNNING: "A step is being worked on, waits for a worker, or for its next attempt.",
    JobStatus.AWAITING_REVIEW: "A gate is open: a person decides about the current step.",
    JobStatus.PAUSED: "A person holds it, or what comes next is waited for: a word that it is safe, something to spend, a service, or another job that is doing an equal step. What runs is finished and recorded, nothing further starts.",
    JobStatus.SUCCEEDED: "All steps are done or approved and the asset version is indexed. For good.",
    JobStatus.FAILED: "A step failed for good; a dead letter tells why. For good.",
    JobStatus.CANCELED: "Given up by a person, or by a gate that nobody decided at in time. For good.",
}
_STEP_SAYS = {
    StepStatus.PENDING: "Waits for its turn, for a worker, or for its next attempt.",
    StepStatus.RUNNING: "Leased to a worker.",
    StepStatus.PAUSED: "Its gate is open (`review`), a person holds the job (`decision`), somebody has yet to say that its inputs or results may be (`safety`), there is nothing left to spend (`quota`), nobody to ask (`service_unavailable`), or another job is doing an equal one (`reuse`).",
    StepStatus.APPROVED: "A person approved it, or its gate's time-out did; counts as done.",
    StepStatus.REJECTED: "A person rejected it, and a new revision takes its place; or nobody decided in time, and the job is over.",
    StepStatus.DONE: "Its work is recorded and had no gate; or came with the brief, or was taken over from an equal step.",
    StepStatus.FAILED: "Its attempts are exhausted, or the error is permanent.",
    StepStatus.CANCELED: "It was current when the job was canceled.",
}


def render() -> str:
    """Return the page as Markdown."""
    return "\n".join([*_head(), *_picture(), *_statuses(), *_table(), *_retries(), *_events(), ""])


def _head() -> list[str]:
    return [
        "# Lifecycle",
        "",
        "<!-- Made by `make docs` from src/maquette/domain/lifecycle.py. Do not edit. -->",
        "",
        "A job changes in one way only: a command goes to the transactor, which locks the job, asks",
        "`lifecycle.decide(job, command, now)`, and writes what that returns in one transaction.",
        "",
    ]


def _picture() -> list[str]:
    edges: dict[tuple[str, str], list[str]] = {}
    for status, row in TABLE.items():
        for command, rule in row.items():
            for target in rule.to:
                if target != status:
                    edges.setdefault((status, target), []).append(name(command))
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued: create"]
    lines += [f"    {source} --> {target}: {', '.join(by)}" for (source, target), by in edges.items()]
    lines += [
        f"    {status} --> [*]" for status in JobStatus if status in {"succeeded", "failed", "canceled"}
    ]
    return [*lines, "```", ""]


def _statuses() -> list[str]:
    lines = ["## Statuses of a job", "", "| status | meaning |", "|---|---|"]
    lines += [f"| `{status}` | {_JOB_SAYS[status]} |" for status in JobStatus]
    lines += ["", "## Statuses of a step", "", "| status | meaning |", "|---|---|"]
    lines += [f"| `{status}` | {_STEP_SAYS[status]} |" for status in StepStatus]
    reasons = ", ".join(f"`{reason}`" for reason in PauseReason)
    return [*lines, "", f"`pause_reason` of a paused step: {reasons}.", ""]


def _table() -> list[str]:
    lines = [
        "## Every status and every command",
        "",
        "`refused` is a 409 that names both; `stale` tells a worker to drop its work; `nothing` changes nothing.",
        "",
        "| command | " + " | ".join(JobStatus) + " |",
        "|---|" + "---|" * len(JobStatus),
    ]
    for command in COMMANDS:
        cells = [TABLE[status][command].says for status in JobStatus]
        lines.append(f"| `{name(command)}` | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _retries() -> list[str]:
    lines = [
        "## Retries",
        "",
        "Exponential backoff with full jitter; a worker's `retry_after_seconds` is a floor (at most an hour). Projects may",
        "say otherwise by step and class; what is lost with its worker waits from the second loss on ([retries](retries.md)).",
        "",
        "| error class | attempts | base (s) | cap (s) |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{kind}` | {policy.attempts_max} | {policy.base_seconds:g} | {policy.cap_seconds:g} |"
        for kind, policy in POLICIES.items()
    ]
    return [*lines, ""]


def _events() -> list[str]:
    lines = [
        "## Events",
        "",
        "Every change writes its events in the same transaction, numbered without gaps within the job. Each",
        "carries `job_status` and, in `steps`, every step it changed with revision, status, attempt and pause",
        "reason: a reader of the events alone can rebuild what `GET /jobs/{id}` shows.",
        "",
    ]
    lines += [f"- `{kind}`" for kind in EventType if stream_kind(kind) is JOB_STREAM]
    return lines

"""``maquette job``: submit, watch and decide."""

import json as json_module
import mimetypes
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maquette.cli.output import CommandError, age, err, out, print_fields, print_json, print_table
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client

app = typer.Typer(help="Submit briefs, watch them become assets, decide at the gates.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JobId = Annotated[str, typer.Argument(help="job_…", metavar="JOB")]
Project = Annotated[
    str, typer.Option("--project", help="Project; default: MAQUETTE_PROJECT_ID or the first one.")
]

_LAST_EVENTS = frozenset({"JobSucceeded", "JobFailed", "JobCanceled"})
_DECISIONS = {"approved": "approved", "approve": "approved", "rejected": "rejected", "reject": "rejected"} | {
    "paused": "paused",
    "pause": "paused",
}


@app.command()
def submit(
    brief: Annotated[str, typer.Argument(help="What to make, in a sentence.")],
    asset_type: Annotated[str, typer.Option("--type", help="Pipeline: 3D or 2D.")] = "3D",
    project: Project = "",
    negative: Annotated[str, typer.Option(help="What it must not be.")] = "",
    seed: Annotated[int | None, typer.Option(help="Same seed, same result; default: drawn.")] = None,
    variants: Annotated[int, typer.Option(help="Concept images to choose from.")] = 1,
    library_path: Annotated[str, typer.Option(help="Where the asset goes: characters/courier.")] = "",
    skip: Annotated[
        list[str] | None, typer.Option(help="Leave out an optional step; may be repeated.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="STEP.NAME=VALUE, the value as JSON: retopo.target_polycount=8000; may be repeated."
        ),
    ] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="Reference image; may be repeated.")] = None,
    idempotency_key: Annotated[str, typer.Option(help="Sent twice, it makes one job.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    json: Json = False,
) -> None:
    """Submit a brief; prints the job."""
    from maquette.cli.client import connect, project_of

    settings = load()
    body: dict[str, Any] = {
        "project_id": project_of(settings, project),
        "asset_type": asset_type,
        "prompt": brief,
        "negative_prompt": negative,
        "variants": variants,
        "skip": skip or [],
        "params": parse_params(param or []),
        "library_path": library_path,
        "seed": seed,
    }
    body = {
        name: value for name, value in body.items() if name == "prompt" or value not in (None, "", [], {})
    }
    with connect(settings) as client:
        if reference:
            body["reference_uploads"] = [_upload(client, body["project_id"], path) for path in reference]
        job = client.post("/jobs", body, idempotency_key=idempotency_key or None)
        if watch:
            _exit_with(_watch(client, job["id"], as_json=json))
    if json:
        print_json(job)
    else:
        _print_job(job)
        err().print(f"[dim]follow it:[/dim] maquette job watch {job['id']}")


@app.command()
def watch(job_id: JobId, json: Json = False) -> None:
    """Follow a job to its end, which is also the command's: 0 when it succeeded.

    With --json: a line for every event, and the job as the last line.
    """
    from maquette.cli.client import connect

    with connect(load()) as client:
        _exit_with(_watch(client, job_id, as_json=json))


@app.command()
def show(
    job_id: JobId,
    history: Annotated[bool, typer.Option("--history", help="With superseded revisions.")] = False,
    json: Json = False,
) -> None:
    """Show a job as it is now."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        job = client.get(f"/jobs/{job_id}", history="true" if history else None)
    if json:
        print_json(job)
    else:
        _print_job(job)


@app.command("list")
def list_jobs(
    project: Project = "",
    status: Annotated[str, typer.Option(help="Only jobs in this status.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        jobs = list(client.pages("/jobs", limit, project_id=project_of(settings, project), status=status))
    if json:
        print_json({"items": jobs})
        return
    now = datetime.now(UTC)
    rows = [
        (
            job["id"],
            job["status"].replace("_", " "),
            job["current_step"] or "",
            age(job["created_at"], now),
            (job.get("inputs") or {}).get("prompt", ""),
        )
        for job in jobs
    ]
    print_table(("job", "status", "step", "age", "brief"), rows, elastic="brief", right=("age",))


@app.command()
def review(
    job_id: JobId,
    decision: Annotated[str, typer.Argument(help="approved, rejected or paused.")],
    step: Annotated[str, typer.Option(help="Default: the step at the open gate.")] = "",
    revision: Annotated[int | None, typer.Option(help="Default: the current one.")] = None,
    notes: Annotated[str, typer.Option(help="Why; kept with the job.")] = "",
    select: Annotated[list[str] | None, typer.Option(help="Artifact to go on with; may be repeated.")] = None,
    rewind_to: Annotated[str, typer.Option(help="When rejecting: step to go back to.")] = "",
    change: Annotated[
        list[str] | None,
        typer.Option(
            help="For the next try: prompt, negative_prompt, seed or variants=VALUE, or STEP.NAME=VALUE; may be repeated."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Decide at a gate."""
    from maquette.cli.client import connect

    if decision not in _DECISIONS:
        raise CommandError(f"{decision!r} is no decision.", "Say approved, rejected or paused.")
    with connect(load()) as client:
        if not step or revision is None:
            at = _step_to_decide(client.get(f"/jobs/{job_id}"), step)
            step, revision = at["name"], at["revision"] if revision is None else revision
        body = {
            "step": step,
            "revision": revision,
            "decision": _DECISIONS[decision],
            "notes": notes,
            "selection": select or [],
            "rewind_to": rewind_to or None,
            "changes": parse_changes(change or []),
        }
        job = client.post(f"/jobs/{job_id}/review", body)
    if json:
        print_json(job)
    else:
        _print_job(job)


@app.command()
def cancel(job_id: JobId, json: Json = False) -> None:
    """Cancel a job: what runs is stopped, what is finished stays as history."""
    _act(job_id, "cancel", json=json)


@app.command()
def pause(job_id: JobId, json: Json = False) -> None:
    """Hold a job: what runs is finished and recorded, nothing further starts."""
    _act(job_id, "pause", json=json)


@app.command()
def resume(job_id: JobId, json: Json = False) -> None:
    """Let a held job go on where it stood."""
    _act(job_id, "resume", json=json)


def _act(job_id: str, action: str, *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(load()) as client:
        job = client.post(f"/jobs/{job_id}/{action}")
    if json:
        print_json(job)
    else:
        _print_job(job)


def parse_params(pairs: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``STEP.NAME=VALUE``; a value that is JSON is taken as that, any other as text."""
    params: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        step, dot, name = key.partition(".")
        if not (equals and dot and step and name):
            raise CommandError(
                f"{pair!r} is not STEP.NAME=VALUE.", "Such as --param retopo.target_polycount=8000"
            )
        params.setdefault(step, {})[name] = _value(value)
    return params


def parse_changes(pairs: list[str]) -> dict[str, Any]:
    """Read a review's changes: ``NAME=VALUE`` of the brief, or ``STEP.NAME=VALUE`` of a step."""
    plain = [pair for pair in pairs if "." not in pair.partition("=")[0]]
    changes: dict[str, Any] = {}
    for pair in plain:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise CommandError(f"{pair!r} is not NAME=VALUE.", "Such as --change seed=7")
        # Texts of the brief stay texts: a prompt may well be `7` or `null`.
        changes[name] = value if "prompt" in name else _value(value)
    if params := parse_params([pair for pair in pairs if pair not in plain]):
        changes["params"] = params
    return changes


def _value(text: str) -> Any:
    try:
        return json_module.loads(text)
    except ValueError:
        return text


def _upload(client: "Client", project_id: str, path: Path) -> str:
    import hashlib

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    body = {
        "project_id": project_id,
        "name": path.name,
        "media_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    grant = client.post("/uploads", body)
    client.upload(grant["url"], grant.get("headers", {}), content)
    return str(grant["id"])


def _step_to_decide(job: dict[str, Any], wanted: str) -> dict[str, Any]:
    for step in job["steps"]:
        # A gate that was decided as `paused` waits for its decision still.
        if step["name"] == wanted or (not wanted and step.get("pause_reason") in {"review", "decision"}):
            return dict(step)
    what = f"It has no step {wanted!r}." if wanted else f"No gate is open: the job is {job['status']}."
    raise CommandError(what, f"See maquette job show {job['id']}")


def _print_job(job: dict[str, Any]) -> None:
    from maquette.cli.job_view import JobView

    out().print(JobView(job))
    print_fields([("asset", job.get("asset_id"))])


def _watch(client: "Client", job_id: str, *, as_json: bool) -> dict[str, Any]:
    from maquette.cli.follow import Follower

    with Follower(client, job_id) as follower:
        if as_json:
            told_end, deadline = False, float("inf")
            while not (follower.ended and (told_end or time.monotonic() > deadline)):
                follower.refresh(1.0)
                for event in follower.events:
                    print_json(event)
                    told_end = event["type"] in _LAST_EVENTS
                follower.events.clear()
                # The job may be read as ended before its last events have come through the stream.
                deadline = (
                    time.monotonic() + 10.0 if not follower.ended else min(deadline, time.monotonic() + 10.0)
                )
            print_json(follower.job)
        elif out().is_terminal:
            _watch_live(follower)
        else:
            _watch_lines(follower)
        return follower.job


def _watch_live(follower: Any) -> None:
    from rich.live import Live
    from rich.text import Text

    from maquette.cli.job_view import JobView

    view = JobView(follower.job)
    with Live(view, console=out(), refresh_per_second=10) as live:
        while True:
            view.job, view.progress = follower.job, follower.progress
            view.note = Text()
            if not follower.connected:
                view.note = Text("no connection; trying again …", style="yellow")
            elif follower.job["status"] == "awaiting_review":
                view.note = Text.assemble(
                    ("your decision:  ", "yellow"),
                    f"maquette job review {follower.job['id']} approved",
                )
            if follower.ended:
                view.note = Text()
                live.refresh()
                return
            follower.refresh(0.25)


def _watch_lines(follower: Any) -> None:
    from maquette.cli.job_view import changes

    before = None
    while True:
        for line in changes(before, follower.job, datetime.now(UTC)):
            out().print(line, soft_wrap=True, markup=False)
        sys.stdout.flush()
        before = follower.job
        if follower.ended:
            return
        follower.refresh(1.0)


def _exit_with(job: dict[str, Any]) -> None:
    """End as the job did."""
    raise typer.Exit(0 if job["status"] == "succeeded" else 1)

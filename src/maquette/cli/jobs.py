"""``maquette job``: submit, look, hold, give up. Watching and deciding have modules of their own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maquette.cli import reviews, watching
from maquette.cli.arguments import (
    AssetType,
    JobId,
    JobStatus,
    Json,
    Limit,
    Project,
    parse_named,
    parse_params,
)
from maquette.cli.output import CommandError, age, err, print_fields, print_json, print_table
from maquette.cli.pictures import Pictures
from maquette.cli.usage import print_rehearsal
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client

app = typer.Typer(help="Submit briefs, watch them become assets, decide at the gates.", no_args_is_help=True)
watching.register(app)
reviews.register(app)


_Many = list[str] | None
Skip = Annotated[_Many, typer.Option(help="Leave out an optional step; may be repeated.")]
Param = Annotated[
    _Many,
    typer.Option(help="STEP.NAME=VALUE, the value as JSON: retopo.target_polycount=8000; may be repeated."),
]
References = Annotated[list[Path] | None, typer.Option(help="Reference image; may be repeated.")]
Provide = Annotated[
    _Many, typer.Option(help="STEP=FILE: your work (image, GLB) instead of the step's; may be repeated.")
]
Priority = Annotated[Literal["low", "normal", "high"], typer.Option(help="Place in the queue.")]
Reuse = Annotated[
    Literal["allow", "never"], typer.Option(help="Whether equal work of other jobs may be taken over.")
]
Metadata = Annotated[_Many, typer.Option(help="NAME=VALUE of yours, kept with the job; may be repeated.")]


@app.command()
def submit(
    brief: Annotated[
        str | None,
        typer.Argument(help="What to make, in a sentence; with --from-asset that one's, unless given."),
    ] = None,
    asset_type: AssetType = "3D",
    project: Project = "",
    negative: Annotated[str, typer.Option(help="What it must not be.")] = "",
    seed: Annotated[int | None, typer.Option(help="Same seed, same result; default: drawn.")] = None,
    variants: Annotated[int, typer.Option(help="Concept images to choose from.")] = 1,
    library_path: Annotated[str, typer.Option(help="Where the asset goes: characters/courier.")] = "",
    skip: Skip = None,
    param: Param = None,
    reference: References = None,
    provide: Provide = None,
    from_asset: Annotated[str, typer.Option(help="Go on from an asset: ast_… or ast_…@3.")] = "",
    redo_from: Annotated[str, typer.Option(help="With --from-asset: first step to do again.")] = "",
    priority: Priority = "normal",
    webhook_url: Annotated[str, typer.Option(help="Where to send this job's events.")] = "",
    metadata: Metadata = None,
    max_cost: Annotated[float | None, typer.Option(help="US dollars that it may cost.")] = None,
    reuse: Reuse = "allow",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would cost, and be refused for.")
    ] = False,
    idempotency_key: Annotated[str, typer.Option(help="Sent twice, it makes one job.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    pictures: Pictures = "auto",
    json: Json = False,
) -> None:
    """Submit a brief; prints the job."""
    from maquette.cli.client import connect, project_of

    if brief is None and not from_asset:
        raise typer.BadParameter("Missing argument 'BRIEF'.")
    settings = load()
    provided = parse_named(provide or [], "--provide image_to_3d=robot.glb")
    body: dict[str, Any] = {
        "project_id": project_of(settings, project),
        "asset_type": asset_type,
        "negative_prompt": negative,
        "variants": variants,
        "skip": skip or [],
        "params": parse_params(param or []),
        "library_path": library_path,
        "from_asset": from_asset,
        "redo_from": redo_from,
        "priority": "" if priority == "normal" else priority,
        "reuse": "" if reuse == "allow" else reuse,
        "webhook_url": webhook_url,
        "metadata": dict(parse_named(metadata or [], "--metadata ticket=AB-12")),
        "seed": seed,
        "max_cost": max_cost,
        "dry_run": dry_run or None,
    }
    body = {name: value for name, value in body.items() if value not in (None, "", [], {})}
    if brief is not None:
        body["prompt"] = brief  # also an empty one: the API gets to say so
    with connect(settings) as client:
        _bring(client, body, reference or [], provided)
        job = client.post("/jobs", body, idempotency_key=idempotency_key or None)
        if watch and not dry_run:
            watching.follow(client, job["id"], pictures=pictures, as_json=json)
    if json:
        print_json(job)
    elif dry_run:
        print_rehearsal(job)
    else:
        watching.print_job(job)
        err().print(f"[dim]follow it:[/dim] maquette job watch {job['id']}")


def _bring(
    client: "Client", body: dict[str, Any], references: list[Path], provided: list[tuple[str, str]]
) -> None:
    """Upload the files that come with a brief, and name them in it."""
    if references:
        body["reference_uploads"] = [_upload(client, body, path) for path in references]
    for step, file in provided:
        body.setdefault("provide", {}).setdefault(step, []).append(_upload(client, body, Path(file)))


def _upload(client: "Client", body: dict[str, Any], path: Path) -> str:
    from maquette.cli.files import upload

    return upload(client, body["project_id"], path)


@app.command()
def show(
    job_id: JobId,
    history: Annotated[bool, typer.Option("--history", help="With superseded revisions.")] = False,
    pictures: Pictures = "auto",
    json: Json = False,
) -> None:
    """Show a job as it is now, what its step made, and what can be done next."""
    from maquette.cli.client import connect
    from maquette.cli.gates import print_gate, step_to_show

    with connect(load()) as client:
        job = client.get(f"/jobs/{job_id}", history="true" if history else None)
        if json:
            print_json(job)
            return
        watching.print_job(job)
        print_gate(client, job, step_to_show(job), pictures)


@app.command("list")
def list_jobs(
    project: Project = "",
    status: Annotated[
        JobStatus | None, typer.Option(case_sensitive=False, help="Only in this status.")
    ] = None,
    asset_type: Annotated[
        Literal["2D", "3D"] | None, typer.Option("--type", case_sensitive=False, help="Only of this type.")
    ] = None,
    batch: Annotated[str, typer.Option(help="Only of this batch: bat_….")] = "",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        filters = {
            "project_id": project_of(settings, project),
            "status": status,
            "asset_type": asset_type,
            "batch_id": batch or None,
        }
        jobs = list(client.pages("/jobs", limit, **filters))
    if json:
        print_json({"items": jobs})
        return
    now = datetime.now(UTC)
    rows = [
        (
            job["id"],
            job["status"].replace("_", " "),
            _step(job),
            age(job["created_at"], now),
            (job.get("inputs") or {}).get("prompt", ""),
        )
        for job in jobs
    ]
    print_table(("job", "status", "step", "age", "brief"), rows, elastic="brief", right=("age",))


def _step(job: dict[str, Any]) -> str:
    """Name the step that a job is at, and how many of its steps are other jobs' work."""
    reused = sum(bool(step["reused_from"]) for step in job["steps"])
    return (job["current_step"] or "") + (f" ({reused} reused)" if reused else "")


@app.command()
def pull(
    job_id: JobId,
    step: Annotated[str, typer.Option(help="Only what this step made.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for the files.")] = Path(),
    json: Json = False,
) -> None:
    """Download what a job has made so far, a folder a step, each file verified by its sha256."""
    from maquette.cli.client import connect
    from maquette.cli.files import save_files

    with connect(load()) as client:
        job = client.get(f"/jobs/{job_id}")
        steps = [item for item in job["steps"] if not step or item["name"] == step]
        if not steps:
            names = ", ".join(item["name"] for item in job["steps"])
            raise CommandError(f"The job has no step {step!r}.", f"It has: {names}.")
        if not any(item["artifacts"] for item in steps):
            raise CommandError(
                f"{step or 'The job'} has made nothing yet.", f"See maquette job show {job_id}"
            )
        saved = [
            path
            for item in steps
            for path in save_files(
                client, item["artifacts"], output / f"{item['position']}-{item['name']}", resume=True
            )
        ]
    if json:
        print_json({"job_id": job["id"], "files": [str(path) for path in saved]})
        return
    print_fields(("", path) for path in saved)
    err().print(
        f"[dim]{len(saved)} {'file' if len(saved) == 1 else 'files'} saved in[/dim] {output.resolve()}"
    )


@app.command()
def cancel(job_id: JobId, json: Json = False) -> None:
    """Cancel a job: what runs is stopped, what is finished stays as history."""
    _act(job_id, "cancel", json=json)


@app.command()
def pause(
    job_id: JobId,
    before: Annotated[str, typer.Option(help="Only when this later step would begin.")] = "",
    json: Json = False,
) -> None:
    """Hold a job: what runs is finished and recorded, nothing further starts."""
    _act(job_id, "pause", {"before": before} if before else None, json=json)


@app.command()
def resume(
    job_id: JobId,
    max_cost: Annotated[float | None, typer.Option(help="US dollars that it may cost from now on.")] = None,
    json: Json = False,
) -> None:
    """Let a held job go on where it stood."""
    _act(job_id, "resume", None if max_cost is None else {"max_cost": max_cost}, json=json)


def _act(job_id: str, action: str, body: dict[str, Any] | None = None, *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(load()) as client:
        job = client.post(f"/jobs/{job_id}/{action}", body)
    if json:
        print_json(job)
    else:
        watching.print_job(job)

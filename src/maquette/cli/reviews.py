"""``maquette job review``: a person's decision at a gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maquette.cli.arguments import JobId, Json, parse_changes, parse_named
from maquette.cli.output import CommandError, print_json
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client

Decision = Literal["approve", "approved", "reject", "rejected", "pause", "paused"]
_VERDICTS = {"approve": "approved", "reject": "rejected", "pause": "paused"}


def register(app: typer.Typer) -> None:
    """Add the command to ``maquette job``."""
    app.command()(review)


def review(
    job_id: JobId,
    decision: Annotated[Decision, typer.Argument(help="approve, reject or pause.", metavar="DECISION")],
    step: Annotated[str, typer.Option(help="Default: the step at the open gate.")] = "",
    revision: Annotated[int | None, typer.Option(help="Default: the current one.")] = None,
    notes: Annotated[str, typer.Option(help="Why; kept with the job.")] = "",
    select: Annotated[
        list[str] | None,
        typer.Option(help="Artifact to go on with, by its number or id; may be repeated."),
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER=FILE or art_…=FILE: your fixed file instead of the step's; repeatable."),
    ] = None,
    rewind_to: Annotated[str, typer.Option(help="When rejecting: step to go back to.")] = "",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "--change",
            help="For the next try: prompt, negative_prompt, seed or variants=VALUE, or STEP.NAME=VALUE; may be repeated.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set seed=….")] = None,
    json: Json = False,
) -> None:
    """Decide at a gate."""
    from maquette.cli.client import connect
    from maquette.cli.gates import chosen
    from maquette.cli.watching import print_job

    changes = parse_changes(change or []) | ({} if seed is None else {"seed": seed})
    replaced = parse_named(replace or [], "--replace 1=fixed.png")
    with connect(load()) as client:
        at: dict[str, Any] | None = None
        if not step or revision is None or select or replaced:
            before = client.get(f"/jobs/{job_id}")
            at = _step_to_decide(before, step)
            step, revision = at["name"], at["revision"] if revision is None else revision
        body: dict[str, Any] = {
            "step": step,
            "revision": revision,
            "decision": _VERDICTS.get(decision, decision),
            "notes": notes,
            "selection": chosen(at, select or [], "--select") if at else [],
            "rewind_to": rewind_to or None,
            "changes": changes,
        }
        if at and replaced:
            body["replacements"] = _replacements(client, before["project_id"], at, replaced)
        job = client.post(f"/jobs/{job_id}/review", body)
    if json:
        print_json(job)
    else:
        print_job(job)


def _replacements(
    client: "Client", project_id: str, step: dict[str, Any], pairs: list[tuple[str, str]]
) -> dict[str, str]:
    from maquette.cli.files import upload
    from maquette.cli.gates import chosen

    ids = chosen(step, [name for name, _ in pairs], "--replace")
    return {
        artifact: upload(client, project_id, Path(file))
        for artifact, (_, file) in zip(ids, pairs, strict=True)
    }


def _step_to_decide(job: dict[str, Any], wanted: str) -> dict[str, Any]:
    for step in job["steps"]:
        # A gate that was decided as `paused` waits for its decision still.
        if step["name"] == wanted or (not wanted and step.get("pause_reason") in {"review", "decision"}):
            return dict(step)
    what = f"It has no step {wanted!r}." if wanted else f"No gate is open: the job is {job['status']}."
    raise CommandError(what, f"See maquette job show {job['id']}")

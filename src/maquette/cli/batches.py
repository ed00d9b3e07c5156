"""``maquette batch``: many briefs at once."""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maquette.cli.arguments import Json, Limit, Project
from maquette.cli.output import CommandError, age, err, print_fields, print_json, print_table
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client

app = typer.Typer(help="Many briefs at once, as JSON Lines.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(help="bat_…", metavar="BATCH")]

LINES_MAX = 1000
_ENDED = frozenset({"succeeded", "failed", "canceled"})
_POLL_SECONDS = 2.0


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="One brief a line, as JSON; - reads standard input.")],
    name: Annotated[str, typer.Option(help="What to call the batch; default: the file's name.")] = "",
    project: Project = "",
    idempotency_key: Annotated[
        str, typer.Option(help="Sent twice, it makes each job once; also after it was cut off.")
    ] = "",
    json: Json = False,
) -> None:
    """Submit a file of briefs; wrong lines are told, the others become jobs. The status is 1 when a line was refused."""
    from maquette.cli.client import connect, project_of

    settings = load()
    text = _read(file)
    count = sum(bool(line.strip()) for line in text.splitlines())
    if count > LINES_MAX:
        raise CommandError(
            f"{file} holds {count} briefs; a batch may have {LINES_MAX}.",
            f"Split it: split --lines {LINES_MAX} {file}",
        )
    with connect(settings) as client:
        batch = client.post_lines(
            "/batches",
            text,
            idempotency_key=idempotency_key or None,
            project_id=project_of(settings, project),
            name=name or ("" if file == Path("-") else file.name),
        )
    refused = [verdict for verdict in batch["verdicts"] if verdict["problem"]]
    if json:
        print_json(batch)
    else:
        _print(batch)
        for verdict in refused:
            err().print(f"[red]line {verdict['line']}[/red]  ", end="")
            err().print(verdict["problem"]["detail"], markup=False)
        err().print(f"[dim]follow it:[/dim] maquette batch watch {batch['id']}")
    if refused:
        raise typer.Exit(1)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if file == Path("-") else file.read_text()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text.", "Write one JSON object a line.") from None


@app.command()
def show(batch_id: BatchId, json: Json = False) -> None:
    """Show how a batch's jobs stand."""
    _print(_get(batch_id), as_json=json)


@app.command()
def watch(batch_id: BatchId, json: Json = False) -> None:
    """Wait until every job of a batch has ended; the status is 0 when all of them succeeded."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        batch = _follow(client, batch_id)
    _print(batch, as_json=json)
    if set(batch["jobs"]) - {"succeeded"}:
        raise typer.Exit(1)


def _follow(client: "Client", batch_id: str) -> dict[str, Any]:
    told: dict[str, int] = {}
    while True:
        batch: dict[str, Any] = client.get(f"/batches/{batch_id}")
        if batch["jobs"] != told:
            told = batch["jobs"]
            err().print(_summary(told))
            if told.get("awaiting_review"):
                err().print(
                    f"[dim]waiting for you:[/dim] maquette job list --status awaiting_review --batch {batch_id}"
                )
        if not set(told) - _ENDED:
            return batch
        time.sleep(_POLL_SECONDS)


@app.command("list")
def list_batches(
    project: Project = "",
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List batches, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        found = list(client.pages("/batches", limit, project_id=project_of(settings, project)))
    if json:
        print_json({"items": found})
        return
    now = datetime.now(UTC)
    rows = [
        (item["id"], age(item["created_at"], now), item["lines"], _summary(item["jobs"]), item["name"])
        for item in found
    ]
    print_table(("batch", "age", "lines", "jobs", "name"), rows, elastic="name", right=("age", "lines"))


@app.command()
def cancel(batch_id: BatchId, json: Json = False) -> None:
    """Cancel every job of a batch that has not ended."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        batch = client.post(f"/batches/{batch_id}/cancel")
    _print(batch, as_json=json)


def _get(batch_id: str) -> dict[str, Any]:
    from maquette.cli.client import connect

    with connect(load()) as client:
        found: dict[str, Any] = client.get(f"/batches/{batch_id}")
    return found


def _summary(jobs: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(jobs.items())) or "none"
    )


def _print(batch: Mapping[str, Any], *, as_json: bool = False) -> None:
    if as_json:
        print_json(batch)
        return
    names = ("id", "name", "lines", "created_at", "created_by")
    print_fields([*((name, batch[name]) for name in names), ("jobs", _summary(batch["jobs"]))])

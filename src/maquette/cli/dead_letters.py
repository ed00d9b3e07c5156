"""``maquette dlq``: what failed for good, tried again or given up."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from maquette.cli.arguments import Json, Limit, Project, parse_params
from maquette.cli.output import age, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Dead letters: what failed for good.", no_args_is_help=True)

LetterId = Annotated[str, typer.Argument(help="dlq_…", metavar="LETTER")]
OrderId = Annotated[str, typer.Argument(help="rdv_…", metavar="REDRIVE")]
Step = Annotated[str, typer.Option(help="Only those of this step.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="STEP.NAME=VALUE, changed for the next try; may be repeated."),
]


@app.command("list")
def list_letters(
    project: Project = "",
    status: Annotated[Literal["open", "redriven", "discarded", "all"], typer.Option(help="State.")] = "open",
    step: Step = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    query = {"project_id": project_of(settings, project)}
    query |= {"status": status} if status != "all" else {}
    query |= {"step": step} if step else {}
    with connect(settings) as client:
        items = list(client.pages("/dead-letters", limit, **query))
    if json:
        print_json({"items": items})
        return
    now = datetime.now(UTC)
    rows = [
        (
            item["id"],
            item["status"],
            age(item["created_at"], now),
            item["step"],
            item["error"]["code"],
            str(item["attempt"]),
            item["job_id"],
        )
        for item in items
    ]
    head = ("dead letter", "state", "age", "step", "error", "attempts", "job")
    print_table(head, rows, elastic="error", right=("age", "attempts"))


@app.command("show")
def show(letter: LetterId, json: Json = False) -> None:
    """Show a dead letter with every attempt that led to it."""
    _print(_call("get", f"/dead-letters/{letter}"), as_json=json)


@app.command("redrive")
def redrive(letter: LetterId, param: Params = None, json: Json = False) -> None:
    """Try again what failed; finished steps stay. Prints the job."""
    body = {"changes": {"params": parse_params(param)}} if param else None
    job = _call("post", f"/dead-letters/{letter}/redrive", body)
    if json:
        print_json(job)
        return
    print_fields([("job", job["id"]), ("status", job["status"]), ("step", job["current_step"])])
    out().print(f"Follow it with: maquette job watch {job['id']}", style="dim")


@app.command("discard")
def discard(
    letter: LetterId,
    reason: Annotated[str, typer.Option(help="Why nobody is to try again.")] = "",
    json: Json = False,
) -> None:
    """Give a dead letter up for good; its job stays failed."""
    _print(_call("post", f"/dead-letters/{letter}/discard", {"reason": reason}), as_json=json)


@app.command("redrive-all")
def redrive_all(
    project: Project = "",
    step: Step = "",
    error_code: Annotated[str, typer.Option(help="Only those that failed with this code.")] = "",
    per_minute: Annotated[int, typer.Option(min=1, max=6000, help="How many at most.")] = 60,
    most: Annotated[int, typer.Option("--max", min=1, max=10_000, help="How many in all.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which ones it would be.")] = False,
    json: Json = False,
) -> None:
    """Try all open dead letters of a project again, at a pace."""
    from maquette.cli.client import project_of

    wanted = {"step": step, "error_code": error_code}
    body = {
        "project_id": project_of(load(), project),
        "filter": {name: value for name, value in wanted.items() if value},
        "per_minute": per_minute,
        "max": most,
        "dry_run": dry_run,
    }
    _print_order(_call("post", "/dead-letters/redrive", body), as_json=json)


@app.command("redrive-status")
def redrive_status(
    redrive: OrderId,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop it where it is.")] = False,
    json: Json = False,
) -> None:
    """See how far ``redrive-all`` has come, or stop it."""
    address = f"/dead-letters/redrives/{redrive}"
    found = _call("post", f"{address}/cancel") if cancel else _call("get", address)
    _print_order(found, as_json=json)


def _call(method: str, path: str, *body: Any) -> Any:
    from maquette.cli.client import connect

    with connect(load()) as client:
        return getattr(client, method)(path, *body)


def _print(letter: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(letter)
        return
    error = letter["error"]
    print_fields(
        [
            ("dead letter", letter["id"]),
            ("state", letter["status"]),
            ("job", f"{letter['job_id']} ({letter['job_status']})"),
            ("step", letter["step"]),
            ("error", f"{error['code']}: {error['message']}"),
            ("closed by", letter["closed_by"]),
            ("reason", letter["reason"]),
        ]
    )
    rows = [
        (str(tried["attempt"]), tried["service"], tried["worker"], tried["error"].get("code", ""))
        for tried in letter["attempts"]
    ]
    print_table(("attempt", "service", "worker", "error"), rows, elastic="error", right=("attempt",))


def _print_order(order: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(order)
        return
    print_fields(
        [
            ("redrive", order["id"]),
            ("state", order["status"]),
            ("redriven", order["redriven"]),
            ("refused", order["refused"]),
            ("would come to", len(order["matching"]) if order["status"] == "dry_run" else None),
        ]
    )

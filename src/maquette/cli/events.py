"""``maquette events``: sinks that events are published to, what they can never take, and replays."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json, Limit
from maquette.cli.output import age, err, out, print_fields, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Events: the sinks they go to, and replays; for operators.", no_args_is_help=True)

Sink = Annotated[str, typer.Argument(help="The sink: kafka, eventbridge, webhooks.", metavar="SINK")]
ReplayId = Annotated[str, typer.Argument(help="rpl_…", metavar="REPLAY")]
_TIME = "such as 2026-01-31T12:00:00Z"


@app.command("sinks")
def list_sinks(json: Json = False) -> None:
    """List sinks: who serves them, what they are owed, what they can never take, and the last error."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        items = client.get("/sinks")["items"]
    if json:
        print_json({"items": items})
        return
    rows = [
        (
            item["name"],
            str(item["served_by"]),
            f"{item['published']:,}",
            f"{item['pending']:,}",
            f"{item['oldest_seconds']:.0f} s" if item["pending"] else "",
            f"{item['parked']:,}",
            item["error"] or "",
        )
        for item in items
    ]
    head = ("sink", "served by", "published", "pending", "oldest", "parked", "last error")
    print_table(
        head, rows, elastic="last error", right=("served by", "published", "pending", "oldest", "parked")
    )


@app.command("parked")
def list_parked(sink: Sink, limit: Limit = 50, json: Json = False) -> None:
    """List what a sink can never take, the newest first, each with the reason."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        items = client.get(f"/sinks/{sink}/parked", limit=limit)["items"]
    if json:
        print_json({"items": items})
        return
    now = datetime.now(UTC)
    rows = [
        (
            age(item["parked_at"], now),
            item["type"] or "",
            item["source"],
            str(item["sequence"]),
            item["reason"],
        )
        for item in items
    ]
    print_table(
        ("age", "type", "source", "sequence", "reason"), rows, elastic="reason", right=("age", "sequence")
    )


@app.command("release")
def release(sink: Sink, json: Json = False) -> None:
    """Publish again all that was set aside, once what was wrong is mended."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        state = client.post(f"/sinks/{sink}/release")
    if json:
        print_json(state)
        return
    out().print(f"{sink} is owed {state['pending']:,} events.")


@app.command("forget")
def forget(sink: Sink) -> None:
    """Remove a sink that is switched off, with all that it is owed."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        client.delete(f"/sinks/{sink}")
    err().print(f"Removed: {sink}.")


@app.command("replay")
def replay(
    sink: Annotated[str, typer.Option(help="The sink that is told: kafka, eventbridge.")],
    from_: Annotated[str, typer.Option("--from", help=f"The earliest time, {_TIME}.")],
    to: Annotated[str, typer.Option(help=f"Nothing from then on, {_TIME}; default: now.")] = "",
    project: Annotated[str, typer.Option(help="Only this project's events; default: all.")] = "",
    per_second: Annotated[int, typer.Option(min=1, help="How many events a second, about.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them, by type.")] = False,
    json: Json = False,
) -> None:
    """Tell a sink once more what happened, each stream in its order; consumers drop what they have."""
    from maquette.cli.client import connect

    body: dict[str, Any] = {"since": from_, "per_second": per_second, "dry_run": dry_run}
    body |= {"until": to} if to else {}
    body |= {"project_id": project} if project else {}
    with connect(load()) as client:
        _print(client.post(f"/sinks/{sink}/replays", body), as_json=json)


@app.command("replays")
def list_replays(sink: Sink, limit: Limit = 50, json: Json = False) -> None:
    """List a sink's replays, newest first, and how far each has come."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        items = list(client.pages(f"/sinks/{sink}/replays", limit))
    if json:
        print_json({"items": items})
        return
    rows = [
        (item["id"], item["status"], item["since"], item["until"], item["reached"], f"{item['told']:,}")
        for item in items
    ]
    print_table(("replay", "state", "from", "to", "reached", "told"), rows, elastic="replay", right=("told",))


@app.command("stop")
def stop(sink: Sink, replay: ReplayId, json: Json = False) -> None:
    """Stop a replay: nothing more is told."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        _print(client.post(f"/sinks/{sink}/replays/{replay}/cancel"), as_json=json)


def _print(item: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    if item["status"] == "dry_run":
        print_table(
            ("type", "events"),
            [(kind, f"{count:,}") for kind, count in item["matching"].items()],
            elastic="type",
            right=("events",),
        )
        return
    print_fields((name, item[name]) for name in ("id", "status", "since", "until", "reached", "told"))

"""``maquette webhook``: addresses that a project's events are sent to, and what was sent."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from maquette.cli.arguments import Json, Limit, Project
from maquette.cli.output import CommandError, age, err, out, print_fields, print_json, print_table
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client

app = typer.Typer(help="Webhooks: where events are sent.", no_args_is_help=True)

WebhookId = Annotated[str, typer.Argument(help="whk_…", metavar="WEBHOOK")]
DeliveryId = Annotated[str, typer.Argument(help="whd_…", metavar="DELIVERY")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="Type of events to send; may be repeated; default: all."),
]
Overlap = Annotated[
    int,
    typer.Option(min=0, max=168, help="Hours for which the old secret signs as well; 0 ends it at once."),
]

_TEST_SECONDS_MAX = 30.0
_POLL_SECONDS = 0.25


@app.command("create")
def create(
    url: Annotated[str, typer.Argument(help="https address of the receiver.")],
    event: Events = None,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    project: Project = "",
    json: Json = False,
) -> None:
    """Make a webhook. Its secret is shown this once."""
    from maquette.cli.client import connect, project_of

    settings = load()
    body = {"project_id": project_of(settings, project), "url": url, "name": name, "events": event or []}
    with connect(settings) as client:
        _print_secret(client.post("/webhooks", body), as_json=json)


@app.command("list")
def list_webhooks(
    project: Project = "",
    job: Annotated[str, typer.Option(help="The webhook of this job instead of the project's.")] = "",
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List a project's webhooks, newest first."""
    from maquette.cli.client import connect, project_of

    settings = load()
    query = {"job_id": job} if job else {"project_id": project_of(settings, project)}
    with connect(settings) as client:
        items = list(client.pages("/webhooks", limit, **query))
    if json:
        print_json({"items": items})
        return
    now = datetime.now(UTC)
    rows = [
        (item["id"], _state(item), age(item["created_at"], now), _events(item), item["url"]) for item in items
    ]
    print_table(("webhook", "state", "age", "events", "url"), rows, elastic="url", right=("age",))


def _state(item: Mapping[str, Any]) -> str:
    return "failing" if item["status"] == "enabled" and item["failing_since"] else str(item["status"])


def _events(item: Mapping[str, Any]) -> str:
    return str(item["events"][0]) if len(item["events"]) == 1 else str(len(item["events"]) or "all")


@app.command("show")
def show(webhook: WebhookId, json: Json = False) -> None:
    """Show a webhook: how it fares, and why it is disabled if it is."""
    _print(_call("get", f"/webhooks/{webhook}"), as_json=json)


@app.command("change")
def change(
    webhook: WebhookId,
    url: Annotated[
        str | None, typer.Option(help="New address; what is pending goes there.", show_default=False)
    ] = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", help="Type of events to send; may be repeated; '' for all."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Change a webhook. What no option names stays."""
    body: dict[str, Any] = {"url": url, "name": name}
    if event is not None:
        body["events"] = [item for item in event if item]
    body = {key: value for key, value in body.items() if value is not None}
    if not body:
        raise CommandError("There is nothing to change.", "Give --url, --event or --name.")
    _print(_call("patch", f"/webhooks/{webhook}", body), as_json=json)


@app.command("rotate")
def rotate(webhook: WebhookId, overlap_hours: Overlap = 24, json: Json = False) -> None:
    """Make a new secret, shown this once; the old one signs, too, for a while."""
    body = {"overlap_seconds": overlap_hours * 3600}
    _print_secret(_call("post", f"/webhooks/{webhook}/rotate", body), as_json=json)


@app.command("secret")
def secret(project: Project = "", overlap_hours: Overlap = 24, json: Json = False) -> None:
    """Make a new secret for the webhook_url of the project's jobs, shown this once."""
    from maquette.cli.client import connect, project_of

    settings = load()
    with connect(settings) as client:
        address = f"/projects/{project_of(settings, project)}/webhook-secret"
        _print_secret(client.post(address, {"overlap_seconds": overlap_hours * 3600}), as_json=json)


@app.command("enable")
def enable(webhook: WebhookId, json: Json = False) -> None:
    """Send again what happens from now on."""
    _print(_call("post", f"/webhooks/{webhook}/enable"), as_json=json)


@app.command("disable")
def disable(webhook: WebhookId, json: Json = False) -> None:
    """Send nothing more; what is pending is dropped."""
    _print(_call("post", f"/webhooks/{webhook}/disable"), as_json=json)


@app.command("delete")
def delete(webhook: WebhookId) -> None:
    """Delete a webhook with what is pending and with its log."""
    _call("delete", f"/webhooks/{webhook}")
    err().print("[dim]Nothing more is sent there.[/dim]")


@app.command("test")
def send_test(webhook: WebhookId, json: Json = False) -> None:
    """Send a WebhookTest and say what the receiver answered. The status is 1 when it failed."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        event_id = client.post(f"/webhooks/{webhook}/test")["event_id"]
        found = _await_try(client, webhook, event_id)
    if json:
        print_json(found)
    else:
        _print_deliveries([found])
    if found["status"] != "succeeded":
        raise typer.Exit(1)


def _await_try(client: "Client", webhook: str, event_id: str) -> dict[str, Any]:
    """Wait until an event was tried once."""
    until = time.monotonic() + _TEST_SECONDS_MAX
    while time.monotonic() < until:
        items: list[dict[str, Any]] = client.get(f"/webhooks/{webhook}/deliveries", limit=20)["items"]
        for item in items:
            if item["event_id"] == event_id and (item["attempts"] or item["status"] != "pending"):
                return item
        time.sleep(_POLL_SECONDS)
    raise CommandError(
        f"Nothing was sent within {_TEST_SECONDS_MAX:.0f} s.",
        "Check that `maquette maintain` runs, and `maquette webhook show` for a receiver that asked for silence.",
    )


@app.command("deliveries")
def deliveries(
    webhook: WebhookId,
    status: Annotated[
        Literal["pending", "succeeded", "failed", "dropped"] | None, typer.Option(help="Only these.")
    ] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List what was and will be sent, newest first, with what became of the last try."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        items = list(client.pages(f"/webhooks/{webhook}/deliveries", limit, status=status))
    if json:
        print_json({"items": items})
    else:
        _print_deliveries(items)


@app.command("redeliver")
def redeliver(webhook: WebhookId, delivery: DeliveryId, json: Json = False) -> None:
    """Send an event once more, now, whatever became of it."""
    found = _call("post", f"/webhooks/{webhook}/deliveries/{delivery}/redeliver")
    if json:
        print_json(found)
    else:
        _print_deliveries([found])


def _call(method: Literal["get", "post", "patch", "delete"], path: str, *body: Any) -> Any:
    from maquette.cli.client import connect

    with connect(load()) as client:
        return getattr(client, method)(path, *body)


def _print(item: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(item)
    else:
        print_fields({**item, "events": item["events"] or "all"}.items())


def _print_secret(item: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    print_fields(item.items())
    err().print("[dim]Keep the secret now; it cannot be shown again.[/dim]")


def _print_deliveries(items: Iterable[Mapping[str, Any]]) -> None:
    now = datetime.now(UTC)
    rows = [
        (
            item["id"],
            item["event_type"],
            item["status"],
            len(item["attempts"]),
            age(item["created_at"], now),
            _outcome(item, now),
        )
        for item in items
    ]
    if not rows:
        out().print("[dim]Nothing yet.[/dim]")
        return
    columns = ("delivery", "event", "status", "tries", "age", "last try")
    print_table(columns, rows, elastic="last try", right=("tries", "age"))


def _outcome(item: Mapping[str, Any], now: datetime) -> str:
    """Say how the last try ended, and when the next one comes."""
    if not item["attempts"]:
        return ""
    last = item["attempts"][-1]
    text = f"HTTP {last['status_code']} in {last['duration_ms']} ms" if last["status_code"] else last["error"]
    if item["status"] == "pending" and item["next_attempt_at"]:
        wait = max(0.0, (datetime.fromisoformat(item["next_attempt_at"]) - now).total_seconds())
        unit, length = next(
            (part for part in (("h", 3600), ("min", 60)) if wait >= part[1]),
            ("s", 1),
        )
        return f"{text}; next in {wait / length:.0f} {unit}"
    return str(text)

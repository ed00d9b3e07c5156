"""``maquette service``: who does the steps."""

from datetime import UTC, datetime
from typing import Any

import typer

from maquette.cli.arguments import Json
from maquette.cli.output import age, err, out, print_json, print_table
from maquette.settings import load

app = typer.Typer(help="Services: who does the steps, and what waits for them.", no_args_is_help=True)


@app.command("list")
def list_services(json: Json = False) -> None:
    """List services with their live workers, what runs, and what waits."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        answer = client.get("/services")
    if json:
        print_json({"items": answer["items"]})
        return
    now = datetime.now(UTC)
    for service in answer["items"]:
        _print(service, now)
    if not answer["items"]:
        err().print("There are no live workers, and nothing waits for one.")


def _print(service: dict[str, Any], now: datetime) -> None:
    from rich.text import Text

    waiting = {item["step"]: item["tasks"] for item in service["waiting"]}
    facts = f"{service['running']} running, {sum(waiting.values())} waiting"
    out().print(Text.assemble((service["name"], "bold"), ("  " + facts, "dim")))
    rows = [
        (
            worker["name"],
            "draining" if worker["draining"] else "alive",
            age(worker["last_heartbeat_at"], now) if worker["last_heartbeat_at"] else "",
            worker["running"],
            ", ".join(worker["steps"]) or "all",
        )
        for worker in service["workers"]
    ]
    if rows:
        print_table(
            ("worker", "state", "heard", "running", "steps"),
            rows,
            elastic="steps",
            right=("heard", "running"),
        )
    for step, tasks in unserved(service).items():
        out().print(
            Text.assemble(("  ! ", "bold yellow"), f"{tasks} wait for {step}, which no live worker does")
        )
    out().print()


def unserved(service: dict[str, Any]) -> dict[str, int]:
    """Return the steps that tasks wait for and no live worker does, with how many wait."""
    alive = {
        step
        for worker in service["workers"]
        if not worker["draining"]
        for step in worker["steps"] or [item["step"] for item in service["waiting"]]
    }
    return {item["step"]: item["tasks"] for item in service["waiting"] if item["step"] not in alive}

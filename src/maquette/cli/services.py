"""``maquette service``: who does the steps, how they do, and what operators set of them."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from maquette.cli.arguments import Json
from maquette.cli.output import age, err, out, print_json, print_table
from maquette.settings import load

app = typer.Typer(
    help="Services: who does the steps, what waits for them, and their breakers.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The service.", metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for those who come next.")]


@app.command("list")
def list_services(json: Json = False) -> None:
    """List services with their breakers, live workers, what runs, and what waits."""
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


@app.command("show")
def show_service(name: Name, json: Json = False) -> None:
    """Show one service, with its bounds and how its attempts went."""
    from maquette.cli.client import connect

    with connect(load()) as client:
        service = client.get(f"/services/{name}")
    _answer(service, json=json)


@app.command("set")
def set_service(
    name: Name,
    concurrency: Annotated[
        int | None, typer.Option(help="Tasks at a time, over all workers; 0 takes the bound away.")
    ] = None,
    starts_per_minute: Annotated[
        int | None, typer.Option(help="Attempts begun in a minute; 0 takes the bound away.")
    ] = None,
    json: Json = False,
) -> None:
    """Bound how much of a service is used."""
    given = {"concurrency_max": concurrency, "starts_per_minute": starts_per_minute}
    _change(name, {key: value or None for key, value in given.items() if value is not None}, json=json)


@app.command("open")
def open_breaker(name: Name, reason: Reason = "", json: Json = False) -> None:
    """Ask the service nothing until it is given back to its breaker."""
    _change(name, {"forced": "open", "reason": reason}, json=json)


@app.command("close")
def close_breaker(name: Name, reason: Reason = "", json: Json = False) -> None:
    """Ask the service whatever its attempts come to."""
    _change(name, {"forced": "closed", "reason": reason}, json=json)


@app.command("auto")
def release_breaker(name: Name, json: Json = False) -> None:
    """Let the breaker judge the service by its attempts again."""
    _change(name, {"forced": None}, json=json)


@app.command("drain")
def drain_service(name: Name, json: Json = False) -> None:
    """Let what runs end, and give the service nothing more."""
    _change(name, {"draining": True}, json=json)


@app.command("undrain")
def undrain_service(name: Name, json: Json = False) -> None:
    """Give a drained service work again."""
    _change(name, {"draining": False}, json=json)


def _change(name: str, wish: dict[str, Any], *, json: bool) -> None:
    from maquette.cli.client import connect

    with connect(load()) as client:
        service = client.patch(f"/services/{name}", wish)
    _answer(service, json=json)


def _answer(service: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(service)
    else:
        _print(service, datetime.now(UTC))


#: How a service that is not simply asked is shown, by why.
_AWAY = {
    "breaker_open": "not asked: its breaker is open",
    "forced_open": "not asked: switched off",
    "draining": "not asked: it drains",
}


def _print(service: dict[str, Any], now: datetime) -> None:
    from rich.text import Text

    waiting = {item["step"]: item["tasks"] for item in service["waiting"]}
    facts = f"{service['running']} running, {sum(waiting.values())} waiting"
    out().print(Text.assemble((service["name"], "bold"), ("  " + facts + _bounds(service), "dim")))
    for line in _state(service, now):
        out().print(Text.assemble(("  ! ", "bold yellow"), line))
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


def _bounds(service: dict[str, Any]) -> str:
    at_a_time, a_minute = service["concurrency_max"], service["starts_per_minute"]
    return (f", {at_a_time} at a time" if at_a_time else "") + (f", {a_minute} a minute" if a_minute else "")


def _state(service: dict[str, Any], now: datetime) -> list[str]:
    """Return what is unusual about whether a service is asked."""
    breaker = service["breaker"]
    since = f" for {age(breaker['since'], now)}" if breaker["since"] else ""
    lines = []
    if why := service["unavailable_reason"]:
        lines.append(_AWAY.get(why, why) + ("" if why == "draining" else since))
    elif breaker["state"] == "half_open":
        lines.append(f"half-open{since}: {breaker['policy']['probes']} attempt at a time, to see")
    elif breaker["forced"]:
        lines.append("asked whatever happens: its breaker is held closed")
    if lines and breaker["reason"] and service["unavailable_reason"] != "draining":
        lines.append(breaker["reason"] + (f" ({breaker['forced_by']})" if breaker["forced_by"] else ""))
    return lines


def unserved(service: dict[str, Any]) -> dict[str, int]:
    """Return the steps that tasks wait for and no live worker does, with how many wait."""
    alive = {
        step
        for worker in service["workers"]
        if not worker["draining"]
        for step in worker["steps"] or [item["step"] for item in service["waiting"]]
    }
    return {item["step"]: item["tasks"] for item in service["waiting"] if item["step"] not in alive}

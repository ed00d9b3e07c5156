"""``maquette job watch``: a live view in a terminal, a line a change where there is none, events as JSON."""

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from maquette.cli.arguments import JobId, Json
from maquette.cli.output import err, out, print_fields, print_json
from maquette.cli.pictures import Choice, Pictures
from maquette.settings import load

if TYPE_CHECKING:
    from maquette.cli.client import Client
    from maquette.cli.follow import Follower

_LAST_EVENTS = frozenset({"JobSucceeded", "JobFailed", "JobCanceled"})
#: How long a job that was read as ended may keep its last events to itself.
_LAST_EVENT_SECONDS_MAX = 10.0


def register(app: typer.Typer) -> None:
    """Add the command to ``maquette job``."""
    app.command()(watch)


def watch(job_id: JobId, pictures: Pictures = "auto", json: Json = False) -> None:
    """Follow a job to its end, which is also the command's: 0 when it succeeded.

    With --json: a line for every event, and the job as the last line.
    """
    from maquette.cli.client import connect

    with connect(load()) as client:
        follow(client, job_id, pictures=pictures, as_json=json)


def follow(client: "Client", job_id: str, *, pictures: Choice, as_json: bool) -> NoReturn:
    """Show a job until its end, and end the command as the job did."""
    from maquette.cli.follow import Follower

    with Follower(client, job_id) as follower:
        if as_json:
            _as_json(follower)
        elif out().is_terminal:
            try:
                _live(follower, pictures)
            except KeyboardInterrupt:
                err().print(f"\n[dim]the job goes on; look again:[/dim] maquette job watch {job_id}")
                raise
        else:
            _lines(follower)
        raise typer.Exit(0 if follower.job["status"] == "succeeded" else 1)


def print_job(job: dict[str, Any]) -> None:
    """Print a job as a person sees it."""
    from maquette.cli.job_view import JobView

    out().print(JobView(job))
    print_fields([("asset", job.get("asset_id"))])


def _as_json(follower: "Follower") -> None:
    told_end, deadline = False, float("inf")
    while not (follower.ended and (told_end or time.monotonic() > deadline)):
        follower.refresh(1.0)
        for event in follower.events:
            print_json(event)
            told_end = event["type"] in _LAST_EVENTS
        follower.events.clear()
        # The job may be read as ended before its last events have come through the stream.
        latest = time.monotonic() + _LAST_EVENT_SECONDS_MAX
        deadline = latest if not follower.ended else min(deadline, latest)
    print_json(follower.job)


def _live(follower: "Follower", pictures: Choice) -> None:
    """Show a live view from gate to gate: at a gate it stands still, with what a person decides about below."""
    from rich.live import Live
    from rich.text import Text

    from maquette.cli.gates import open_gate, print_gate
    from maquette.cli.job_view import JobView

    shown: tuple[str, int] | None = None
    while not follower.ended:
        gate = open_gate(follower.job)
        if gate and (key := (gate["name"], gate["revision"])) != shown:
            shown = key
            print_gate(follower.client, follower.job, gate, pictures)
        view = JobView(follower.job)
        # The view of a finished stretch is wiped: the next one, or the last, shows the same and more.
        with Live(view, console=out(), refresh_per_second=10, transient=True):
            while not follower.ended:
                view.job, view.progress = follower.job, follower.progress
                lost = not follower.connected
                view.note = Text("no connection; trying again …", style="yellow") if lost else Text()
                gate = open_gate(follower.job)
                if gate and (gate["name"], gate["revision"]) != shown:
                    break
                follower.refresh(0.25)
    print_job(follower.job)
    if follower.job["status"] == "succeeded":
        err().print(f"[dim]take its files:[/dim] maquette asset pull {follower.job['asset_id']}")


def _lines(follower: "Follower") -> None:
    from maquette.cli.gates import commands
    from maquette.cli.job_view import changes

    before = None
    while True:
        for line in changes(before, follower.job, datetime.now(UTC)):
            out().print(line, soft_wrap=True, markup=False)
        if before is None or before["status"] != follower.job["status"]:
            for line in commands(follower.job) if not follower.ended else ():
                out().print(f"  {line}", soft_wrap=True, markup=False)
        sys.stdout.flush()
        before = follower.job
        if follower.ended:
            return
        follower.refresh(1.0)

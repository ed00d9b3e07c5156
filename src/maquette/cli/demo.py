"""``maquette demo``: everything once, from a sentence to files on disk, on an installation that lives as long."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maquette.cli.arguments import AssetType
from maquette.cli.output import CommandError, err, out, print_json
from maquette.settings import Settings, load

if TYPE_CHECKING:
    from maquette.cli.client import Client
    from maquette.supervisor.installation import Installation

_SECONDS_MAX = 900.0


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command(rich_help_panel="Run")(demo)


def demo(
    brief: Annotated[str, typer.Argument(help="What to make, in a sentence.")] = "a rusty robot courier",
    asset_type: AssetType = "3D",
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for the files.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int | None, typer.Option(help="Same seed, same result; default: drawn.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the asset as JSON at the end.")] = False,
) -> None:
    """Run one brief to an indexed asset: start everything, show each step, save the files, stop everything."""
    from maquette.cli.client import Client
    from maquette.cli.files import print_files, save_files

    begun = time.monotonic()
    with _directories(output) as (data_dir, log), _running(data_dir, log) as installation:
        access = installation.access
        with Client(access.url, access.api_key) as client:
            body = {"project_id": access.project_id, "asset_type": asset_type, "prompt": brief, "variants": 1}
            job = client.post("/jobs", body if seed is None else {**body, "seed": seed})
            job = _Show(client, installation, output).follow(job["id"])
            if job["status"] != "succeeded":
                error = job.get("error") or {}
                raise CommandError(
                    f"The job {job['status']}: {error.get('code', '')} {error.get('message', '')}".rstrip(),
                    f"What the processes said is in {log}",
                )
            asset = client.get(f"/assets/{job['asset_id']}")
            paths = save_files(client, asset["files"], output)
            if json:
                print_json(asset)
            else:
                _summary(asset, output / "preview.png" if output / "preview.png" in paths else None)
                print_files(asset["files"])
    log.unlink(missing_ok=True)
    err().print(
        f"\n[green]✔[/green] {len(asset['files'])} files in [bold]{output}[/bold], "
        f"everything stopped, {time.monotonic() - begun:.0f} s in all"
    )


class _Show:
    """Shows one job in its installation, and decides at its gates."""

    def __init__(self, client: "Client", installation: "Installation", output: Path) -> None:
        self._client = client
        self._installation = installation
        self._output = output
        self._decided: set[tuple[str, int]] = set()

    def follow(self, job_id: str) -> dict[str, Any]:
        """Show the job until its end, and return it as it is then."""
        from rich.live import Live

        from maquette.cli.follow import Follower
        from maquette.cli.job_view import JobView

        deadline = time.monotonic() + _SECONDS_MAX
        with Follower(self._client, job_id) as follower:
            while not follower.ended:
                view = JobView(follower.job)
                # The view of a finished stretch is wiped: the next one, or the last, shows the same and more.
                with Live(view, console=err(), refresh_per_second=10, transient=True):
                    while not follower.ended and not (gate := self._gate(follower.job)):
                        self._wait(deadline)
                        follower.refresh(0.0)
                        view.job, view.progress = follower.job, follower.progress
                if not follower.ended and gate:
                    self._decide(follower.job, gate)
            err().print(JobView(follower.job))
            return follower.job

    def _wait(self, deadline: float) -> None:
        self._installation.tend(0.1)
        if self._installation.stop_requested:
            raise CommandError("Stopped before the job was finished.")
        if time.monotonic() > deadline:
            raise CommandError(f"The job was not finished within {_SECONDS_MAX:.0f} s.")

    def _gate(self, job: Mapping[str, Any]) -> dict[str, Any] | None:
        for step in job["steps"]:
            if step.get("pause_reason") == "review" and (step["name"], step["revision"]) not in self._decided:
                return dict(step)
        return None

    def _decide(self, job: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        """Show what a person would see at this gate, then approve in their place and say so."""
        from maquette.cli.files import save_files

        images = [artifact for artifact in step["artifacts"] if artifact["media_type"].startswith("image/")]
        paths = save_files(self._client, images[:1], self._output)
        _picture(paths[0] if paths else None)
        seen = str(paths[0]) if paths else ", ".join(artifact["name"] for artifact in step["artifacts"])
        err().print(
            f"[bold yellow]◆[/bold yellow] gate after [bold]{step['name']}[/bold]: {seen}\n"
            "  [yellow]a person decides here; the demo approves in your place[/yellow]\n"
        )
        body = {
            "step": step["name"],
            "revision": step["revision"],
            "decision": "approved",
            "notes": "by the demo",
        }
        selection = [artifact["id"] for artifact in images[:1]]
        self._client.post(f"/jobs/{job['id']}/review", {**body, "selection": selection})
        self._decided.add((step["name"], step["revision"]))


@contextmanager
def _directories(output: Path) -> Iterator[tuple[Path, Path]]:
    """Make the output directory and a data directory that is removed afterwards; the second path is the log."""
    base = load().data_dir
    try:
        output.mkdir(parents=True, exist_ok=True)
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir = Path(tempfile.mkdtemp(prefix="demo-", dir=base))
    except OSError as error:
        raise CommandError(
            f"{error.filename} cannot be made: {error.strerror}.", "Choose another --output."
        ) from None
    try:
        yield data_dir, output / "demo.log"
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


@contextmanager
def _running(data_dir: Path, log: Path) -> "Iterator[Installation]":
    """Start everything on free ports, in settings that owe nothing to what is configured here."""
    from maquette.cli.serving import prepare
    from maquette.supervisor.installation import Installation

    log.unlink(missing_ok=True)
    begun = time.monotonic()
    with err().status("starting PostgreSQL, API, maintenance, 2 workers …"):
        installation = Installation(Settings(data_dir=data_dir, port=0), prepare=prepare, log=log)
        installation.start()
    try:
        started = time.monotonic() - begun
        err().print(
            f"[green]✔[/green] PostgreSQL, API, maintenance, 2 workers: {installation.access.url} "
            f"[dim]({started:.1f} s)[/dim]"
        )
        yield installation
    finally:
        with err().status("stopping …"):
            installation.stop()


def _picture(path: Path | None) -> None:
    from maquette.cli.pictures.show import show
    from maquette.cli.pictures.terminal import choose

    if path is not None and (way := choose("auto", err())) != "none":
        show(err(), way, [(path.name, path)])


def _summary(asset: Mapping[str, Any], preview: Path | None) -> None:
    """Print what the asset is, beside its picture where the terminal can show one."""
    from rich.padding import Padding
    from rich.table import Table

    from maquette.cli.pictures.blocks import draw, opened
    from maquette.cli.pictures.terminal import shows_blocks

    metadata = asset.get("metadata") or {}
    facts = {
        "asset": asset["id"],
        "version": asset["version"],
        "library path": asset["library_path"],
        "polygons": f"{metadata['poly_count']:,}" if metadata.get("poly_count") else "",
        "bones": len((metadata.get("armature") or {}).get("bones") or []) or "",
        "clips": ", ".join(str(clip.get("name")) for clip in metadata.get("clips") or []),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value != "":
            grid.add_row(f"[dim]{name}[/dim]", f"[bold]{value}[/bold]")
    if preview is None or not shows_blocks(out()):
        out().print(Padding(grid, (1, 0)))
        return
    beside = Table.grid(padding=(0, 4))
    beside.add_row(draw(opened(preview), columns=40, lines=20), Padding(grid, (1, 0)))
    out().print(Padding(beside, (1, 2)))

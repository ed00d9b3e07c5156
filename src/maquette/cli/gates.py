"""What a person sees at a gate: the step's pictures, numbered, and the commands that lead on."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maquette.cli.output import CommandError, out
from maquette.cli.pictures import Choice

if TYPE_CHECKING:
    from maquette.cli.client import Client

Step = Mapping[str, Any]
#: What can be opened as a picture.
_SHOWN_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})


def open_gate(job: Mapping[str, Any]) -> Step | None:
    """Return the step at whose gate a person is to decide; a gate that was decided as `paused` waits still."""
    for step in job["steps"]:
        if step["status"] == "paused" and step["artifacts"]:
            return dict(step)
    return None


def step_to_show(job: Mapping[str, Any]) -> Step | None:
    """Return the step whose work says most about the job: that at the gate, else the last one with pictures."""
    if gate := open_gate(job):
        return gate
    return next((step for step in reversed(job["steps"]) if numbered_pictures(step)), None)


def numbered(step: Step) -> list[tuple[int, dict[str, Any]]]:
    """Return a step's artifacts with the numbers, from 1, by which people name them: `--select 2`.

    What a hand-fixed file took the place of keeps its number and is not shown.
    """
    return [item for item in enumerate(step["artifacts"], 1) if not item[1].get("replaced_by")]


def numbered_pictures(step: Step) -> list[tuple[int, dict[str, Any]]]:
    """Return those of a step's artifacts that are pictures of its work, under their numbers."""
    return [
        (number, artifact)
        for number, artifact in numbered(step)
        if artifact.get("media_type") in _SHOWN_TYPES and artifact.get("kind") != "texture"
    ]


def chosen(step: Step, wanted: Sequence[str], option: str) -> list[str]:
    """Return the artifact ids that numbers or ids mean."""
    known = {str(number): artifact["id"] for number, artifact in numbered(step)}
    found = []
    for item in wanted:
        if not item.isdecimal():
            found.append(item)
        elif item in known:
            found.append(known[item])
        else:
            names = ", ".join(f"{number} {artifact['name']}" for number, artifact in numbered(step))
            raise CommandError(f"{option} {item}: {step['name']} has no such artifact.", f"It has: {names}.")
    return found


def commands(job: Mapping[str, Any]) -> Iterator[str]:
    """Say what can be done with a job next, each as a command to copy."""
    job_id, gate = job["id"], open_gate(job)
    if gate:
        many = len(numbered_pictures(gate)) > 1
        yield f"maquette job review {job_id} approve" + (" --select 1" if many else "")
        yield f'maquette job review {job_id} reject --notes "…"'
        if job["status"] == "awaiting_review":
            yield f"maquette job review {job_id} pause"
    elif job["status"] == "paused":
        yield f"maquette job resume {job_id}"
    elif job["status"] in {"queued", "running"}:
        yield f"maquette job watch {job_id}"
    elif job["status"] == "succeeded" and job.get("asset_id"):
        yield f"maquette asset pull {job['asset_id']}"


def print_gate(client: "Client", job: Mapping[str, Any], step: Step | None, pictures: Choice) -> None:
    """Print a step's pictures, or where they are, and below them the commands that lead on."""
    from rich.text import Text

    if step is not None and pictures != "none" and out().is_terminal:
        sign = ("◆", "bold yellow") if open_gate(job) else ("◇", "dim")
        made = Text.assemble(("\n", ""), sign, f" what {step['name']} made", (_revision(step), "dim"))
        out().print(made)
        try:
            _print_pictures(client, step, pictures)
        except CommandError as error:  # the decision does not wait for a picture
            out().print(
                Text(f"  its pictures cannot be shown: {error.message}", style="yellow"), soft_wrap=True
            )
    label = "decide:  " if open_gate(job) else "next:  "
    for at, line in enumerate(commands(job)):
        head = label if at == 0 else " " * len(label)
        out().print(Text.assemble((head, "yellow" if open_gate(job) else "dim"), line), soft_wrap=True)


def _revision(step: Step) -> str:
    return f"  revision {step['revision']}" if step.get("revision") else ""


def _print_pictures(client: "Client", step: Step, pictures: Choice) -> None:
    from rich.text import Text

    from maquette.cli.pictures.show import show
    from maquette.cli.pictures.terminal import choose

    items = numbered_pictures(step)
    if not items:
        return
    way = choose(pictures, out())
    files = [(f"{number} {item['name']}", _cached(client, item)) for number, item in items]
    if way == "none":
        for label, path in files:
            out().print(Text.assemble(("◆ ", "yellow"), f"{label}  ", (str(path), "dim")), soft_wrap=True)
    else:
        show(out(), way, files)


def _cached(client: "Client", artifact: Mapping[str, Any]) -> Path:
    """Return a picture's file, fetched once: artifacts never change."""
    from maquette.cli.files import save_files

    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "maquette" / "pictures" / Path(artifact["id"]).name
    return save_files(client, [artifact], folder, resume=True)[0]

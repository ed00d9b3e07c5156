"""How a job looks in a terminal: one row a step, and one line a change where there is no terminal."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from maquette.cli.output import printable

#: What is shown for a step: sign and style.
_SIGNS: Mapping[str, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "running": ("●", "cyan"),
    "waiting": ("‖", "yellow"),
    "review": ("◆", "bold yellow"),
    "approved": ("✔", "green"),
    "done": ("✔", "green"),
    "reused": ("✔", "green"),
    "skipped": ("-", "dim"),
    "rejected": ("↺", "magenta"),
    "failed": ("✖", "bold red"),
    "canceled": ("✖", "dim"),
}


#: Places in the queue are counted so far.
EXACT_MAX = 1000
#: What a gate's clock comes to.
_NEXT: Mapping[str, str] = {
    "remind": "a reminder",
    "escalate": "others are told",
    "approve": "approved by itself",
    "reject": "given up",
    "pause": "held",
}


def step_word(step: Mapping[str, Any]) -> str:
    """One word for where a step stands."""
    status = step["status"]
    if status == "paused":
        return "review" if step.get("pause_reason") == "review" else "waiting"
    if status == "done" and step.get("reused_from"):
        return "reused"
    return str(status)


def seconds_of(step: Mapping[str, Any], now: datetime) -> float | None:
    """How long the step took, or has been running."""
    if not step.get("started_at"):
        return None
    end = _time(step["finished_at"]) if step.get("finished_at") else now
    return max(0.0, (end - _time(step["started_at"])).total_seconds())


def duration(seconds: float) -> str:
    """Write seconds for people: ``2.5 s``, ``3:20``, ``1:02:05``."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


class JobView:
    """A Rich renderable of a job; set ``job`` and ``progress``, and ``note`` for a line below."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job = job
        self.progress: Mapping[str, Mapping[str, Any]] = {}
        self.note = Text()
        self._spinner = Spinner("dots", style="cyan")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar_width = 14 if options.max_width >= 100 else 8
        body: list[Any] = [*self._heading(), Text(), self._steps(bar_width, services=options.max_width >= 80)]
        if footer := self._footer():
            body += [Text(), footer]
        style = {"succeeded": "green", "failed": "red", "canceled": "red"}.get(
            self.job["status"], "bright_black"
        )
        yield Panel(
            Group(*body),
            title=Text(f" {self.job['id']} ", style="dim"),
            title_align="left",
            subtitle=Text(f" {self.job['status'].replace('_', ' ')} ", style=style),
            subtitle_align="right",
            border_style=style,
            box=box.ROUNDED,
            padding=(0, 1),
            width=min(options.max_width, 118),
        )

    def _heading(self) -> list[Text]:
        inputs = self.job.get("inputs") or {}
        facts = [self.job["asset_type"], inputs.get("library_path") or ""]
        if inputs.get("seed") is not None:
            facts.append(f"seed {inputs['seed']}")
        brief = printable(str(inputs.get("prompt") or "")).replace("\n", " ")
        prompt = Text(brief, style="bold", overflow="ellipsis", no_wrap=True)
        return [
            prompt,
            Text(" · ".join(fact for fact in facts if fact), "dim", overflow="ellipsis", no_wrap=True),
        ]

    def _steps(self, bar_width: int, *, services: bool) -> Table:
        table = Table(
            box=None,
            padding=(0, 2 if bar_width > 8 else 1, 0, 0),
            pad_edge=False,
            expand=True,
            header_style="dim",
        )
        table.add_column("", width=1)
        table.add_column("step", no_wrap=True)
        table.add_column("status", no_wrap=True, min_width=8)
        table.add_column("try", justify="right")
        if services:
            table.add_column("service", no_wrap=True)
        table.add_column("", width=bar_width)
        table.add_column("time", justify="right", no_wrap=True, min_width=6)
        table.add_column("artifacts", ratio=1, no_wrap=True, overflow="ellipsis")
        now = datetime.now(UTC)
        for step in self.job["steps"]:
            word = step_word(step)
            sign, style = _SIGNS.get(word, ("?", ""))
            seconds = seconds_of(step, now)
            cells: list[Any] = [
                self._spinner if word == "running" else Text(sign, style=style),
                Text(
                    step["name"] + (f" r{step['revision']}" if step.get("revision") else ""),
                    style="dim" if seconds is None else "",
                ),
                Text(word, style=style),
                Text(str(step.get("attempt") or ""), style="dim" if step.get("attempt") == 1 else "yellow"),
                *([Text(str(step.get("service") or ""), style="dim")] if services else []),
                self._bar(step, word, bar_width),
                Text(
                    "" if seconds is None else duration(seconds),
                    style="dim" if word != "running" else "cyan",
                ),
                self._detail(step, word),
            ]
            table.add_row(*cells)
        return table

    def _bar(self, step: Mapping[str, Any], word: str, width: int) -> Any:
        if word == "running":
            value = float(self._report(step).get("value") or 0.0)
            return ProgressBar(1.0, value, width=width, complete_style="cyan", finished_style="cyan")
        if word in {"done", "approved", "reused", "review"}:
            return ProgressBar(
                1.0, 1.0, width=width, finished_style="green" if word != "review" else "yellow"
            )
        return Text("")

    def _detail(self, step: Mapping[str, Any], word: str) -> Text:
        """Say what a running step is doing, why a failed one failed, what a finished one made."""
        if word == "running":
            return Text(printable(str(self._report(step).get("message") or "")), style="cyan")
        if word == "waiting":
            return Text(str(step.get("pause_reason") or "").replace("_", " "), style="yellow")
        error = step.get("error")
        if error:
            return Text(_told(error), style="red")
        if step["name"] == self.job.get("hold_before"):
            return Text("holds before it begins", style="yellow")
        names = [artifact["name"] for artifact in step.get("artifacts") or []]
        return Text("  ".join([*_origin(step), *names]), style="dim")

    def _report(self, step: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.progress.get(step["name"]) or step.get("progress") or {}

    def _footer(self) -> Text | None:
        position = self.job.get("queue_position")
        if error := self.job.get("error"):
            return Text(_told(error), style="red")
        if self.note:
            return self.note
        if due := (self.job.get("gate") or {}).get("next"):
            left = max((_time(due["at"]) - datetime.now(UTC)).total_seconds(), 0)
            return Text(f"nobody has decided: {_NEXT[due['action']]} in {duration(left)}", style="yellow")
        seconds = self.job.get("eta_seconds")
        further = position is not None and position > EXACT_MAX
        place = f"behind {EXACT_MAX:,} or more in the queue" if further else f"place {position} in the queue"
        said = [place] if position else []
        said += [f"{'at least' if further else 'about'} {duration(seconds)} left"] if seconds else []
        return Text(", ".join(said), style="dim") if said else None


def _told(error: Mapping[str, Any]) -> str:
    return printable(f"{error.get('code', '')}: {error.get('message', '')}")


def _origin(step: Mapping[str, Any]) -> list[str]:
    """Say whose work it is, where another job's step did it."""
    return [f"reused from {step['reused_from']}"] if step.get("reused_from") else []


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Describe what is new in a job, a line each."""
    known = {step["id"]: (step_word(step), step.get("attempt")) for step in (before or {}).get("steps", [])}
    for step in after["steps"]:
        word = step_word(step)
        if known.get(step["id"], ("pending", None))[0] == word and known.get(step["id"]) == (
            word,
            step.get("attempt"),
        ):
            continue
        if word == "pending":
            continue
        seconds = seconds_of(step, now)
        parts = [f"{step['name']:<14} {word:<9}"]
        if word == "running":
            parts.append(f"attempt {step.get('attempt')} on {step.get('service')}")
        elif seconds is not None:
            parts.append(f"{seconds:.1f} s")
        if step.get("error"):
            parts.append(_told(step["error"]))
        elif word in {"done", "approved", "reused", "review"}:
            parts += _origin(step)
            parts.append(" ".join(artifact["name"] for artifact in step.get("artifacts") or []))
        yield "  ".join(part for part in parts if part)
    if before is None or before["status"] != after["status"]:
        yield f"{'job':<14} {after['status'].replace('_', ' ')}"

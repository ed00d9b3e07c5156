"""The command: runs every check and prints what it found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from maquette.cli.arguments import Json
from maquette.cli.doctor.finding import Finding, State, broken
from maquette.cli.output import out, print_json

if TYPE_CHECKING:
    from maquette.cli.doctor.scene import Scene

_SIGNS: dict[State, tuple[str, str]] = {
    "ok": ("✔", "green"),
    "warning": ("!", "bold yellow"),
    "broken": ("✖", "bold red"),
    "skipped": ("-", "dim"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command(rich_help_panel="Describe")(doctor)


def doctor(json: Json = False) -> None:
    """Say what is broken in this set-up, a line each, and what to do next. The status is 1 when something is.

    Nothing is changed; a warning alone leaves the status 0.
    """
    from maquette.cli.doctor.scene import Scene

    findings = examine(Scene.here())
    healthy = all(finding.state != "broken" for _, finding in findings)
    if json:
        checks = [
            {"name": name, "state": found.state, "says": found.says, "do": found.do}
            for name, found in findings
        ]
        print_json({"ok": healthy, "checks": checks})
    else:
        for name, found in findings:
            _print(name, found)
        count = sum(found.state == "broken" for _, found in findings)
        verdict = "[green]nothing is broken[/green]" if healthy else f"[bold red]{count} broken[/bold red]"
        out().print(f"\n{verdict}")
    if not healthy:
        raise typer.Exit(1)


def examine(scene: "Scene") -> Sequence[tuple[str, Finding]]:
    """Run the table of checks; one that fails in an unforeseen way is a finding of its own."""
    from maquette.cli.doctor.table import CHECKS

    findings = []
    for name, check in CHECKS:
        try:
            found = check(scene)
        except Exception as error:  # noqa: BLE001 - the doctor must not be one more thing that is broken
            found = broken(f"the check itself failed: {type(error).__name__}: {error}", "Please report it.")
        findings.append((name, found))
    return findings


def _print(name: str, found: Finding) -> None:
    from rich.text import Text

    sign, style = _SIGNS[found.state]
    says = Text(found.says, style="dim" if found.state == "skipped" else "")
    out().print(Text.assemble((f"{sign} ", style), (f"{name:<16} ", "dim"), says), soft_wrap=True)
    if found.do:
        out().print(Text.assemble(" " * 19, ("→ ", "cyan"), (found.do, "cyan")), soft_wrap=True)

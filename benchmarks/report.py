"""Results: rows for people and for ``results/latest.json``."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``ratio`` is ours over the best of the others; ``holds`` is None where nothing is promised."""

    name: str
    unit: str
    maquette: float
    others: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    target: str | None = None
    holds: bool | None = None


def against(name: str, unit: str, ours: float, others: dict[str, float], *, at_least: float) -> Row:
    """Return a row that is judged by its ratio to the best of the others."""
    ratio = ours / max(others.values())
    return Row(name, unit, ours, others, ratio, f"ratio ≥ {at_least:g}", ratio >= at_least)


def limited(name: str, unit: str, ours: float, *, at_most: float) -> Row:
    """Return a row that is judged by a bound."""
    return Row(name, unit, ours, target=f"≤ {at_most:g}", holds=ours <= at_most)


def reaching(name: str, unit: str, ours: float, *, at_least: float) -> Row:
    """Return a row that is judged by what it must reach."""
    return Row(name, unit, ours, target=f"≥ {at_least:g}", holds=ours >= at_least)


def write(rows: list[Row], path: Path) -> None:
    """Write the rows as a list: name, unit, maquette, others, ratio, target, holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title="Maquette, object uploads and downloads left out")
    for heading in ("", "unit", "Maquette", "others", "ratio", "target", "holds"):
        table.add_column(heading, justify="right" if heading in {"Maquette", "ratio"} else "left")
    for row in rows:
        table.add_row(
            row.name,
            row.unit,
            _figure(row.maquette),
            ", ".join(f"{peer} {_figure(value)}" for peer, value in row.others.items()),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.target or "",
            {True: "yes", False: "[bold red]no[/]", None: ""}[row.holds],
        )
    Console(width=150).print(table)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

"""Results: rows, for people as a table and for programs as ``results/latest.json``."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

#: One measurement, or what each round gave.
Figure = float | Sequence[float]
Spread = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside others of its kind.

    ``maquette`` and ``others`` are medians over the rounds; ``spread`` has the least and the greatest of those that
    were taken more than once, ours under "maquette". ``ratio`` is ours over the best of the others. ``holds`` is None
    where nothing is promised, ``skipped`` says why there is no figure. ``section`` and ``environment`` are put in by
    ``python -m benchmarks``.
    """

    name: str
    unit: str
    maquette: float | None
    others: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    target: str | None = None
    holds: bool | None = None
    spread: dict[str, Spread] = field(default_factory=dict)
    skipped: str | None = None
    section: str = ""
    environment: str = ""


def plain(name: str, unit: str, ours: Figure, others: Mapping[str, Figure] | None = None) -> Row:
    """Return a row that nothing is promised about. With others, more is better."""
    figures = {"maquette": ours, **(others or {})}
    medians = {who: _median(figure) for who, figure in figures.items()}
    mine = medians.pop("maquette")
    spread = {
        who: (min(figure), max(figure))
        for who, figure in figures.items()
        if isinstance(figure, Sequence) and len(figure) > 1
    }
    best = max(medians.values(), default=0.0)
    return Row(name, unit, mine, medians, mine / best if best else None, spread=spread)


def against(name: str, unit: str, ours: Figure, others: Mapping[str, Figure], *, at_least: float) -> Row:
    """Return a row that is judged by its ratio to the best of the others. More is better."""
    row = plain(name, unit, ours, others)
    if row.ratio is None:
        raise ValueError(f"{name}: there is nothing to compare with.")
    return replace(row, target=f"ratio ≥ {at_least:g}", holds=row.ratio >= at_least)


def limited(name: str, unit: str, ours: Figure, *, at_most: float) -> Row:
    """Return a row that is judged by a bound."""
    row = plain(name, unit, ours)
    return replace(row, target=f"≤ {at_most:g}", holds=_median(ours) <= at_most)


def reaching(name: str, unit: str, ours: Figure, *, at_least: float) -> Row:
    """Return a row that is judged by what it must reach."""
    row = plain(name, unit, ours)
    return replace(row, target=f"≥ {at_least:g}", holds=_median(ours) >= at_least)


def skipped(name: str, unit: str, why: str) -> Row:
    """Return a row for what could not be measured."""
    return Row(name, unit, None, skipped=why)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as a list; those of sections that were not run this time stay as they were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ran = {row.section for row in rows}
    kept = [row for row in read(path) if row.section not in ran] if path.exists() else []
    found = [asdict(row) for row in [*kept, *rows]]
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> list[Row]:
    """Return what ``write`` wrote."""
    return [_row(item) for item in json.loads(path.read_text(encoding="utf-8"))]


def show(rows: Sequence[Row], titles: Mapping[str, str], console: Console) -> None:
    """Print the rows, a table for each section."""
    for section in dict.fromkeys(row.section for row in rows):
        table = Table(title=titles.get(section, section), title_justify="left", expand=True)
        for heading in ("", "unit", "Maquette", "others", "ratio", "target", "holds"):
            right = heading in {"Maquette", "ratio"}
            table.add_column(heading, justify="right" if right else "left", no_wrap=not heading)
        for row in rows:
            if row.section == section:
                table.add_row(*cells(row), end_section=False)
        console.print(table)


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's texts: name, unit, ours, others, ratio, target, whether it holds."""
    return (
        row.name,
        row.unit,
        f"skipped: {row.skipped}" if row.maquette is None else _with_spread(row, "maquette", row.maquette),
        "\n".join(f"{peer} {_with_spread(row, peer, value)}" for peer, value in row.others.items()),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.target or "",
        {True: "yes", False: "no", None: ""}[row.holds],
    )


def figure(value: float) -> str:
    """Return a number with as many places as it deserves."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _with_spread(row: Row, who: str, value: float) -> str:
    if who not in row.spread:
        return figure(value)
    least, greatest = row.spread[who]
    return f"{figure(value)} ({figure(least)} to {figure(greatest)})"


def _median(measured: Figure) -> float:
    return statistics.median(measured) if isinstance(measured, Sequence) else measured


def _row(item: dict[str, Any]) -> Row:
    spread = {who: (least, greatest) for who, (least, greatest) in item["spread"].items()}
    return Row(**{**item, "spread": spread})

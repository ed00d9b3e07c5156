"""A plot of every figure that stands beside others: bars on a logarithmic scale, as SVG, legible on light and dark."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from benchmarks.report import Row, figure

_WIDTH, _NAMES, _VALUES = 900, 250, 120
_BAR, _GAP, _HEAD = 15, 5, 26
_LINE_CHARACTERS = 140
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2933 }
.title { font-size: 15px; font-weight: 600 } .name { font-weight: 600 } .faint { fill: #66707c; font-size: 11px }
.ours { fill: #0f766e } .other { fill: #9aa5b1 } .grid { stroke: #d5dbe1 } .spread { stroke: #1f2933; stroke-width: 1.5 }
.target { stroke: #c2410c; stroke-width: 2; stroke-dasharray: 3 2 } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) {
 text { fill: #e4e9ee } .faint { fill: #9aa5b1 } .page { fill: #12171c }
 .ours { fill: #2dd4bf } .other { fill: #5f6b78 } .grid { stroke: #2c353e } .spread { stroke: #e4e9ee }
 .target { stroke: #fb923c }
}
"""


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places, by decades."""

    least: int
    greatest: int

    @classmethod
    def over(cls, values: Sequence[float]) -> "_Scale":
        least = math.floor(math.log10(min(values)) - 0.05)
        return cls(least, max(least + 1, math.ceil(math.log10(max(values)))))

    def place(self, value: float) -> float:
        part = (math.log10(value) - self.least) / (self.greatest - self.least)
        return _NAMES + min(1.0, max(0.0, part)) * (_WIDTH - _NAMES - _VALUES)


def drawn(rows: Sequence[Row], titles: Mapping[str, str], environment: str) -> str:
    """Return the plot as an SVG document: a panel for each section and unit that has anything to compare."""
    panels: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.others and row.maquette and min(row.others.values()) > 0:
            panels.setdefault((row.section, row.unit), []).append(row)
    parts: list[str] = []
    height = 16
    for (section, unit), members in panels.items():
        lines, height = _panel(f"{titles.get(section, section)} ({unit})", members, height)
        parts += lines
    for line in wrap(f"Dashed: what is promised. Thin: least to greatest. {environment}", _LINE_CHARACTERS):
        parts.append(f'<text class="faint" x="12" y="{height + 4}">{escape(line)}</text>')
        height += _BAR
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    page = '<rect class="page" width="100%" height="100%"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", page, *parts, "</svg>\n"])


def _panel(title: str, rows: Sequence[Row], top: int) -> tuple[list[str], int]:
    """Return a panel's elements and where the next one begins."""
    seen = [value for row in rows for value in (row.maquette, *row.others.values(), _goal(row)) if value]
    seen += [value for row in rows for spread in row.spread.values() for value in spread if value > 0]
    scale = _Scale.over(seen)
    body: list[str] = []
    y = top + _HEAD
    for row in rows:
        body.append(f'<text class="name" x="12" y="{y + 12}">{escape(row.name)}</text>')
        y += _BAR + _GAP
        for who, value in _bars(row):
            body += _bar(row, who, value, scale, y)
            y += _BAR + _GAP
        y += _GAP
    grid = []
    for decade in range(scale.least, scale.greatest + 1):
        x = scale.place(10.0**decade)
        grid.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + _HEAD - 4}" y2="{y}"/>')
        grid.append(
            f'<text class="faint" x="{x:.1f}" y="{y + 12}" text-anchor="middle">{_power(decade)}</text>'
        )
    heading = f'<text class="title" x="12" y="{top + 8}">{escape(title)}</text>'
    return [heading, *grid, *body], y + 40


def _bars(row: Row) -> Iterator[tuple[str, float]]:
    if row.maquette is not None:
        yield "maquette", row.maquette
    yield from sorted(row.others.items(), key=lambda item: -item[1])


def _bar(row: Row, who: str, value: float, scale: _Scale, y: int) -> list[str]:
    name, kind = ("Maquette", "ours") if who == "maquette" else (who, "other")
    end, middle = scale.place(value), y + _BAR / 2
    least, greatest = row.spread.get(who, (value, value))
    right = max(end, scale.place(greatest))
    parts = [
        f'<text x="{_NAMES - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{end - _NAMES:.1f}" height="{_BAR}" rx="2"/>',
    ]
    if least > 0 and least != greatest:
        parts.append(
            f'<line class="spread" x1="{scale.place(least):.1f}" x2="{right:.1f}" y1="{middle}" y2="{middle}"/>'
        )
    note = figure(value)
    if kind == "ours":
        note += f" · {row.ratio:.2f} times" if row.ratio else ""
        if goal := _goal(row):
            x = scale.place(goal)
            parts.append(f'<line class="target" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + _BAR + 3}"/>')
            right = max(right, x) if x - right < _VALUES else right
    parts.append(f'<text x="{right + 6:.1f}" y="{y + 12}">{escape(note)}</text>')
    return parts


def _goal(row: Row) -> float | None:
    """Return where our bar must reach, if a ratio is promised."""
    sign, _, times = (row.target or "").rpartition("≥ ")
    return float(times) * max(row.others.values()) if sign == "ratio " else None


def _power(decade: int) -> str:
    return f"{10**decade:,}" if decade >= 0 else f"{10.0**decade:g}"

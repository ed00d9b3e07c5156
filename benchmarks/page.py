"""The last full run in the pages that tell of it: docs/PERFORMANCE.md and README.md. ``python -m benchmarks --page``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.report import Row, cells

_ROOT = Path(__file__).parents[1]
_README_SECTIONS = ("steps", "submission", "handoff", "relay")
_HEADS = ("", "unit", "Maquette", "others", "ratio", "target", "holds")


def write(rows: Sequence[Row], titles: Mapping[str, str], plot: str) -> None:
    """Put tables and plot between the markers of both pages; errors are ValueError when a page has none."""
    (_ROOT / "docs" / "images" / "performance.svg").write_text(plot, encoding="utf-8")
    _replace(_ROOT / "docs" / "PERFORMANCE.md", "measured", "\n".join(_full(rows, titles)))
    _replace(_ROOT / "README.md", "ratios", "\n".join(_short(rows)))


def between(text: str, name: str) -> tuple[str, str, str]:
    """Split a page at its markers; errors are ValueError when it has none."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    inside, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"There is no place for `{name}`: {begin.strip()} … {end}")
    return before + begin, inside, end + after


def _replace(path: Path, name: str, block: str) -> None:
    before, _, after = between(path.read_text(encoding="utf-8"), name)
    path.write_text(f"{before}{block}\n{after}", encoding="utf-8")


def _full(rows: Sequence[Row], titles: Mapping[str, str]) -> Iterator[str]:
    for environment in dict.fromkeys(row.environment for row in rows):
        yield f"Measured {environment}.\n"
    yield "![Every figure that stands beside others](images/performance.svg)\n"
    for section in dict.fromkeys(row.section for row in rows):
        own = [row for row in rows if row.section == section]
        shown = [row for row in own if row.target or row.others or row.skipped]
        yield f"### {titles.get(section, section)}\n"
        yield from _table(shown)
        if rest := [row for row in own if row not in shown]:
            yield "\n<details><summary>what else was seen</summary>\n"
            yield from _table(rest)
            yield "\n</details>"
        yield ""


def _short(rows: Sequence[Row]) -> Iterator[str]:
    """What a reader of the first page wants: what is promised, and what it is compared with."""
    chosen = [row for row in rows if row.section in _README_SECTIONS and row.target]
    yield from _table(chosen)
    for environment in dict.fromkeys(row.environment for row in chosen):
        yield f"\n`make bench` ({environment})"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield f"| {' | '.join(_HEADS)} |"
        yield "|---|---|---|---|---|---|---|"
    for row in rows:
        texts = [text.replace("|", "/").replace("\n", "<br>") for text in cells(row)]
        yield f"| {' | '.join(texts)} |"

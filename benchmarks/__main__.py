"""``python -m benchmarks [SECTION …]``: measure, print tables, write ``benchmarks/results/latest.json`` and a plot."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from rich.console import Console

from benchmarks import chart, environment, page, report, sections
from benchmarks.report import Row
from benchmarks.run import Run, Scale

_RESULTS = Path(__file__).with_name("results") / "latest.json"
_PEERS = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"
_WIDTH = 170


def main() -> None:
    """Run what was asked for; exit status 1 when a section failed."""
    arguments = _arguments()
    if arguments.page:
        rows = report.read(arguments.output)
        page.write(rows, sections.titles(), _plot(rows))
        return
    if arguments.profile:
        arguments.profile.mkdir(parents=True, exist_ok=True)
    where = environment.described()
    run = Run(Path(), scale=arguments.scale, profile=arguments.profile, peers=_peers(arguments))
    rows, failed = sections.run_all(arguments.sections or sections.NAMES, run, where)
    report.write(rows, arguments.output)
    arguments.output.with_suffix(".svg").write_text(_plot(report.read(arguments.output)), encoding="utf-8")
    console = Console(width=_WIDTH)
    report.show(rows, sections.titles(), console)
    console.print(where, highlight=False)
    missed = [row for row in rows if row.holds is False]
    for row in missed:
        console.print(f"not held: {row.section}: {row.name}", highlight=False)
    sys.exit(1 if failed else 0)


def _plot(rows: list[Row]) -> str:
    environments = dict.fromkeys(row.environment for row in rows)
    return chart.drawn(rows, sections.titles(), " · ".join(environments))


def _peers(arguments: argparse.Namespace) -> Path | None:
    """Return the others' Python when they take part and are there."""
    wanted = arguments.scale != "small" if arguments.peers is None else arguments.peers
    return _PEERS if wanted and _PEERS.exists() else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections.NAMES)}; none: all"
    )
    parser.add_argument(
        "--scale",
        choices=get_args(Scale),
        default="full",
        help="small only shows that it runs; long grows to a million jobs",
    )
    parser.add_argument("--output", type=Path, default=_RESULTS, help="where to write the results as JSON")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: write the last results into the pages"
    )
    parser.add_argument("--profile", type=Path, help="folder for a page on each process's CPU time")
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        help="take what else there is along (full: yes, small: no)",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(sections.NAMES):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    main()

"""What commands print: answers to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class CommandError(Exception):
    """A command cannot go on. The message says what is wrong and where, ``advice`` what to do next."""

    def __init__(self, message: str, advice: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.details = dict(details or {})


@cache
def out() -> "Console":
    """Return the console for answers."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def err() -> "Console":
    """Return the console for progress and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document on one line, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def print_fields(rows: Iterable[tuple[str, Any]]) -> None:
    """Print names and values in two columns; empty values are left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value not in (None, "", [], {}):
            table.add_row(Text(name, style="dim"), Text(str(value), overflow="fold"))
    out().print(table)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = (), fold: bool = False
) -> None:
    """Print rows under column names; columns in ``right`` hold numbers.

    The first column holds what is copied and is never cut. What does not fit is cut in the others, or with
    ``fold`` goes on in the next line.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = list(rows)
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=not fold or column == columns[0],
            overflow="fold" if fold else "ellipsis",
            min_width=max((len(str(row[0])) for row in shown), default=0) if column == columns[0] else None,
        )
    for row in shown:
        table.add_row(*(Text(str(value)) for value in row))
    out().print(table)


def age(moment: str, now: datetime) -> str:
    """Say how long ago an RFC 3339 time was: ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    seconds = max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def report(error: CommandError, *, as_json: bool) -> None:
    """Tell a person, or with ``as_json`` a program, why a command failed."""
    if as_json:
        content = {"error": {"message": error.message, "advice": error.advice, **error.details}}
        sys.stderr.write(json.dumps(content, ensure_ascii=False) + "\n")
        return
    from rich.text import Text

    err().print(Text.assemble(("✖ ", "bold red"), (error.message, "bold")), soft_wrap=True)
    for detail in error.details.get("details", []):
        where = ".".join(map(str, detail.get("loc", [])))
        err().print(Text.assemble("  ", (where, "yellow"), f"  {detail.get('msg', '')}"), soft_wrap=True)
    if request_id := error.details.get("request_id"):
        err().print(Text(f"  request {request_id}", style="dim"))
    if error.advice:
        err().print(Text.assemble("  → ", (error.advice, "cyan")), soft_wrap=True)

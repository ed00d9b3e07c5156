"""What commands print: answers to standard output, everything else to standard error."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

_C1 = re.compile("[\x7f-\x9f]")


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
    sys.stdout.write(_json(value) + "\n")
    sys.stdout.flush()


def _json(value: Any) -> str:
    """Write JSON for people who read along: UTF-8, but for the control characters that JSON lets through."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _C1.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def print_fields(rows: Iterable[tuple[str, Any]], *, indent: str = "") -> None:
    """Print names and values in two columns; empty values are left out.

    Long values are left to the terminal to wrap, so that a key is copied whole.
    """
    from rich.text import Text

    shown = [(name, plain(value)) for name, value in rows]
    shown = [(name, text) for name, text in shown if text]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        out().print(Text.assemble(indent, (f"{name:<{width}}  ", "dim"), text), soft_wrap=True)


def plain(value: Any) -> str:
    """Write a JSON value for people: lists with commas, objects as names and values."""
    if isinstance(value, Mapping):
        inner = ((name, plain(part)) for name, part in value.items())
        return ", ".join(f"{name}: {text}" for name, text in inner if text)
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return "" if value is None else printable(str(value))


def printable(text: str) -> str:
    """Take out what a terminal would obey: escape sequences in a brief are somebody else's joke."""
    return (
        text if text.isprintable() else "".join(ch if ch.isprintable() or ch == "\n" else "�" for ch in text)
    )


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, elastic: str, right: Sequence[str] = ()
) -> None:
    """Print rows under column names; columns in ``right`` hold numbers.

    Where the terminal is narrow, the ``elastic`` column alone gives way: the others hold what is copied.
    Without rows nothing is printed but a word on standard error.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = [[printable(str(value)).replace("\n", " ") for value in row] for row in rows]
    if not shown:
        err().print("[dim]none[/dim]")
        return
    widths = {name: max(len(name), *(len(row[at]) for row in shown), 0) for at, name in enumerate(columns)}
    gaps = 2 * (len(columns) - 1)
    room = out().width - gaps - sum(width for name, width in widths.items() if name != elastic)
    widths[elastic] = max(8, min(widths[elastic], room))
    table = Table(
        box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, show_edge=False, padding=(0, 1, 0, 0)
    )
    for name, width in widths.items():
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(name, justify=justify, width=width, no_wrap=True, overflow="ellipsis")
    for row in shown:
        table.add_row(*(Text(value) for value in row))
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
        sys.stderr.write(_json(content) + "\n")
        return
    from rich.text import Text

    err().print(Text.assemble(("✖ ", "bold red"), (printable(error.message), "bold")), soft_wrap=True)
    details = error.details.get("details", [])
    for detail in details:
        where = printable(".".join(map(str, detail.get("loc", []))))
        if len(details) == 1 and error.message.startswith(f"{where}: {detail.get('msg', '')}"):
            continue  # the message has just said it
        err().print(
            Text.assemble("  ", (where, "yellow"), f"  {printable(str(detail.get('msg', '')))}"),
            soft_wrap=True,
        )
    if request_id := error.details.get("request_id"):
        err().print(Text(f"  request {request_id}", style="dim"))
    if error.advice:
        err().print(Text.assemble("  → ", (printable(error.advice), "cyan")), soft_wrap=True)

"""Which pictures this terminal can show: what its environment says, else what it answers when asked.

Asked in one go: kitty's graphics query, XTVERSION, and primary device attributes, which every terminal answers
and so ends the wait. Behind tmux or screen the environment is the outer terminal's, so only the answer counts.
"""

import os
import re
import select
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

from rich.console import Console

from maquette.cli.pictures import Choice

Way = Literal["kitty", "iterm", "sixel", "blocks", "none"]

_QUESTION = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"
_ANSWER_SECONDS_MAX = 0.3
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_VERSION = re.compile(rb"\x1bP>\|([^\x1b]*)\x1b\\")
_SILENT = frozenset({"", "dumb", "linux", "unknown"})
"""Values of TERM that are not worth asking."""


def choose(wanted: Choice, console: Console) -> Way:
    """Return how to show pictures; Pillow, which comes with the studio, is needed for all ways but ``none``."""
    if find_spec("PIL") is None:
        return "none"
    if wanted != "auto":
        return wanted
    if not console.is_terminal:
        return "none"
    way = by_environment(os.environ) or by_answer(ask())
    return way or ("blocks" if shows_blocks(console) else "none")


def shows_blocks(console: Console) -> bool:
    """Whether this terminal shows colours well enough for pictures made of characters."""
    coloured = console.color_system in {"truecolor", "256"} and not console.no_color
    return console.is_terminal and coloured and find_spec("PIL") is not None


def by_environment(variables: Mapping[str, str]) -> Way | None:
    """Return what the variables of well-known terminals promise; None when they say nothing certain."""
    term, program = variables.get("TERM", ""), variables.get("TERM_PROGRAM", "")
    if variables.get("TMUX") or term.startswith(("screen", "tmux")):
        return None
    if term in {"xterm-kitty", "xterm-ghostty"} or variables.get("KITTY_WINDOW_ID"):
        return "kitty"
    if program in {"iTerm.app", "WezTerm"} or variables.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return None


def by_answer(answer: bytes) -> Way | None:
    """Return what a terminal's answer to the question promises."""
    if b"\x1b_Gi=31;OK" in answer:
        return "kitty"
    version = _VERSION.search(answer)
    if version and version.group(1).startswith((b"iTerm2", b"WezTerm")):
        return "iterm"
    attributes = _ATTRIBUTES.search(answer)
    return "sixel" if attributes and b"4" in attributes.group(1).split(b";") else None


def ask(seconds_max: float = _ANSWER_SECONDS_MAX) -> bytes:
    """Ask the terminal and return what it says within the time; nothing where there is nobody to ask."""
    if os.environ.get("TERM", "") in _SILENT or sys.platform == "win32":
        return b""
    import termios
    import tty

    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            return b""  # in the background: the terminal would stop us
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            os.write(descriptor, _QUESTION)
            return _read_answer(descriptor, seconds_max)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    except (OSError, termios.error):
        return b""
    finally:
        os.close(descriptor)


def _read_answer(descriptor: int, seconds_max: float) -> bytes:
    answer, deadline = b"", time.monotonic() + seconds_max
    while not _ATTRIBUTES.search(answer):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        answer += os.read(descriptor, 1024)
    return answer


def cell_pixels() -> tuple[int, int]:
    """Width and height of a character in pixels, as the terminal's driver knows; else a common size."""
    try:
        import fcntl
        import struct
        import termios

        raw = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("4H", raw)
    except (ImportError, OSError, ValueError):
        return 10, 20
    if not (rows and columns and width and height):
        return 10, 20
    return max(1, width // columns), max(1, height // rows)

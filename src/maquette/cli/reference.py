"""``docs/cli.md``, made from the commands themselves."""

from collections.abc import Iterator
from typing import Any

_INTRODUCTION = """\
# Command line

`maquette` runs Maquette and is a client of its HTTP API. This page is made from the code (`make docs`).

**Where it looks.** In the directory of a running `maquette up` nothing has to be set: address, key and project are found
there. Elsewhere set `MAQUETTE_URL`, `MAQUETTE_API_KEY` and `MAQUETTE_PROJECT_ID` ([settings](settings.md)). When something
does not work, `maquette doctor` says what, and what to do.

**What it prints.** Answers go to standard output, progress and errors to standard error. With `--json` the answer is one JSON
value on one line (`job watch`: a line an event, the job last), and an error is one too, on standard error:
`{"error": {"message", "advice", …}}` with the members of the API's problem document ([errors](errors.md)), and
`retry_after_seconds` where waiting helps. Tables fit the terminal; `NO_COLOR` and pipes get plain text.

| status | means |
|---|---|
| 0 | Done; `job watch` and `submit --watch`: the job succeeded. |
| 1 | Not done: standard error says why, and what to do next. `watch`: the job failed or was canceled. `doctor`: something is broken. |
| 2 | Wrong usage: an unknown command or option, or a value that an option does not take. |
| 130 | Interrupted by Ctrl-C. |

**At a gate** `job show` and `job watch` show the step's pictures, numbered, and the commands that lead on. Pictures come by the
terminal's own protocol (kitty, iTerm2, sixel) or as blocks of colour; behind tmux, and where neither is possible, as blocks or as
paths of files. `--pictures` overrides what was found out. `--select 2` and `--replace 2=fixed.png` take those numbers or artifact ids.

**Completion.** `maquette --install-completion` sets up the shell; ids of jobs, projects and assets are completed too, from the API,
when it answers within 0.8 s.
"""


def render() -> str:
    """Return the page: every command with its arguments and options."""
    import typer

    from maquette.cli.main import app

    root = typer.main.get_command(app)
    parts = [_INTRODUCTION]
    for path, command in _commands(root, ("maquette",)):
        parts.append(_section(typer, path, command))
    return "\n".join(parts)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, in the order of ``--help``."""
    for name, child in getattr(command, "commands", {}).items():
        if getattr(child, "commands", None):
            yield from _commands(child, (*path, name))
        else:
            yield (*path, name), child


def _section(typer: Any, path: tuple[str, ...], command: Any) -> str:
    context = typer.Context(command, info_name=path[-1])
    records = [_record(parameter.get_help_record(context)) for parameter in command.params]
    lines = [f"## {' '.join(path)}", "", " ".join((command.help or "").split()), ""]
    if records:
        lines += ["| | |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in records), ""]
    return "\n".join(lines)


def _record(record: tuple[str, str]) -> tuple[str, str]:
    name, text = (" ".join(part.split()).replace("|", "\\|") for part in record)
    return name, text

"""``maquette safety check`` and ``corpus``: what policies would find, and how well; neither needs a server."""

import json as json_module
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maquette.cli.arguments import Json
from maquette.cli.output import CommandError, out, print_json, print_table, printable

if TYPE_CHECKING:
    from maquette.domain.safety import Compiled

Policy = Annotated[
    Path | None,
    typer.Option("--policy", help="A project's policy, JSON or TOML, over the floor.", metavar="FILE"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("check")(check)
    app.command("corpus")(corpus)


def check(
    texts: Annotated[
        list[str], typer.Argument(help="Texts that belong together, as fields of one brief do.")
    ],
    negative: Annotated[str, typer.Option("--negative", help="A negative prompt beside them.")] = "",
    policy: Policy = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what is found and allowed, too.")] = False,
    json: Json = False,
) -> None:
    """Say what would be found in texts, and why: exit status 0 when they are allowed, 1 when held or blocked.

    Offline: by the floor and --policy; the platform's own policy is on the server.
    """
    from maquette.domain.safety import Text, judge

    whole = [*texts, *([negative] if negative else [])]
    found = judge(_policies(policy), [Text(text, place >= len(texts)) for place, text in enumerate(whole)])
    verdict = found[0].answer if found else "allow"
    shown = [item for item in found if explain or item.answer != "allow"]
    items = [
        {
            "answer": item.answer,
            "category": item.category,
            "severity": item.severity.name.lower(),
            "rule": item.rule,
            "source": item.source,
            "text": item.text,
            "span": list(item.span),
            "found": whole[item.text][slice(*item.span)],
            "view": item.view,
        }
        for item in shown
    ]
    if json:
        print_json({"verdict": verdict, "findings": items})
    else:
        out().print(verdict)
        if items:
            columns = ("answer", "category", "severity", "rule", "found", "view")
            rows = [[printable(str(item[name])) for name in columns] for item in items]
            print_table(columns, rows, elastic="found")
    if verdict != "allow":
        raise typer.Exit(1)


def corpus(policy: Policy = None, json: Json = False) -> None:
    """Measure what is found in evasions, by technique and category, and in innocent look-alikes.

    Half of the cases is held out: rules are tuned by the other half alone.
    """
    from maquette.domain.safety import measure

    result = measure.measured(_policies(policy), measure.corpus())
    if json:
        print_json(result)
        return
    for kind in ("technique", "category"):
        _print(f"{kind} (held out)", result["recall"][kind])
    _print("all evasions", result["recall"]["half"])
    _print("all innocent", result["false_positives"])


def _print(name: str, counts: Mapping[str, Mapping[str, Any]]) -> None:
    print_table(
        (name, "cases", "stopped", "rate"), _rows(counts), elastic=name, right=("cases", "stopped", "rate")
    )
    out().print()


def _rows(counts: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, int, int, str]]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1]["rate"], pair[0]))
    return [(name, item["cases"], item["found"], f"{item['rate']:.1%}") for name, item in ordered]


def _policies(path: Path | None) -> "Compiled":
    from maquette.domain.errors import Invalid
    from maquette.domain.safety import ALONE, compiled, parse

    if path is None:
        return ALONE
    try:
        text = path.read_text("utf-8")
        body = tomllib.loads(text) if path.suffix == ".toml" else json_module.loads(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}", "Give a file with the policy.") from error
    if not isinstance(body, dict):
        raise CommandError(f"{path} holds no policy.", "A policy is an object.")
    try:
        return compiled([parse(body, "project")], over=ALONE)
    except Invalid as error:
        told = "\n".join(f"{'.'.join(map(str, item.loc))}: {item.msg}" for item in error.details)
        raise CommandError(f"{path} is no policy.", told) from error

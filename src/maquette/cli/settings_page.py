"""``docs/settings.md``, made from the fields of the settings."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from maquette.settings import CONFIG_FILE, CONFIG_VARIABLE, Settings
from maquette.settings.field import PREFIX


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """One setting for people."""

    name: str
    variable: str
    kind: str
    default: str
    help: str
    secret: bool


def documented() -> Iterator[SettingInfo]:
    """Every setting, in the order of the documentation: what only some installations need comes last."""
    kinds = get_type_hints(Settings)
    for entry in sorted(
        dataclasses.fields(Settings), key=lambda entry: entry.name not in vars(Settings)["__annotations__"]
    ):
        default = "" if entry.default == "" else str(entry.default)
        yield SettingInfo(
            entry.name,
            PREFIX + entry.name.upper(),
            _kind_name(kinds[entry.name]),
            default,
            entry.metadata["help"],
            entry.metadata["secret"],
        )


def markdown() -> str:
    """``docs/settings.md``."""
    rows = [
        f"| `{info.variable}` | {info.kind} | {f'`{info.default}`' if info.default else ''} | {info.help} |"
        for info in documented()
    ]
    return "\n".join(
        [_INTRODUCTION, "| variable | type | default | what it does |", "|---|---|---|---|", *rows, ""]
    )


_INTRODUCTION = f"""\
# Settings

Each setting is an environment variable, or the same name without `{PREFIX}` and in lower case in `{CONFIG_FILE}`
(in the working directory, or where `{CONFIG_VARIABLE}` points). The variable wins over the file, the file over
the default; an empty variable counts as absent. Relative paths in the file are relative to the file. Units stand last in
the names. This page is written by `maquette settings --markdown`.
"""


def _kind_name(kind: Any) -> str:
    if choices := get_args(kind):
        return " or ".join(f"`{choice}`" for choice in choices)
    return {int: "whole number", float: "number", str: "text", Path: "path"}[kind]

"""How settings are read: ``MAQUETTE_*`` variables over ``maquette.toml`` over defaults, once, into a frozen value."""

import dataclasses
import difflib
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from maquette.settings.field import PREFIX
from maquette.settings.together import contradiction
from maquette.settings.values import Settings

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
CONFIG_FILE = "maquette.toml"


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the variable or the file and key."""


def load(variables: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings. `SettingsError` names the first variable or key whose value cannot be used."""
    variables = os.environ if variables is None else variables
    directory = directory or Path.cwd()
    kinds = get_type_hints(Settings)
    values: dict[str, Any] = {}
    raw: Any
    file_values, file = _read_file(variables, directory)
    for entry in dataclasses.fields(Settings):
        variable = PREFIX + entry.name.upper()
        if variables.get(variable, "") != "":
            raw, origin, base = variables[variable], variable, directory
        elif entry.name in file_values:
            raw, origin, base = file_values[entry.name], f"{entry.name} in {file}", file.parent
        else:
            raw, origin, base = entry.default, "default", directory
        value = _convert(raw, kinds[entry.name], origin, secret=entry.metadata["secret"])
        values[entry.name] = (base / value.expanduser()).absolute() if isinstance(value, Path) else value
        check = entry.metadata["check"]
        if origin != "default" and check and (expected := check(value)):
            raise _wrong(origin, raw, expected, secret=entry.metadata["secret"])
    settings = Settings(**values)
    if told := contradiction(settings):
        raise SettingsError(told)
    return settings


def secret_values(settings: Settings) -> list[str]:
    """Return the values of all settings that are secrets."""
    names = [entry.name for entry in dataclasses.fields(settings) if entry.metadata["secret"]]
    return [value for name in names if (value := str(getattr(settings, name)))]


def environment(settings: Settings, outer: Mapping[str, str]) -> dict[str, str]:
    """Give the environment in which `load` makes an equal value: ``outer`` without settings, and these.

    No configuration file counts there: it would fill in what is deliberately empty.
    """
    names = {PREFIX + entry.name.upper(): entry.name for entry in dataclasses.fields(settings)}
    kept = {variable: value for variable, value in outer.items() if variable not in names}
    set_here = {variable: str(getattr(settings, name)) for variable, name in names.items()}
    return {**kept, **set_here, CONFIG_VARIABLE: os.devnull}


def _read_file(variables: Mapping[str, str], directory: Path) -> tuple[dict[str, Any], Path]:
    named = variables.get(CONFIG_VARIABLE, "")
    path = directory / (named or CONFIG_FILE)
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError:
        if named:
            raise SettingsError(f"{CONFIG_VARIABLE} points to {path}, which does not exist.") from None
        return {}, path
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    known = [entry.name for entry in dataclasses.fields(Settings)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise SettingsError(
                f"{path} has an unknown key {key!r}." + (f" Did you mean {near[0]!r}?" if near else "")
            )
    return values, path


def _convert(raw: Any, kind: Any, origin: str, *, secret: bool) -> Any:
    choices = get_args(kind)
    if choices:
        if raw in choices:
            return raw
        raise _wrong(origin, raw, f"one of {', '.join(choices)}", secret=secret)
    expected = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}[kind]
    # A file has types of its own: true is no number, and 8470 is no host.
    if isinstance(raw, bool) or (kind in {str, Path} and not isinstance(raw, str | Path)):
        raise _wrong(origin, raw, expected, secret=secret)
    try:
        value = kind(raw)
    except (TypeError, ValueError):
        raise _wrong(origin, raw, expected, secret=secret) from None
    if (kind is float and not math.isfinite(value)) or (kind is int and isinstance(raw, float)):
        raise _wrong(origin, raw, expected, secret=secret)
    return value


def _wrong(origin: str, raw: Any, expected: str, *, secret: bool) -> SettingsError:
    return SettingsError(f"{origin}: expected {expected}" + ("." if secret else f", not {str(raw)[:100]!r}."))

"""The budget: what the gate compares with, as a file that people read and `make budget` writes."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measured import Cost

PATH = Path(__file__).with_name("budget.toml")
#: How far a number may be from the budget, as a part of it. Statements and rows were the same in every run; WAL of equal
#: runs differed by 0.9 %, since where pages split follows from random ids; instructions of acts by 0.1 %.
_MARGINS = {"statements": 0.0, "rows": 0.0, "wal_bytes": 0.025, "instructions": 0.02}
#: An act takes turns with the event loop, which goes round more often on a busy machine: 4 % was seen between equal runs.
_MARGIN_ACT = 0.06
#: Another version of Python compiles the same code to other instructions: only doubled work is seen there.
_MARGIN_OTHER_PYTHON = 0.5
_COLUMNS = {
    "statements": ("alone", "100 at once"),
    "rows": (
        *("inserted, alone", "updated, alone", "deleted, alone"),
        *("inserted, of 100", "updated, of 100", "deleted, of 100"),
    ),
    "wal_bytes": ("alone", "of 100"),
}
_HEAD = """\
# What a plain 3D job of seven steps costs. `make test` counts it and fails on what is not so: more is a regression, less
# is progress that the next regression must not eat up. `make budget` writes this file from what is so now.
#
# Statements and transactions are for one act, a job alone and 100 in one batch; rows, bytes and instructions for each job.
# In all: {alone} statements for a job alone, {together:.1f} for each of 100.
"""
_WORDS = {
    "statements": "sent by this act: alone, 100 at once",
    "rows": "inserted, updated, deleted: alone, then of 100",
    "wal_bytes": "± {wal_bytes:.1%}: alone, of 100",
    "instructions": "of bytecode, ± {instructions:.0%}, acts ± 6%",
}
_TIMES = {"complete and claim": 6, "uploads": 7}


def read() -> Cost:
    """Return the budget."""
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def write(cost: Cost) -> None:
    """Make what was measured the budget; what other versions of Python had is kept."""
    before = read().get("instructions", {}) if PATH.exists() else {}
    whole = {**cost, "instructions": {**before, **cost["instructions"]}}
    PATH.write_text("\n".join(_lines(whole)) + "\n", encoding="utf-8")


def compared(budget: Cost, cost: Cost) -> list[str]:
    """Return a line for everything that is not within the budget."""
    return [*_differences(budget, cost), *_instructions(budget["instructions"], cost["instructions"])]


def _differences(budget: Cost, cost: Cost) -> Iterator[str]:
    for section in ("statements", "rows", "wal_bytes"):
        planned, found = _flat(budget[section]), _flat(cost[section])
        for name in sorted({*planned, *found}):
            columns = _COLUMNS[section]
            nothing = [0] * len(columns)
            pairs = zip(columns, planned.get(name, nothing), found.get(name, nothing), strict=True)
            for column, allowed, number in pairs:
                if said := _said(allowed, number, _MARGINS[section]):
                    yield f"{section}: {name}, {column}: {said}"


def _instructions(budget: Cost, cost: Cost) -> Iterator[str]:
    """Compare with the same version of Python, or roughly with the last one that was measured."""
    [(version, found)] = cost.items()
    known = version in budget
    planned = budget[version] if known else budget[max(budget, key=_version)]
    for name, number in found.items():
        if name not in planned:
            yield f"instructions: {name}: not in the budget, {number} now"
        elif said := _said(planned[name], number, _margin(name) if known else _MARGIN_OTHER_PYTHON):
            yield f"instructions: {name}: {said}"


def _margin(name: str) -> float:
    return _MARGIN_ACT if "a job of" in name else _MARGINS["instructions"]


def _said(allowed: float, number: float, margin: float) -> str:
    if abs(number - allowed) <= allowed * margin:
        return ""
    if not allowed:
        return f"not in the budget, {number:g} now"
    word = "more" if number > allowed else "less: lower the budget"
    return f"{allowed:g} in the budget, {number:g} now, {word}"


def _version(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.removeprefix("python ").split(".")))


def _flat(table: Cost, path: str = "") -> dict[str, list[float]]:
    found = {}
    for name, value in table.items():
        here = f"{path}: {name}" if path else name
        found |= _flat(value, here) if isinstance(value, dict) else {here: value}
    return found


def _lines(cost: Cost) -> Iterator[str]:
    alone, together = (
        sum(
            _TIMES.get(act, 1) * count[size]
            for act, names in cost["statements"].items()
            for count in names.values()
        )
        for size in (0, 1)
    )
    yield _HEAD.format(alone=alone, together=together / 100)
    for section, content in cost.items():
        tables = {section: content} if section in {"rows", "wal_bytes"} else _sub(section, content)
        for title, table in tables.items():
            yield f"[{title}]  # {_WORDS[section].format(**_MARGINS)}"
            width = max(map(len, table))
            yield from (f"{json.dumps(name):{width + 2}} = {_value(value)}" for name, value in table.items())
            yield ""


def _sub(section: str, content: Cost) -> Cost:
    return {f"{section}.{json.dumps(name)}": table for name, table in content.items()}


def _value(value: Any) -> str:
    return f"[{', '.join(map(_number, value))}]" if isinstance(value, list) else _number(value)


def _number(value: float) -> str:
    return f"{value:g}" if value < 1000 else f"{value:.0f}"

"""A tree of USD prims and its text form (``usda``): only the part of the language that an asset needs.

Written by hand, for the USD libraries weigh 60 MB and the studio only ever writes. Values are given as Python text,
numbers and numpy arrays; the type's name decides how they read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Value = Any
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Path:
    """A path to a prim or property: the target of a relationship or connection."""

    text: str


@dataclass(slots=True)
class Prim:
    """A prim with its metadata, properties in order, and children; builders add in place."""

    kind: str
    name: str
    schemas: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    children: list["Prim"] = field(default_factory=list)

    def add(self, kind: str, name: str, schemas: tuple[str, ...] = ()) -> "Prim":
        """Append a child and return it."""
        child = Prim(kind, name, schemas)
        self.children.append(child)
        return child

    def set(self, kind: str, name: str, value: Value, **metadata: str | int) -> None:
        """Append an attribute, ``uniform token`` and the like included in its kind."""
        told = "; ".join(f"{key} = {_scalar('token', v)}" for key, v in metadata.items())
        self.lines.append(f"{kind} {name} = {_value(kind, value)}" + (f" ({told})" if told else ""))

    def declare(self, kind: str, name: str) -> None:
        """Append an attribute without a value: an output."""
        self.lines.append(f"{kind} {name}")

    def connect(self, kind: str, name: str, target: Path) -> None:
        """Append an attribute that takes its value from another one."""
        self.lines.append(f"{kind} {name}.connect = <{target.text}>")

    def relate(self, name: str, target: Path) -> None:
        """Append a relationship."""
        self.lines.append(f"rel {name} = <{target.text}>")

    def sample(self, kind: str, name: str, times: Sequence[float], values: Sequence[Value]) -> None:
        """Append an attribute whose value changes: one sample for each time code."""
        rows = ", ".join(f"{_number(t)}: {_value(kind, v)}" for t, v in zip(times, values, strict=True))
        self.lines.append(f"{kind} {name}.timeSamples = {{{rows}}}")


def write_usda(root: Prim, metadata: Mapping[str, str | float]) -> bytes:
    """Encode a layer with one root prim; ``metadata`` belongs to the layer."""
    head = [f"    {key} = {_scalar('token', value)}" for key, value in metadata.items()]
    lines = ["#usda 1.0", "(", f'    defaultPrim = "{root.name}"', *head, ")", ""]
    _encode(root, lines, "")
    return "\n".join(lines).encode() + b"\n"


def identifiers(names: Sequence[str]) -> list[str]:
    """Give each name as a USD identifier (ASCII letters, digits and ``_``), no two alike."""
    taken: set[str] = set()
    result = []
    for name in names:
        plain = _NOT_PLAIN.sub("_", name) or "_"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        unique, number = plain, 2
        while unique in taken:
            unique, number = f"{plain}_{number}", number + 1
        taken.add(unique)
        result.append(unique)
    return result


def _encode(prim: Prim, lines: list[str], indent: str) -> None:
    inner = indent + "    "
    lines.append(f'{indent}def {prim.kind} "{prim.name}"')
    told = [f"{inner}{key} = {_scalar('token', value)}" for key, value in prim.metadata.items()]
    if prim.schemas:
        listed = ", ".join(f'"{schema}"' for schema in prim.schemas)
        told.append(f"{inner}prepend apiSchemas = [{listed}]")
    if told:
        lines[-1] += " ("
        lines += [*told, f"{indent})"]
    lines.append(f"{indent}{{")
    lines += [inner + line for line in prim.lines]
    for child in prim.children:
        _encode(child, lines, inner)
    lines.append(f"{indent}}}")


def _value(kind: str, value: Value) -> str:
    base = kind.rsplit(maxsplit=1)[-1]
    if not base.endswith("[]"):
        return _scalar(base, value)
    if isinstance(value, np.ndarray):
        return _array(base, value)
    return f"[{', '.join(_scalar(base, item) for item in value)}]"


def _array(base: str, values: np.ndarray[Any, Any]) -> str:
    """Rows in parentheses; matrices as rows of rows."""
    if base.startswith("matrix"):
        return f"[{', '.join(_rows(matrix) for matrix in values)}]"
    pattern = "%d" if values.dtype.kind in "iu" else "%.7g"
    if values.ndim == 1:
        return f"[{', '.join([pattern] * len(values)) % tuple(values.tolist())}]"
    row = f"({', '.join([pattern] * values.shape[1])})"
    return f"[{', '.join([row] * len(values)) % tuple(values.ravel().tolist())}]"


def _rows(matrix: np.ndarray[Any, Any]) -> str:
    return f"({', '.join('(' + ', '.join(_number(x) for x in row) + ')' for row in matrix)})"


def _scalar(base: str, value: Value) -> str:
    if isinstance(value, Path):
        return f"<{value.text}>"
    if isinstance(value, str):
        if base == "asset":
            return f"@{value}@"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return _rows(value)
    if isinstance(value, (tuple, np.ndarray)):
        return f"({', '.join(_number(float(x)) for x in value)})"
    return _number(value)


def _number(value: float) -> str:
    return f"{value:.9g}"

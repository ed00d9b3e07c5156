"""The handler's side of the contract, checked: on the wire go only values that survive it.

The same checks run in the runner and in the test environment, so what passes a handler's tests passes in
production. A result that breaks them becomes ``Failed`` with class ``invalid``: trying again would not help.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from maquette.wire import ErrorClass
from maquette.worker.handler import Failed, Output, Result, Succeeded

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}")
CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
MESSAGE_CHARACTERS_MAX = 2000
OUTPUTS_MAX = 1000
#: One file of an attempt. The server has a limit of its own; this one keeps a runaway handler off the network.
OUTPUT_BYTES_MAX = 2 * 1024**3

_ERROR_CLASSES = frozenset(get_args(ErrorClass))


def check(result: object, workdir: Path) -> Result:
    """Give the result back, or the ``Failed`` that says how it breaks the contract."""
    if isinstance(result, Failed):
        breach = next(_breaches_of_failed(result), None)
        return result if breach is None else _invalid("handler_result_invalid", breach)
    if isinstance(result, Succeeded):
        found = next(_breaches_of_succeeded(result, workdir), None)
        return result if found is None else _invalid(*found)
    return _invalid(
        "handler_result_invalid", f"The handler returned {type(result).__name__}, not Succeeded or Failed."
    )


def breaches(result: object, workdir: Path) -> list[str]:
    """Every way in which the result breaks the contract, in words; for tests."""
    if isinstance(result, Failed):
        return list(_breaches_of_failed(result))
    if isinstance(result, Succeeded):
        return [f"{code}: {message}" for code, message in _breaches_of_succeeded(result, workdir)]
    return [f"The handler returned {type(result).__name__}, not Succeeded or Failed."]


def json_breach(value: object) -> str | None:
    """Why a value cannot go on the wire, or None: strict JSON, 64-bit integers, no NaN, no lone surrogate."""
    try:
        json.dumps(value, allow_nan=False)  # msgspec alone would write NaN as null, and a set as a list
        msgspec.msgpack.encode(
            value
        )  # unlike JSON's, it refuses integers that the server's types cannot hold
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        return str(error)
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and (value.isascii() or json_breach(value) is None)


def _invalid(code: str, message: str) -> Failed:
    return Failed(code, message[:MESSAGE_CHARACTERS_MAX], "invalid")


def _breaches_of_failed(failed: Failed) -> Iterator[str]:
    if not isinstance(failed.code, str) or not CODE.fullmatch(failed.code):
        yield f"Failed.code must be lower_snake_case, at most 64 characters: {failed.code!r}"
    if not _is_text(failed.message):
        yield "Failed.message must be a string that UTF-8 can hold."
    if failed.error_class not in _ERROR_CLASSES:
        yield f"Failed.error_class must be one of {', '.join(sorted(_ERROR_CLASSES))}: {failed.error_class!r}"
    after: object = failed.retry_after_seconds
    if after is not None and not (isinstance(after, int | float) and math.isfinite(after) and after >= 0):
        yield f"Failed.retry_after_seconds must be None, or 0 or more: {after!r}"


def _breaches_of_succeeded(result: Succeeded, workdir: Path) -> Iterator[tuple[str, str]]:
    for name in ("model", "model_version"):
        if not _is_text(getattr(result, name)):
            yield "handler_result_invalid", f"Succeeded.{name} must be a string that UTF-8 can hold."
    yield from _breaches_of_json("outputs_not_json", "outputs", result.outputs)
    yield from _breaches_of_json("metrics_not_json", "metrics", result.metrics)
    outputs: object = result.artifacts
    if not isinstance(outputs, tuple | list) or len(outputs) > OUTPUTS_MAX:
        yield (
            "handler_result_invalid",
            f"Succeeded.artifacts must be a tuple of at most {OUTPUTS_MAX} Outputs.",
        )
        return
    names: set[str] = set()
    for output in outputs:
        if not isinstance(output, Output) or not isinstance(output.path, Path):
            yield (
                "handler_result_invalid",
                f"Succeeded.artifacts holds {output!r}, not an Output with a Path.",
            )
            continue
        yield from _breaches_of_output(output, workdir)
        if output.name in names:
            yield "output_name_duplicate", f"Two outputs are named {output.name}."
        names.add(output.name)


def _breaches_of_output(output: Output, workdir: Path) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(output.name):
        yield (
            "output_name_invalid",
            f"A file name holds letters, digits and ._- (at most 120, no leading dot): {output.name!r}",
        )
    for name in ("kind", "media_type"):
        if not getattr(output, name) or not _is_text(getattr(output, name)):
            yield "handler_result_invalid", f"Output.{name} of {output.name} must be a non-empty string."
    yield from _breaches_of_json("attributes_not_json", f"attributes of {output.name}", output.attributes)
    # Resolved on both sides: a link may lead out of the work directory, and the directory may be behind one.
    real = output.path.resolve()
    if not real.is_relative_to(workdir.resolve()):
        yield "output_outside_workdir", f"{output.name} is not in the work directory."
    elif not real.is_file():
        yield "output_missing", f"{output.name} was returned but does not exist as a file."
    elif real.stat().st_size > OUTPUT_BYTES_MAX:
        yield "output_too_large", f"{output.name} is larger than {OUTPUT_BYTES_MAX} bytes."


def _breaches_of_json(code: str, what: str, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given: object = value
    if not isinstance(given, Mapping):
        yield code, f"{what} must be a mapping with strings as keys, not {type(given).__name__}."
        return
    for key, item in given.items():
        breach = json_breach(item) if isinstance(key, str) else "the key is no string"
        if breach is not None:
            yield code, f"{what}: {key!r}: {breach}"

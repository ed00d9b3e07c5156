"""One call of a handler: how it is made, in whatever process, and how parent and warm child speak of it.

Frames on the pipe are a length (4 bytes, big endian) and JSON: the same encoding as the wire, so that a value
which crosses the pipe also crosses the network. No pickles come back: a handler's numpy scalar must not
make the parent import numpy.
"""

import inspect
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from maquette.wire import Task
from maquette.worker import contract
from maquette.worker.handler import Context, Failed, Handler, Input, Output, Result, Succeeded

LENGTH = struct.Struct(">I")
PROGRESS_CHARACTERS_MAX = 200
TRACEBACK_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of a handler gave: the checked result, and what was measured meanwhile."""

    result: Result
    measures: "Measures | None" = None
    """None where the call had no process to itself."""
    traceback: str = ""
    """Of the exception that the handler raised: for the log, not for the wire."""


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a call between two progress messages that differ."""

    name: str
    seconds: float


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What a call took in its process."""

    cpu_seconds: float
    """Of all its threads."""
    peak_memory_bytes: int | None = None
    """Highest resident set during the call; None where the system cannot say."""
    phases: list[Phase] = []


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame to a child: how to find the handlers."""

    sys_path: list[str]
    sys_argv: list[str]
    main_module: str
    """Module that the parent runs as ``__main__``, when a handler lives there; else empty."""
    main_path: str
    """The same for a script that is no module."""
    handlers: bytes
    """Pickled by reference: a mapping from step to handler."""
    log_level: int
    log_process: str = ""
    """The name under which the parent writes JSON lines; empty: the child writes text."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Run the handler of the task's step. One at a time per child."""

    task: Task
    inputs: tuple[Input, ...]
    workdir: Path


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    value: float
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag="reply"):
    """The end of a call; exactly one of succeeded and failed is set."""

    succeeded: Succeeded | None = None
    failed: Failed | None = None
    measures: Measures | None = None
    traceback: str = ""


def runs_on_loop(handler: Handler) -> bool:
    """Whether a handler is an async function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


def context_of(
    task: Task, inputs: tuple[Input, ...], workdir: Path, progress: Callable[[float, str], None]
) -> Context:
    """Say to the handler what it may know of its task."""
    return Context(
        step=task.step,
        params=task.params,
        seed=task.seed,
        inputs=inputs,
        workdir=workdir,
        progress=progress,
        job_id=task.job_id,
        project_id=task.project_id,
        asset_type=task.asset_type,
        revision=task.revision,
        attempt=task.attempt,
        correlation_id=task.correlation_id,
        traceparent=task.traceparent,
        tracestate=task.tracestate,
    )


def call(handler: Callable[[Context], Result], context: Context) -> Answer:
    """Call a sync handler. Whatever it raises or returns becomes a result that keeps the contract."""
    try:
        result = handler(context)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything at all
        return raised(error)
    return Answer(contract.check(result, context.workdir))


def raised(error: BaseException) -> Answer:
    """Word an exception: type and message for the wire, the traceback for the log only."""
    message = text(f"{type(error).__name__}: {error}", contract.MESSAGE_CHARACTERS_MAX)
    return Answer(
        Failed("handler_error", message, "transient"),
        traceback=text("".join(traceback.format_exception(error)), TRACEBACK_CHARACTERS_MAX),
    )


def fraction(value: float) -> float:
    """Bring a handler's progress into 0 to 1; NaN is 0."""
    return min(1.0, max(0.0, float(value)))


def text(value: object, characters_max: int) -> str:
    """Bring a handler's words into a form and length that the wire takes."""
    return str(value)[:characters_max].encode("utf-8", "replace").decode()


def frame(message: msgspec.Struct) -> bytes:
    """Encode one message with its length before it."""
    body = msgspec.json.encode(message, enc_hook=_encode_path)
    return LENGTH.pack(len(body)) + body


def parse(body: bytes, kind: Any) -> Any:
    """Decode the body of a frame as a message of the given type or union of types."""
    return msgspec.json.decode(body, type=kind, dec_hook=_decode_path)


def reply_of(answer: Answer) -> Reply:
    """Pack an answer for the way home."""
    result = answer.result
    return Reply(
        succeeded=_plain(result) if isinstance(result, Succeeded) else None,
        failed=result if isinstance(result, Failed) else None,
        measures=answer.measures,
        traceback=answer.traceback,
    )


def answer_of(reply: Reply) -> Answer:
    """Unpack what a child sent."""
    result = reply.succeeded or reply.failed
    if result is None:
        result = Failed("handler_died", "The handler's process sent no result.", "transient")
    return Answer(result, reply.measures, reply.traceback)


def _plain(result: Succeeded) -> Succeeded:
    """Turn mappings of any type into the dicts that JSON knows."""
    return Succeeded(
        artifacts=tuple(
            Output(output.path, output.kind, output.media_type, dict(output.attributes))
            for output in result.artifacts
        ),
        outputs=dict(result.outputs),
        model=result.model,
        model_version=result.model_version,
        metrics=dict(result.metrics),
    )


def _encode_path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not cross the pipe")


def _decode_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"{kind!r} does not cross the pipe")

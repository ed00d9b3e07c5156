"""The warm child process: runs sync handlers, one call at a time, and keeps their imports between calls.

It may be terminated at any moment, and it ends by itself when its parent does: on Linux by the parent-death
signal, everywhere because its pipe ends. What handlers print goes to stderr; the pipe is the protocol's.
"""

import ctypes
import logging
import os
import pickle
import queue
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from maquette.telemetry.ids import binding
from maquette.telemetry.logs import JsonLines
from maquette.telemetry.redaction import redactor
from maquette.telemetry.trace import parse
from maquette.worker import calls
from maquette.worker.calls import Answer, Boot, Call, Reply, Report
from maquette.worker.handler import Context, Failed, Result
from maquette.worker.meter import Meter

#: A handler may report progress in its innermost loop; the parent hears of it at most this often.
REPORT_SECONDS = 0.05

_PR_SET_PDEATHSIG = 1


def main(parent: int) -> None:
    """Serve calls from stdin until it ends. ``parent`` is the process id of who started this one."""
    die_with_parent(parent)
    incoming, outgoing = _take_over_pipes()
    boot: Boot = calls.parse(_read(incoming), Boot)
    _log(boot)
    pipe = Pipe(outgoing)
    inbox: queue.SimpleQueue[Call] = queue.SimpleQueue()
    threading.Thread(target=_feed, args=(incoming, inbox), daemon=True).start()
    threading.Thread(target=pipe.report_forever, daemon=True).start()
    handlers = _load(boot)
    while True:
        call = inbox.get()
        pipe.send(calls.reply_of(_perform(handlers, call, pipe.progress)))


def _log(boot: Boot) -> None:
    """Write logs where and as the parent does."""
    handler = logging.StreamHandler(sys.stderr)
    form = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines(f"{boot.log_process} handler", redactor()) if boot.log_process else form)
    logging.basicConfig(level=boot.log_level, handlers=[handler])


def die_with_parent(parent: int) -> None:
    """Arrange for SIGKILL when the thread that started this process ends; exit now if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:
        os._exit(1)


class Pipe:
    """The way to the parent. Progress is thinned out by a thread, so that reporting it costs next to nothing."""

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._latest: Report | None = None

    def progress(self, value: float, message: str) -> None:
        """Note the latest progress; thread-safe."""
        self._latest = Report(
            value=calls.fraction(value), message=calls.text(message, calls.PROGRESS_CHARACTERS_MAX)
        )
        self._news.set()

    def send(self, reply: Reply) -> None:
        """End a call. Progress that was not sent by now is of no interest any more."""
        with self._lock:
            self._latest = None
            self._write(reply)

    def report_forever(self) -> None:
        pause = threading.Event()
        while True:
            self._news.wait()
            self._news.clear()
            with self._lock:
                latest, self._latest = self._latest, None
                if latest is not None:
                    self._write(latest)
            pause.wait(REPORT_SECONDS)

    def _write(self, message: msgspec.Struct) -> None:
        self._outgoing.write(calls.frame(message))
        self._outgoing.flush()


def _perform(
    handlers: Mapping[str, Callable[[Context], Result]] | Answer,
    call: Call,
    progress: Callable[[float, str], None],
) -> Answer:
    if isinstance(handlers, Answer):
        return handlers
    meter = Meter()

    def told(value: float, message: str) -> None:
        meter.phase(message)
        progress(value, message)

    with binding(
        parse(call.task.traceparent, call.task.tracestate),
        job_id=call.task.job_id,
        correlation_id=call.task.correlation_id,
    ):
        answer = calls.call(
            handlers[call.task.step], calls.context_of(call.task, call.inputs, call.workdir, told)
        )
    return replace(answer, measures=meter.read())


def _load(boot: Boot) -> Mapping[str, Callable[[Context], Result]] | Answer:
    """Import the handlers; when that fails, every call is answered by why."""
    sys.path[:], sys.argv[:] = boot.sys_path, boot.sys_argv
    try:
        if boot.main_module or boot.main_path:
            # Handlers of the script that was started: run it under another name, so that its
            # `if __name__ == "__main__":` stays shut, and let the pickle find them where it looks.
            name = "__maquette_child__"
            loaded = (
                runpy.run_module(boot.main_module, run_name=name)
                if boot.main_module
                else runpy.run_path(boot.main_path, run_name=name)
            )
            vars(sys.modules["__main__"]).update(loaded)
        handlers: dict[str, Callable[[Context], Result]] = pickle.loads(boot.handlers)  # noqa: S301 - our parent's
    except Exception as error:  # noqa: BLE001 - importing may raise anything at all
        reason = calls.raised(error)
        assert isinstance(reason.result, Failed)
        message = f"The worker's child process cannot load the handlers: {reason.result.message}"
        return Answer(Failed("handler_not_loadable", message, "transient"), traceback=reason.traceback)
    return handlers


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the protocol; whoever reads or prints gets nothing and stderr."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _feed(incoming: BinaryIO, inbox: "queue.SimpleQueue[Call]") -> None:
    while True:
        inbox.put(calls.parse(_read(incoming), Call))


def _read(incoming: BinaryIO) -> bytes:
    head = incoming.read(calls.LENGTH.size)
    body = incoming.read(calls.LENGTH.unpack(head)[0]) if len(head) == calls.LENGTH.size else b""
    if not body:
        os._exit(0)  # the parent is gone or has no more work, whatever a handler is doing
    return body


def reference_of_main() -> dict[str, Any]:
    """Where the parent's ``__main__`` came from: the fields of Boot by which a child finds it again."""
    module = sys.modules["__main__"]
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        return {"main_module": spec.name, "main_path": ""}
    return {"main_module": "", "main_path": str(Path(getattr(module, "__file__", "") or "").absolute())}

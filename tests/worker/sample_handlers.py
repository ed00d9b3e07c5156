"""Handlers that the tests run in child processes; they tell about themselves through outputs and files."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from maquette.worker import Context, Failed, Output, Result, Succeeded

IMPORTED_AT = time.monotonic()


def succeed(context: Context, **outputs: object) -> Succeeded:
    return Succeeded(artifacts=(), outputs=outputs, model="test", model_version="1")


def tell(context: Context) -> Result:
    print("a handler may print: the pipe is not its stdout")  # noqa: T201 - the point of it
    return succeed(
        context,
        pid=os.getpid(),
        parent=os.getppid(),
        imported_at=IMPORTED_AT,
        seed=context.seed,
        workdir_was_empty=not any(context.workdir.iterdir()),
        stdin=sys.stdin.read(),
    )


def copy(context: Context) -> Result:
    """Write every input back, upper-cased, as an output."""
    outputs = []
    for number, item in enumerate(context.inputs):
        path = context.workdir / f"copy-{number}.png"
        path.write_bytes(item.path.read_bytes().upper())
        outputs.append(Output(path, "image", "image/png", {"number": number}))
    return Succeeded(tuple(outputs), {"operations": ["upper"]}, "test", "1", {"loaded": 3})


def hang(context: Context) -> Result:
    """Say who is hanging, then hang; a file in params["marker"] tells the test."""
    Path(context.params["marker"]).write_text(str(os.getpid()))
    context.progress(0.25, "hanging")
    if context.params.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Event().wait(60)
    return succeed(context)


def die(context: Context) -> Result:
    how = context.params["how"]
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(3)
    if how == "close_pipe":
        os.closerange(3, 64)
        threading.Event().wait(60)
    os.kill(os.getpid(), signal.SIGKILL)
    return succeed(context)


def misbehave(context: Context) -> Result:
    how = context.params["how"]
    if how == "raise":
        raise RuntimeError("the texture \udcff is missing")
    if how == "exit":
        sys.exit(4)
    if how == "return_none":
        return None
    if how == "outside":
        path = context.workdir.parent / "outside.png"
        return Succeeded((Output(path, "image", "image/png"),), {}, "test", "1")
    if how == "missing":
        return Succeeded((Output(context.workdir / "a.png", "image", "image/png"),), {}, "test", "1")
    if how == "nan":
        return succeed(context, poly_count=float("nan"))
    return Failed("mesh_has_no_faces", "The mesh has no faces.", retry_after_seconds=2.5)


def count(context: Context) -> Result:
    """Report progress a hundred thousand times, out of bounds as well."""
    for number in range(100_000):
        context.progress(number / 50_000 - 0.5, f"\udcff {number}")
    context.progress(float("nan"), "nan")
    data = bytearray(64 * 1024 * 1024) if context.params.get("fat") else b""
    return succeed(context, size=len(data))


def labour(context: Context) -> Result:
    """Fill 128 MiB and compute for 0.15 s when params["fat"], in two named phases, reported twice each."""
    for _ in range(2):
        context.progress(0.1, "allocating")
    weight = bytearray(b"x" * (128 * 2**20)) if context.params["fat"] else b""
    until = time.process_time() + (0.15 if context.params["fat"] else 0.0)
    for value in (0.5, 0.6):
        context.progress(value, "computing")
    while time.process_time() < until:
        pass
    return succeed(context, pid=os.getpid(), weight=len(weight))

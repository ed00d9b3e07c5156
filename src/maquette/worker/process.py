"""Warm child processes, seen from the parent: started when first needed, used again, replaced when they die.

They are started on the event loop's thread and never from a helper thread: Linux sends the parent-death signal when the
*thread* that started a child ends.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Self

from maquette.telemetry.logs import json_process
from maquette.worker import calls, child
from maquette.worker.calls import Answer, Boot, Call, Reply, Report
from maquette.worker.handler import Failed, Handler

logger = logging.getLogger("maquette.worker")

#: Between the request to end and the end by force.
TERMINATE_SECONDS = 2.0


class Children:
    """The child processes of one worker; as many as calls run at once. Use it as an async context manager.

    Raises ``ValueError`` when a handler cannot be found again by another process.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._boot = calls.frame(_boot(handlers)) if handlers else b""
        self._idle: list[Child] = []
        self._all: set[Child] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await asyncio.gather(*(one.ended() for one in self._all))

    def kill(self) -> None:
        """End all of them at once."""
        for one in self._all:
            if one.alive():
                one.signal(signal.SIGKILL)

    async def run(self, call: Call, progress: Callable[[float, str], None]) -> Answer:
        """Run one call in a child. When canceled, the child is terminated before this returns."""
        one = await self._take()
        try:
            answer = await one.call(call, progress)
        except (EOFError, ConnectionError):
            await one.terminate()  # its pipe ended: whatever is left of it goes too
            self._all.discard(one)
            return Answer(_death(one.returncode))
        except BaseException:
            await one.terminate()
            self._all.discard(one)
            raise
        self._idle.append(one)
        return answer

    async def _take(self) -> "Child":
        while self._idle:
            one = self._idle.pop()  # the last one used: its caches are warmest
            if one.alive():
                return one
            logger.warning("an idle handler process ended (%s); starting another", one.returncode)
            await one.ended()
            self._all.discard(one)
        one = await Child.start(self._boot)
        self._all.add(one)
        return one


class Child:
    """One child process and the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls, boot: bytes) -> Self:
        """Spawn an interpreter that runs `child.main` and send it the handlers' whereabouts."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a file in the current directory must not stand in for a module of ours
            "-c",  # not -m: a handler's script takes the place of the child's `__main__`
            f"from maquette.worker.child import main; main({os.getpid()})",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # A group of its own: Ctrl-C reaches the worker alone, which then drains, and a handler's own
            # subprocesses are terminated with it.
            start_new_session=True,
        )
        one = cls(process)
        one._stdin.write(boot)
        return one

    @property
    def returncode(self) -> int | None:
        """Exit status, or minus the signal that ended it; None while it runs."""
        return self._process.returncode

    def alive(self) -> bool:
        return self.returncode is None and not self._stdout.at_eof()

    async def call(self, call: Call, progress: Callable[[float, str], None]) -> Answer:
        """Send a call and wait for its reply. Raises EOFError or ConnectionError when the child dies."""
        self._stdin.write(calls.frame(call))
        await self._stdin.drain()
        while True:
            head = await self._stdout.readexactly(calls.LENGTH.size)
            message = calls.parse(
                await self._stdout.readexactly(calls.LENGTH.unpack(head)[0]), Reply | Report
            )
            if isinstance(message, Reply):
                return calls.answer_of(message)
            progress(message.value, message.message)

    async def terminate(self) -> None:
        """Ask the process to end, then make it."""
        self.signal(signal.SIGTERM)
        # Not asyncio.timeout(): in a task that is being canceled, Python 3.11.2 takes its end for one more cancel.
        ending = asyncio.ensure_future(self._process.wait())
        try:
            done, _ = await asyncio.wait({ending}, timeout=TERMINATE_SECONDS)
            if not done:
                logger.warning(
                    "the handler's process ignored SIGTERM for %g s; killing it", TERMINATE_SECONDS
                )
        finally:
            self.signal(signal.SIGKILL)  # also what is left of its process group
        await ending
        await self.ended()

    async def ended(self) -> None:
        """Wait for the process and let go of its pipes."""
        self._stdin.close()
        await self._process.wait()
        with contextlib.suppress(ConnectionError):
            await self._stdin.wait_closed()

    def signal(self, number: int) -> None:
        """Send a signal to the child's process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _boot(handlers: Mapping[str, Handler]) -> Boot:
    for step, handler in handlers.items():
        try:
            pickle.dumps(handler)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"The handler of {step!r} runs in a process of its own, which cannot import it: {error}. "
                "Define it at the top level of a module, or make it async."
            ) from None
    pickled = pickle.dumps(dict(handlers))
    main = child.reference_of_main() if b"__main__" in pickled else {"main_module": "", "main_path": ""}
    level = logging.getLogger().getEffectiveLevel()
    return Boot(
        sys_path=sys.path,
        sys_argv=sys.argv,
        handlers=pickled,
        log_level=level,
        log_process=json_process(),
        **main,
    )


def _death(returncode: int | None) -> Failed:
    """Say how a child died. SIGKILL that we did not send is nearly always the kernel's out-of-memory killer."""
    if returncode is not None and returncode < 0:
        name = signal.Signals(-returncode).name
        if returncode == -signal.SIGKILL:
            return Failed(
                "handler_died", f"The handler's process was ended by {name}: out of memory?", "resource"
            )
        return Failed("handler_died", f"The handler's process was ended by {name}.", "transient")
    return Failed("handler_died", f"The handler's process exited with status {returncode}.", "transient")

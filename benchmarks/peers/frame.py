"""What all peers share: worker processes, and the answer."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PROCESSES = 2
STEPS = 7
_PATIENCE_SECONDS = 180.0


@contextmanager
def running(*commands: list[str]) -> Iterator[None]:
    """Run processes during the block; their words go to standard error. One that ends in it is an error.

    Afterwards they are killed: what is measured is over, and its traces are thrown away. What they started in turn is
    ended by whoever started this program, with its whole process group.
    """
    processes = [subprocess.Popen(command, stdout=sys.stderr) for command in commands]
    try:
        yield
        ended = [process.args for process in processes if process.poll() is not None]
        if ended:
            raise RuntimeError(f"It ended before its time: {ended}")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def workers(module: str, *arguments: str) -> list[list[str]]:
    """Return the commands of two worker processes: the peer's own module, told its number."""
    return [[sys.executable, "-m", module, "--work", str(number), *arguments] for number in range(PROCESSES)]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so, at most three minutes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The workers did not end in time.")
        time.sleep(0.1)


def answer(*, steps: int, seconds: float, jobs: int) -> None:
    """Print what was measured; the number of steps must be right."""
    if steps != STEPS * jobs:
        raise RuntimeError(f"{jobs} jobs should have made {STEPS * jobs} steps, not {steps}.")
    print(json.dumps({"steps": steps, "seconds": seconds}))

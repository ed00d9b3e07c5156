"""The loop around every ``run_once()``: it outlives what goes wrong, waits longer each time, and says so once."""

import asyncio
import logging
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from maquette.domain.errors import MaquetteError
from maquette.domain.outage import Outage

_LOG = logging.getLogger(__name__)
#: After a failure: 0.25 s, then twice as long each time up to 3 s, half of it jitter. Soon enough that nobody waits for a
#: loop once the database is back, rare enough that a hundred processes do not keep it from coming back.
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 0.25, 3.0

#: Of this process, by loop: for its metrics alone.
_TURNS: Counter[tuple[str, str]] = Counter()
_BUSY_SECONDS: defaultdict[str, float] = defaultdict(float)

T = TypeVar("T")


def apart(seconds: float) -> float:
    """Return about as many seconds, so that replicas which started together drift apart."""
    return seconds * (0.75 + random.random() / 2)  # noqa: S311 - no secret


class LoopCollector(Collector):
    """How often the loops of this process went round, and for how long they were at it."""

    def collect(self) -> Iterator[Metric]:
        """Return the counters as they are now."""
        turns = CounterMetricFamily(
            "maquette_loop_turns", "Rounds of the maintenance loops", labels=("loop", "outcome")
        )
        for labels, number in sorted(_TURNS.copy().items()):
            turns.add_metric(labels, number)
        yield turns
        busy = CounterMetricFamily(
            "maquette_loop_busy_seconds", "Time that they spent in rounds, not between them", labels=("loop",)
        )
        for loop, seconds in sorted(_BUSY_SECONDS.copy().items()):
            busy.add_metric((loop,), seconds)
        yield busy


async def forever(
    once: Callable[[], Awaitable[T]],
    what: str,
    pause: Callable[[T], float],
    *,
    seconds_max: float | None = None,
) -> None:
    """Do it until canceled, and wait after each time as long as ``pause`` says of what it returned.

    A failure is logged when it is the first or of another kind than the one before, and its end with how long it took.
    A turn of more than ``seconds_max`` has failed.
    """
    outage, kind, failures = Outage(), "", 0
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds_max):
                seconds = pause(await once())
        except Exception as error:  # noqa: BLE001 - one bad turn must not end what everybody hangs on
            if outage.begins(time.monotonic()) or type(error).__name__ != kind:
                foreseen = isinstance(error, MaquetteError)
                _LOG.warning("%s failed: %s", what, error or "no end", exc_info=None if foreseen else error)
            kind = type(error).__name__
            _TURNS[what, "failed"] += 1
            cap = min(BACKOFF_SECONDS * 2.0 ** min(failures, 16), BACKOFF_SECONDS_MAX)
            failures += 1
            seconds = cap / 2 + random.random() * cap / 2  # noqa: S311 - no secret
        else:
            if (lasted := outage.ends(time.monotonic())) is not None:
                _LOG.info("%s goes on after %.1f s and %d failures", what, lasted, failures)
            failures = 0
            _TURNS[what, "done"] += 1
        _BUSY_SECONDS[what] += time.monotonic() - began
        await asyncio.sleep(seconds)

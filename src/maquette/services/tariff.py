"""The tariff: what steps cost on each service, known to every process within a second of a change."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from maquette.domain.ledger import Amount, Bill
from maquette.domain.pipeline import Pipeline
from maquette.domain.rates import Rates, estimates
from maquette.store import quotas
from maquette.store.database import Database

FRESH_SECONDS = 1.0


class Tariff:
    """Rates, read again once they are a second old: not by each submission, and not while nobody submits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rates: Rates = {}
        self._read_at = float("-inf")
        self._turn = asyncio.Lock()

    async def rates(self) -> Rates:
        """Return the rates by service and step."""
        if time.monotonic() - self._read_at < FRESH_SECONDS:
            return self._rates
        async with self._turn:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                began = time.monotonic()
                async with self._database.connection() as connection:
                    self._rates = await quotas.tariff(connection)
                self._read_at = began
        return self._rates

    async def estimate(
        self,
        pipeline: Pipeline,
        services: Sequence[str],
        effective: Mapping[str, Any],
        left_out: frozenset[int],
    ) -> tuple[Amount, ...]:
        """Return what one run of each step may cost on the service it is asked of first, by position."""
        return estimates(await self.rates(), services, pipeline, effective, left_out)


def bill(estimated: tuple[Amount, ...], max_micros: int | None) -> Bill | None:
    """Return the bill that a new job begins with; None when it costs nothing, and need not be watched."""
    return Bill(estimated, max_micros=max_micros) if max_micros is not None or any(estimated) else None

"""The limiter: how many requests projects and users send in a minute, over all processes.

It counts in memory. Once a second, off the path of any request, processes tell each other what they counted and read the
limits again; so all of them together let through no more than the limit and what came within that second.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from maquette.domain.errors import MaquetteError, RateLimited, Unavailable
from maquette.domain.principal import Principal
from maquette.domain.quota import Terms
from maquette.domain.window import MINUTE_SECONDS, Allowance, Window, allowance
from maquette.services.ids import new_id
from maquette.store import limiting
from maquette.store.database import Database

_LOG = logging.getLogger(__name__)
EXCHANGE_SECONDS = 1.0
_PROJECT = ""


class Limiter:
    """Knows only those projects that limit requests: without any, it costs a request one look at an empty table."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._replica = new_id()
        self._terms: Mapping[UUID, Terms] = {}
        self._windows: dict[tuple[UUID, str], Window] = {}
        self._refused: Counter[tuple[UUID, str, str]] = Counter()
        self._loop: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether no project limits requests."""
        return not self._terms

    def admit(
        self, principal: Principal, project: UUID | None
    ) -> tuple[Allowance | None, RateLimited | None]:
        """Count a request; return what the tightest limit leaves, None without one, and the refusal when it is nothing.

        It counts for the project that it names, else for the caller's only one. Workers and operators are not limited.
        """
        if project is None and len(principal.roles) == 1:
            project = next(iter(principal.roles))
        terms = self._terms.get(project) if project in principal.roles and project is not None else None
        if terms is None or project is None:
            return None, None
        now = self._clock()
        left: list[Allowance] = []
        windows: list[Window] = []
        for scope, subject, limits in (
            ("project", _PROJECT, terms.project),
            ("user", principal.subject, terms.user(principal.subject)),
        ):
            if limits.requests_per_minute is not None:
                window = self._windows.setdefault((project, subject), Window())
                left.append(allowance(scope, window, limits.requests_per_minute, now))
                windows.append(window)
        if not left:
            return None, None
        tightest = min(left, key=lambda item: item.remaining)
        if not tightest.remaining:
            return tightest, self._refusal(project, principal, tightest)
        for window in windows:
            window.own += 1
        return replace(tightest, remaining=tightest.remaining - 1), None

    def _refusal(self, project: UUID, principal: Principal, item: Allowance) -> RateLimited:
        told = {
            "scope": item.scope,
            "limit": "requests_per_minute",
            "value": item.limit,
            "used": item.limit,
            "left": 0,
            "wanted": 1,
        }
        error = RateLimited(
            f"The {item.scope} may send {item.limit} requests in a minute.",
            retry_after_seconds=item.reset_seconds,
            extra={"quota": told},
        )
        self.note(project, principal.subject, error)
        return error

    def note(self, project: UUID, subject: str, error: MaquetteError) -> None:
        """Tally a refusal for the operator: written down with the next exchange."""
        reason = (error.extra.get("quota") or {}).get("limit", error.code)
        self._refused[project, subject, reason] += 1

    async def start(self) -> None:
        """Read the limits, then begin to exchange counts."""
        await self.exchange()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write down what is left."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            with contextlib.suppress(Unavailable):
                await self.exchange()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EXCHANGE_SECONDS)
            try:
                await self.exchange()
            except MaquetteError:
                continue  # counting goes on with what is known
            except Exception:  # noqa: BLE001 - the loop must outlive one bad round
                _LOG.exception("Exchanging request counts failed.")

    async def exchange(self) -> None:
        """Tell the others what was counted here, learn what they counted, and read the limits again."""
        minute = int(self._clock() // MINUTE_SECONDS)
        told = {
            key: window.own for key, window in self._windows.items() if window.minute == minute and window.own
        }
        refused, self._refused = self._refused, Counter()
        async with self._database.connection() as connection:
            if refused:
                await limiting.refused(connection, refused)
            if told:
                await limiting.tell(connection, self._replica, minute, told)
            if self._windows:
                heard = await limiting.others(connection, self._replica, minute - 1, list(self._windows))
                self._learn(minute, heard)
            self._terms = {
                project: terms
                for project, terms in (await limiting.limited(connection)).items()
                if terms.limits_requests
            }

    def _learn(self, minute: int, heard: Mapping[tuple[UUID, str, int], int]) -> None:
        for key, window in list(self._windows.items()):
            if window.minute < minute - 1:
                del self._windows[key]
            elif window.minute == minute:
                window.others = heard.get((*key, minute), 0)
                window.others_before = heard.get((*key, minute - 1), 0)

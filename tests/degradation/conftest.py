"""The real API whose way to PostgreSQL can be hurt."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from chaos_site import through
from live_api import Live, open_live
from proxy import Proxy

from maquette.services import transactor

WAIT_SECONDS, STATEMENT_SECONDS, MORE_SECONDS = 0.6, 0.8, 0.5


@dataclass
class Wired:
    """An installation, the wire between it and its database, and the database past that wire."""

    live: Live
    wire: Proxy
    database_url: str

    async def gone(self) -> None:
        """Take the server away: connections are cut, and new ones refused."""
        await self.wire.stop()

    async def back(self) -> None:
        """Let it be there again, at the same address."""
        await self.wire.start()

    async def tell(self, *statements: str) -> None:
        """Run statements as an administrator, past the wire."""
        connection = await asyncpg.connect(self.database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
async def wired(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wired]:
    """Give an impatient installation behind a wire."""
    monkeypatch.setattr(transactor, "ANSWER_SECONDS_MORE", MORE_SECONDS)
    wire = Proxy(urlsplit(database_url).port or 0)
    await wire.start()
    settings = {"database_wait_seconds": WAIT_SECONDS, "database_timeout_seconds": STATEMENT_SECONDS}
    try:
        async with open_live(through(database_url, wire.port), tmp_path, **settings) as live:
            yield Wired(live, wire, database_url)
    finally:
        wire.stall(silent=False)
        await wire.stop()

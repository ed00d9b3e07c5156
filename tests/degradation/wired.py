"""An installation whose way to PostgreSQL can be hurt."""

from dataclasses import dataclass

import asyncpg
from live_api import Live
from proxy import Proxy

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

"""Notices between processes: NOTIFY and LISTEN on a connection of their own. They hint; the rows decide."""

import asyncio
from collections.abc import Callable, Mapping

import asyncpg

from maquette.store.away import CONNECTION_ERRORS, refused
from maquette.store.database import Connection, connect, statements

_SQL = statements("notices")
#: PostgreSQL takes less than 8,000 bytes in a notice.
BYTES_MAX = 7_900


class Line:
    """One connection that hears channels and speaks on any."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(
        cls,
        url: str,
        heard: Mapping[str, Callable[[str], None]],
        ended: Callable[[], None],
        *,
        statement_seconds_max: float,
    ) -> "Line":
        """Connect and listen: what is said on a channel goes to its callback; ``ended`` is called when the line is gone.

        ``Unavailable`` while the server is away.
        """
        connection = await connect(url, statement_seconds_max=statement_seconds_max)
        connection.add_termination_listener(lambda _: ended())
        try:
            for channel, callback in heard.items():
                await connection.add_listener(channel, lambda *told, tell=callback: tell(told[3]))
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            connection.terminate()
            raise refused(error) from error
        except asyncio.CancelledError:  # the process stops as it begins
            connection.terminate()
            raise
        return cls(connection)

    @property
    def open_still(self) -> bool:
        """Whether the line is there, as far as is known."""
        return not self._connection.is_closed()

    async def say(self, notices: Mapping[str, str]) -> None:
        """Say each text on its channel, in one transaction of nothing else; a line that fails is closed."""
        try:
            await self._connection.execute(_SQL["say"], list(notices), list(notices.values()))
        except (*CONNECTION_ERRORS, asyncpg.PostgresError):
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.terminate()

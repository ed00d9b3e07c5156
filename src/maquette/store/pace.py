"""How fast steps went lately: told by each process, added up by whoever asks."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from maquette.domain.eta import WINDOW_SECONDS, Line, Pace
from maquette.store.database import Connection, statements

_SQL = statements("pace")


async def tell(connection: Connection, replica: UUID, counts: Mapping[tuple[str, str, int], Pace]) -> None:
    """Write what this process has counted, by service, step and minute."""
    await connection.execute(
        _SQL["tell"],
        [service for service, _, _ in counts],
        [step for _, step, _ in counts],
        [minute for _, _, minute in counts],
        replica,
        [pace.done for pace in counts.values()],
        [pace.seconds for pace in counts.values()],
        [pace.began_at for pace in counts.values()],
    )


async def forget(connection: Connection) -> None:
    """Delete what is too old to say anything."""
    await connection.execute(_SQL["forget"])


async def lately(connection: Connection) -> tuple[dict[Line, Pace], datetime]:
    """Return how lines went of which anything is known, and the database's time."""
    rows = await connection.fetch(_SQL["lately"], WINDOW_SECONDS)
    paces = {
        (row["service"], row["step"]): Pace(row["done"], row["seconds"], row["began_at"])
        for row in rows
        if row["done"] is not None
    }
    return paces, rows[0]["now"]

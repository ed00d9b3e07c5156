"""Whether this process can do its work."""

from maquette.services.deps import Deps
from maquette.store import migrate


async def ready(deps: Deps) -> None:
    """Raise ``Unavailable``, saying what is missing, unless the database is reachable and migrated."""
    async with deps.database.connection() as connection:
        await migrate.check(connection)

"""The role that tenants' reads run as: made, granted, and looked at.

Policies (migrations) say which rows the role sees; here is what belongs to a server and not to a dump: the role itself,
its owner's membership, its grants. `migrate` sees to it each time, so a restored database has them, too.
"""

from dataclasses import dataclass

import asyncpg

from maquette.domain.errors import Unavailable
from maquette.store.database import Connection, statements

_SQL = statements("tenancy")


@dataclass(frozen=True, slots=True)
class Wall:
    """How the second wall stands."""

    role: str
    made: bool
    granted: bool
    """Whether who connects may become that role."""
    hidden: int
    """Tables that who connects sees through policies himself: he is not their owner, and finds nothing."""

    @property
    def remedy(self) -> str | None:
        """What somebody with the right to make roles has to do; None when all is well. ``OWNER`` is who connects."""
        if not self.made:
            return f'create role "{self.role}" nologin; grant "{self.role}" to OWNER;'
        return None if self.granted else f'grant "{self.role}" to OWNER;'


async def wall(connection: Connection) -> Wall:
    """Look at the role and at who connects."""
    return Wall(**dict(await connection.fetchrow(_SQL["standing"])))


async def establish(connection: Connection) -> None:
    """Make what is missing of the role, in the transaction of a migration.

    Errors: ``Unavailable`` with the statements to run where the owner may not make roles. There is no going on without.
    """
    try:
        async with connection.transaction():
            await connection.execute(_SQL["establish"])
    except asyncpg.InsufficientPrivilegeError:
        remedy = (await wall(connection)).remedy
        raise Unavailable(
            f"The database's owner may not make the role that tenants' reads run as. As one who may: {remedy}"
        ) from None
    await connection.execute(_SQL["grant"])

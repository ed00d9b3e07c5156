"""What is asked of the PostgreSQL server between rounds."""

import asyncpg


async def fresh_database(url: str, name: str) -> str:
    """Make an empty database on the server of ``url`` and return its address; what was there is gone."""
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"create database {name}")
    finally:
        await admin.close()
    await settle(url)
    return f"{url.rpartition('/')[0]}/{name}"


async def settle(url: str) -> None:
    """Have the server write a checkpoint, so that nobody's round pays for what another's wrote.

    Dropping a database does, and the owner of one may do that; CHECKPOINT itself he may not call.
    """
    admin = await asyncpg.connect(url)
    try:
        await admin.execute("create database settled")
        await admin.execute("drop database settled")
    finally:
        await admin.close()

"""The role of tenants' reads where its owner may not make it, and where others have a hand in it."""

import uuid
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from maquette.domain.errors import Unavailable
from maquette.store import diagnosis, tenancy
from maquette.store.database import Database
from maquette.store.migrate import migrate


async def test_an_owner_who_may_not_make_roles_is_told_what_to_run(postgres_url: str) -> None:
    """Migrating stops with the statements, and succeeds once somebody who may has run them; nothing goes on without."""
    name = f"plain_{uuid.uuid4().hex[:8]}"
    parts = urlsplit(postgres_url)
    address = f"{name}:x@{parts.netloc.rpartition('@')[2]}"
    url = urlunsplit(parts._replace(netloc=address, path=f"/{name}"))
    boss = await asyncpg.connect(postgres_url)
    await boss.execute(f"create role {name} login password 'x'; grant {name} to current_user")
    await boss.execute(f"create database {name} owner {name}")
    try:
        with pytest.raises(Unavailable) as refused:
            await migrate(url)
        remedy = refused.value.message.rpartition("As one who may: ")[2]
        assert remedy == f'create role "{name}_tenant" nologin; grant "{name}_tenant" to OWNER;'
        await boss.execute(remedy.replace("OWNER", name))
        assert len(await migrate(url)) > 10
        assert (await diagnosis.diagnose(url, seconds_max=10)).wall.remedy is None
        database = await Database.open(url, connections_max=1)
        try:
            async with database.tenant([uuid.uuid4()]) as connection:
                assert await connection.fetchval("select current_user") == f"{name}_tenant"
            await boss.execute(f'revoke "{name}_tenant" from {name}')
            with pytest.raises(Unavailable, match="maquette migrate"):
                async with database.tenant([uuid.uuid4()]):
                    pass
        finally:
            await database.close()
        found = (await diagnosis.diagnose(url, seconds_max=10)).wall
        assert found.remedy == f'grant "{name}_tenant" to OWNER;'
    finally:
        await boss.execute(f"drop database {name} with (force)")
        await boss.execute(f"drop role if exists {name}_tenant; drop role {name}")
        await boss.close()


async def test_who_is_not_the_owner_is_noticed(database_url: str) -> None:
    """Somebody who may read the tables and does not own them would find nothing: `maquette doctor` counts what is hidden."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("set role maquette_tenant")
        assert (await tenancy.wall(connection)).hidden > 30
    finally:
        await connection.close()

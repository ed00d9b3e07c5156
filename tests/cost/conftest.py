"""What a job costs, counted once for all tests that look at it."""

import asyncio
import os

import asyncpg
import budget
import pytest
from measured import Cost, measure

_DATABASE = "cost"


@pytest.fixture(scope="session")
def cost_database_url(postgres_url: str, migrated_template: str) -> str:
    """Address of a migrated database for everything that is counted; it goes with the server."""

    async def create() -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(f"drop database if exists {_DATABASE}")
            await connection.execute(
                f"create database {_DATABASE} template {migrated_template} strategy file_copy"
            )
        finally:
            await connection.close()

    asyncio.run(create())
    return f"{postgres_url.rpartition('/')[0]}/{_DATABASE}"


@pytest.fixture(scope="session")
def cost(tmp_path_factory: pytest.TempPathFactory, cost_database_url: str) -> Cost:
    """What a job costs now; with MAQUETTE_TEST_BUDGET=write (`make budget`) it becomes the budget."""
    found = measure(tmp_path_factory.mktemp("cost"), cost_database_url)
    if os.environ.get("MAQUETTE_TEST_BUDGET") == "write":
        budget.write(found)
    return found

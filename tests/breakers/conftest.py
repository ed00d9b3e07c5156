"""Fixtures of the breaker tests: a project whose concepts go to one service, and to another while that is away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, furnish
from routed import Routed

from maquette.bootstrap import open_deps
from maquette.settings import Settings


@pytest.fixture
async def routed(tmp_path: Path, database_url: str) -> AsyncIterator[Routed]:
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        house: House = await furnish(deps)
        made = Routed(house)
        await made.route("first", "second")
        yield made

"""Fixtures of the quota tests: an installation in which the studio has a price."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, furnish
from quota_books import OPERATOR, RATES, Books

from maquette.bootstrap import open_deps
from maquette.services import quotas
from maquette.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_deps(settings) as deps:
        made = await furnish(deps)
        await quotas.put_rates(deps, OPERATOR, "studio", RATES)
        yield made


@pytest.fixture
def books(database_url: str) -> Books:
    return Books(database_url)

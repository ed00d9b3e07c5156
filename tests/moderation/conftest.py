"""Fixtures of the tests of what follows from judgements: a whole installation, played (tests/flow)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, furnish
from live_api import Live, open_live

from maquette.bootstrap import open_deps
from maquette.settings import Settings


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """Give an installation with a project."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        yield await furnish(deps)


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it."""
    async with open_live(database_url, tmp_path) as live:
        yield live

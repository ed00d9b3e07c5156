"""Fixtures of the reuse tests: a whole installation, played (tests/flow)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from house import House, furnish

from maquette.bootstrap import open_deps
from maquette.settings import Settings


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """Give an installation with a project whose jobs stop at no gate."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
    )
    async with open_deps(settings) as deps:
        made = await furnish(deps)
        await made.gates()
        yield made

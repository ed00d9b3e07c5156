"""Fixtures of the flow tests."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from house import House, furnish
from schemas import told_by_schema

from maquette.bootstrap import open_deps
from maquette.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, pooled: dict[str, Any]) -> Settings:
    return Settings(
        data_dir=tmp_path,
        **pooled,
        signing_key="a signing key for tests",
        worker_token="a worker token for tests",
        database_timeout_seconds=60.0,  # 10,000 rows at once, on a machine with other work
    )


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_deps(settings) as deps:
        yield await furnish(deps)
        await told_by_schema(deps.database)

"""The real API with one of everything behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from everybody import World, populate
from live_api import open_live


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Give an installation with one of everything and somebody of every kind."""
    async with open_live(database_url, tmp_path) as live:
        yield await populate(live)

"""The real API behind a database of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from live_api import Live, open_live


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it, wired as ``bootstrap`` wires it."""
    async with open_live(database_url, tmp_path) as live:
        yield live

"""The real API, and a look at everything that a refused request might have left behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from live_api import Live, open_live
from traces import traces

Unchanged = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it."""
    async with open_live(database_url, tmp_path, open_jobs_max=200) as live:
        yield live


async def _at_rest(live: Live, data_dir: Path) -> dict[str, Any]:
    """Look until no loop behind the API has a connection in its hands."""
    for _ in range(100):
        found = await traces(live, data_dir)
        if not found["lent connections"]:
            break
        await asyncio.sleep(0.02)
    return found


@pytest.fixture
def unchanged(live: Live, tmp_path: Path) -> Unchanged:
    """Give a block after which rows, files, open descriptors and lent connections are what they were before it."""

    @asynccontextmanager
    async def block() -> AsyncIterator[None]:
        before = await _at_rest(live, tmp_path)
        yield
        left: dict[str, Any] = {}
        for _ in range(60):
            after = await traces(live, tmp_path)
            left = {kind: after[kind] for kind in after if after[kind] != before.get(kind)}
            if not left:
                break
            await asyncio.sleep(0.05)  # the loops behind the API borrow a connection for a moment
        assert left == {}

    return block

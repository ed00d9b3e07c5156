"""The real API, and a look at everything that a refused request might have left behind."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from live_api import Live, open_live
from traces import traces

Unchanged = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """Give the API with everything real behind it."""
    async with open_live(database_url, tmp_path, open_jobs_max=200) as live:
        yield live


@pytest.fixture
def unchanged(live: Live, tmp_path: Path) -> Unchanged:
    """Give a block after which rows, files, open descriptors and lent connections are what they were before it."""

    @asynccontextmanager
    async def block() -> AsyncIterator[None]:
        before = await traces(live, tmp_path)
        yield
        after = await traces(live, tmp_path)
        assert {kind: after[kind] for kind in after if after[kind] != before.get(kind)} == {}

    return block

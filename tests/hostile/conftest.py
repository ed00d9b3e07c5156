"""The real API, and a look at everything that a refused request might have left behind."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from live_api import Live, open_live

Unchanged = Callable[[], AbstractAsyncContextManager[None]]

#: A digest of each table, so that a changed row counts as much as a new one.
_TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
_DIGEST = "select count(*)::text || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from {} t"


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


async def traces(live: Live, data_dir: Path) -> dict[str, Any]:
    """Return everything that a request can leave behind."""
    async with live.deps.database.connection() as connection:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        query = " union all ".join(_DIGEST.format(name) for name in tables)
        digests = [row[0] for row in await connection.fetch(query)]
        rows = dict(zip(tables, digests, strict=True))
    pool = live.deps.database._pool
    return {
        **rows,
        "files": files(data_dir),
        "descriptors": descriptors() - pool.get_size(),
        "lent connections": pool.get_size() - pool.get_idle_size(),
        "waiting orders": live.deps.transactor.waiting,
    }


def files(folder: Path) -> list[str]:
    """Return every path below a folder, files and directories."""
    return sorted(str(path) for path in folder.rglob("*"))


def descriptors() -> int:
    """Count this process's open files and sockets."""
    return len(list(Path("/proc/self/fd").iterdir()))

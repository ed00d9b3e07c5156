"""The real API whose way to PostgreSQL can be hurt."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chaos_site import through
from live_api import open_live
from proxy import Proxy
from wired import MORE_SECONDS, STATEMENT_SECONDS, WAIT_SECONDS, Wired

from maquette.services import transactor


@pytest.fixture
async def wired(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wired]:
    """Give an impatient installation behind a wire."""
    monkeypatch.setattr(transactor, "ANSWER_SECONDS_MORE", MORE_SECONDS)
    wire = Proxy(urlsplit(database_url).port or 0)
    await wire.start()
    settings = {"database_wait_seconds": WAIT_SECONDS, "database_timeout_seconds": STATEMENT_SECONDS}
    try:
        async with open_live(through(database_url, wire.port), tmp_path, **settings) as live:
            yield Wired(live, wire, database_url)
    finally:
        wire.stall(silent=False)
        await wire.stop()

"""One served API a session: schemathesis is slow enough by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzzing import Served, serve


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    """Give the real API behind real HTTP."""
    with serve(database_url, tmp_path) as served:
        yield served

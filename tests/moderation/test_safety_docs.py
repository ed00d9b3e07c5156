"""docs/safety.md: its example runs."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from live_api import running

from maquette.domain.moderation import in_force

PAGE = Path(__file__).parents[2] / "docs" / "safety.md"


async def test_the_example_runs(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of Python on the page, one after the other, against the real API."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    program = compile("\n".join(blocks), str(PAGE), "exec")
    scope: dict[str, Any] = {}
    async with running(live.app) as url:
        monkeypatch.setenv("MAQUETTE_URL", url)
        monkeypatch.setenv("MAQUETTE_API_KEY", live.tokens["operator"])
        try:
            await asyncio.to_thread(exec, program, scope)
        finally:
            await asyncio.to_thread(scope["api"].close)


def test_policies_on_the_page_are_policies() -> None:
    """Each block of JSON that says what a moderator outside is asked is taken as it stands."""
    shown = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    policies = [body for body in map(json.loads, shown) if "moderator" in body]
    assert policies
    for body in policies:
        assert in_force(None, (1, body)).versions["project"] == 1

"""The second wall alone: with the first one taken out of every read, strangers still find nothing."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from everybody import World, key_of

from maquette import store
from maquette.domain.permissions import RULES
from maquette.domain.principal import Principal
from maquette.store.database import Database

#: How statements name projects, and what is true whatever they are.
_CUTS = (
    (re.compile(r"[\w.]*project_id = any\((\$\d+)(?:::uuid\[\])?\)"), r"(\1::uuid[] is null or true)"),
    (re.compile(r"[\w.]*project_id = (\$\d+)(?:::uuid)?(?![\w:])"), r"(\1::uuid is null or true)"),
    (re.compile(r"\bp\.id = any\((\$\d+)(?:::uuid\[\])?\)"), r"(\1::uuid[] is null or true)"),
    (re.compile(r"\w+\.project_id = mine\.project_id"), "true"),
)


def _cut_conditions(monkeypatch: pytest.MonkeyPatch) -> int:
    """Take the project out of every statement that reads; return how many that were."""
    cut = 0
    for module in pkgutil.iter_modules(store.__path__):
        named: dict[str, str] = getattr(importlib.import_module(f"maquette.store.{module.name}"), "_SQL", {})
        for name, statement in list(named.items()):
            if re.search(r"\b(insert into|update|delete from)\b|for update", statement):
                continue
            shorter = statement
            for pattern, instead in _CUTS:
                shorter = pattern.sub(instead, shorter)
            if shorter != statement:
                monkeypatch.setitem(named, name, shorter)
                cut += 1
    return cut


async def _leaks(world: World) -> set[str]:
    """Read everything as the owner of another project; return the operations that showed something of this one."""
    stranger = next(who for who in world.people if who.name == "foreign owner")
    own = [value for name, value in world.ids.items() if name not in {"operator", "token"}]
    found = set()
    for method, path, operation in world.operations:
        if method != "get" or "user" not in RULES[operation["operationId"]].kinds:
            continue
        response = await world.call(stranger, method, path, operation, key_of(world, path))
        if response is None or response.status_code >= 400:
            continue
        telling = [value for value in (*own, "Lighthouse", "a red fox") if value not in str(response.url)]
        if response.status_code == 302 or any(value in response.text for value in telling):
            found.add(operation["operationId"])
    words = await stranger.client.get(f"/projects/{world.ids['project_id']}/assets", params={"q": "fox"})
    if world.ids["asset_id"] in words.text:
        found.add("list_assets by words")
    return found


async def test_a_forgotten_condition_finds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No read tells a stranger anything when neither statement nor use case asks whose it is; the wall is why."""
    assert _cut_conditions(monkeypatch) > 30
    monkeypatch.setattr(Principal, "require_project", lambda _self, project: project)
    assert await _leaks(world) == set()

    @asynccontextmanager
    async def open_to_all(self: Database, _projects: Collection[UUID] | None) -> AsyncIterator[Any]:
        async with self.snapshot() as connection:
            yield connection

    monkeypatch.setattr(Database, "tenant", open_to_all)
    without = await _leaks(world)
    assert len(without) > 15
    assert "list_assets by words" in without

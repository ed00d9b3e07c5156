"""However many begin to follow a project at once, a look or two tells them all where now is."""

import asyncio
from typing import Any

import pytest
from house import House

from maquette.domain import typeid
from maquette.services.feed import Feed
from maquette.store import events


async def test_those_who_begin_at_once_share_a_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty ask during one look: one more is made for all of them, and it began after they had asked."""
    feed, project = Feed(), typeid.decode("prj", house.project)
    looking, go_on = asyncio.Event(), asyncio.Event()
    looks: list[Any] = []
    of_project = events.of_project

    async def slowly(*given: Any) -> Any:
        looks.append(given)
        found = await of_project(*given)
        looking.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(events, "of_project", slowly)
    first = asyncio.create_task(feed.advance(house.deps.database, project))
    await looking.wait()
    await house.submit()
    others = [asyncio.create_task(feed.advance(house.deps.database, project)) for _ in range(30)]
    await asyncio.sleep(0)
    go_on.set()
    began, seen = await first, await asyncio.gather(*others)
    assert len(looks) == 2
    assert len(set(seen)) == 1
    assert seen[0].xmax > began.xmax, "what was submitted before they asked lies behind them"

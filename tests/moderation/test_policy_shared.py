"""What holds in a project is asked for once by all who need it at the same time."""

import asyncio
from typing import Any

import pytest
from house import House

from maquette.domain.typeid import decode
from maquette.services import safety as service
from maquette.store import safety

versions = safety.versions


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Event]:
    """An event for each question that was sent; its answer comes when the event is set."""
    found: list[asyncio.Event] = []

    async def wait(*arguments: Any) -> Any:
        found.append(event := asyncio.Event())
        answer = await versions(*arguments)
        await event.wait()
        return answer

    monkeypatch.setattr(safety, "versions", wait)
    return found


async def test_a_hundred_judgements_ask_once(house: House, asked: list[asyncio.Event]) -> None:
    """The outcomes of one request are judged at the same time, by one reading of the policies."""
    moderation, project = house.deps.moderation, decode("prj", house.project)
    waiting = [asyncio.create_task(moderation.policy(project)) for _ in range(100)]
    await _until(asked, 1)
    waiting[0].cancel()  # who goes away leaves the answer to the others
    asked[0].set()
    first, *others = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert len({id(policy) for policy in others}) == 1
    assert await moderation.policy(project) is others[0]
    assert len(asked) == 1


async def test_a_change_is_not_undone_by_an_answer_from_before(
    house: House, monkeypatch: pytest.MonkeyPatch, asked: list[asyncio.Event]
) -> None:
    """Who asks after a policy has changed here gets the new one, though an older answer is still on its way."""
    moderation, project = house.deps.moderation, decode("prj", house.project)
    with monkeypatch.context() as patch:
        patch.setattr(safety, "versions", versions)
        moderation._policies[project] = (
            0.0,
            await moderation.policy(project),
        )  # known, and believed no longer
    early = asyncio.create_task(moderation.policy(project))
    await _until(asked, 1)
    await service.put_project_policy(house.deps, house.user, project, {"moderator": {}})
    late = asyncio.create_task(moderation.policy(project))
    await _until(asked, 2)
    for event in asked:
        event.set()
    assert (await early).versions["project"] == 0
    assert (await late).versions["project"] == 1
    assert (await moderation.policy(project)).versions["project"] == 1


async def _until(asked: list[asyncio.Event], count: int) -> None:
    async with asyncio.timeout(10):
        while len(asked) < count:  # noqa: ASYNC110 - the list is filled by a function that must not know of this
            await asyncio.sleep(0.001)

"""What follows from a moderator outside: its verdicts, its silence, and crashes between the two."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from house import House
from outside import Outside, client, served
from own_work import bring, png, told

from maquette.domain import typeid
from maquette.domain.errors import AwaitingVerdict, StaleReview, Unavailable, UnsafeContent
from maquette.domain.events import EventType
from maquette.domain.job import JobStatus, PauseReason
from maquette.maintenance import safety as judging
from maquette.maintenance.safety import Judging
from maquette.services import artifacts, jobs, safety
from maquette.services.jobs import JobView
from maquette.services.safety import Word
from maquette.store import safety as rows
from maquette.store.safety import Filter


@pytest.fixture
async def outside(house: House) -> AsyncIterator[Outside]:
    """Give a moderator outside that the house asks."""
    async with served(Outside()) as running, client(running, seconds_max=2.0) as moderator:
        house.deps.moderation.outside = moderator
        yield running


def loop(house: House) -> Judging:
    return Judging(house.deps.database, house.deps.transactor, house.deps.objects, house.deps.moderation)


async def policy(house: House, **moderator: Any) -> None:
    await safety.put_project_policy(
        house.deps, house.user, typeid.decode("prj", house.project), {"moderator": moderator}
    )


async def painted(house: House, content: bytes) -> JobView:
    """Let the first step of a new job make a picture."""
    view = await house.submit("2D")
    [task] = await house.claim()
    file = await house.stored(task, "a.png", content, "image/png")
    answer = await house.report(house.made(task, file))
    assert answer.verdicts[0].verdict == "applied"
    return await house.view(view.job.id)


async def rulings(house: House) -> list[rows.RulingRow]:
    return await safety.list_rulings(house.deps, house.user, None, Filter(), before=None, limit=10)


async def due_again(house: House) -> None:
    async with house.deps.database.transaction() as connection:
        await connection.execute("update unjudged set due_at = clock_timestamp()")


async def test_pictures_wait_until_the_moderator_has_seen_them(house: House, outside: Outside) -> None:
    """Withheld with the job held until the loop has asked; a plain allow opens the gate and leaves no record."""
    view = await painted(house, png(1))
    assert (view.job.status, view.job.pause_reason) == (JobStatus.PAUSED, PauseReason.SAFETY)
    with pytest.raises(AwaitingVerdict):
        await artifacts.location(house.deps, house.user, view.artifacts[0].id)
    with pytest.raises(StaleReview):
        await house.review(view, "approved")
    assert await loop(house).run_once() == 1
    view = await house.view(view.job.id)
    assert (view.job.status, view.artifacts[0].withheld) == (JobStatus.AWAITING_REVIEW, None)
    assert view.records[0].safety == "2.0.0"
    assert [item.type for item in await told(house, view.job.id)][-1] is EventType.SAFETY_DECIDED
    assert await rulings(house) == []
    assert await loop(house).run_once() == 0


async def test_a_picture_that_is_blocked_fails_its_job(house: House, outside: Outside) -> None:
    """With the record of what the moderator said."""
    view = await painted(house, png(1) + b"never")
    await loop(house).run_once()
    view = await house.view(view.job.id)
    assert (view.job.status, view.artifacts[0].withheld) == (JobStatus.FAILED, "blocked")
    [row] = await rulings(house)
    assert row.ruling.evidence[0]["score"] == 0.95
    assert [item["name"] for item in row.ruling.moderators] == ["rules", "http"]


async def test_a_picture_of_which_it_is_not_sure_waits_for_a_person(house: House, outside: Outside) -> None:
    """The loop leaves it alone then; a reviewer may decide."""
    view = await painted(house, png(1) + b"maybe")
    await loop(house).run_once()
    assert await loop(house).run_once() == 0
    [row] = await rulings(house)
    assert (row.in_force, safety.decidable_by(row)) == ("hold", "reviewer")
    await safety.override(house.deps, house.user, row.ruling.id, Word("allow", "A mask."))
    assert (await house.view(view.job.id)).job.status is JobStatus.AWAITING_REVIEW


async def test_a_silent_moderator_is_asked_again_until_the_policy_says_what_follows(
    house: House, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed by default: after the last try a person decides, and the record says that nobody answered."""
    monkeypatch.setattr(judging, "TRIES_MAX", 2)
    view = await painted(house, png(1))
    outside.behave = [401, 401]
    await loop(house).run_once()
    assert await rulings(house) == []
    await due_again(house)
    await loop(house).run_once()
    [row] = await rulings(house)
    assert (row.in_force, row.ruling.moderators[-1]) == (
        "hold", {"name": "http", "outcome": "http_401", "then": "hold"},
    )  # fmt: skip
    assert (await house.view(view.job.id)).job.status is JobStatus.PAUSED


async def test_a_policy_may_let_work_pass_a_silent_moderator(
    house: House, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open: the job goes on, and the record tells that nobody looked. Only the platform's policy may say so."""
    monkeypatch.setattr(judging, "TRIES_MAX", 1)
    await policy(house, on_failure="allow")
    outside.behave = [401, 401, 401]
    held = await house.submit("2D")
    assert held.job.status is JobStatus.PAUSED
    await jobs.cancel(house.deps, house.user, held.job.id)
    async with house.deps.database.transaction() as connection:
        await rows.insert_platform_policy(connection, {"moderator": {"on_failure": "allow"}}, "usr_op")
    house.deps.moderation.forget()
    view = await painted(house, png(1))
    await loop(house).run_once()
    view = await house.view(view.job.id)
    assert view.job.status is JobStatus.AWAITING_REVIEW
    [last, _held] = await rulings(house)
    assert (last.in_force, last.ruling.moderators[-1]["then"]) == ("allow", "allow")


async def test_a_policy_may_refuse_what_cannot_be_judged(house: House, outside: Outside) -> None:
    """503, and nothing is recorded; the next request finds the moderator back."""
    await policy(house, on_failure="refuse")
    outside.behave = [401]
    with pytest.raises(Unavailable, match="moderator"):
        await house.submit("2D")
    assert (await house.submit("2D")).job.status is JobStatus.QUEUED


async def test_prompts_are_shown_to_it_too(house: House, outside: Outside) -> None:
    """Blocked and held as by a rule; a negative prompt is not taken for a wish."""
    with pytest.raises(UnsafeContent) as refused:
        await house.submit("2D", prompt="never a robot")
    assert refused.value.extra["categories"] == ["hate"]
    assert (await house.submit("2D", prompt="maybe a robot")).job.status is JobStatus.PAUSED
    assert (await house.submit("2D", negative_prompt="never")).job.status is JobStatus.QUEUED


async def test_what_people_bring_is_seen_once(house: House, outside: Outside) -> None:
    """A reference is shown when it is first used, and again when a policy has changed; a blocked one is refused."""
    fine, bad = await bring(house, png(1), "fine.png"), await bring(house, png(2), "bad.png")
    outside.scores = {png(2).decode("latin-1"): {}}
    await house.submit("2D", reference_uploads=[fine])
    asked = len(outside.seen)
    await house.submit("2D", reference_uploads=[fine])
    assert len(outside.seen) == asked + 1  # the prompt alone
    await policy(house, stages=["prompt", "reference"])
    await house.submit("2D", reference_uploads=[fine])
    assert len(outside.seen) == asked + 4
    outside.scores = {"\x89PNG": {"sexual": 0.99}}
    outside.result = lambda content: Outside.result(  # type: ignore[method-assign]  # tells pictures apart by bytes
        Outside(scores={"bad": {"sexual": 0.99}}), b"bad" if content == png(2) else content
    )
    with pytest.raises(UnsafeContent) as refused:
        await house.submit("2D", reference_uploads=[bad])
    assert refused.value.details[0].loc == ("reference_uploads",)
    [row] = await rulings(house)
    assert (row.ruling.stage, typeid.encode("upl", row.ruling.upload_id or typeid.derive())) == (
        "reference",
        bad,
    )


async def test_a_replica_that_dies_between_verdict_and_command_is_made_up_for(
    house: House, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it took is another's after a while; what it told already is not told twice."""
    view = await painted(house, png(1) + b"never")
    first = loop(house)

    async def dies(*_: Any) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(first, "_decide", dies)
        assert await first.run_once() == 1
    assert await loop(house).run_once() == 0
    await due_again(house)
    second = loop(house)
    with monkeypatch.context() as patched:
        patched.setattr(second, "_strike", dies)
        await second.run_once()
    assert (await house.view(view.job.id)).job.status is JobStatus.FAILED
    await due_again(house)
    assert await loop(house).run_once() == 1
    assert len(await rulings(house)) == 1
    assert (await house.view(view.job.id)).artifacts[0].withheld == "blocked"
    assert await loop(house).run_once() == 0


async def test_a_job_given_up_meanwhile_shows_its_files_by_the_verdict(
    house: House, outside: Outside
) -> None:
    """Nobody waits for it any more, and still nothing is shown that was not seen."""
    for content, withheld in ((png(1), None), (png(2) + b"never", "blocked")):
        view = await painted(house, content)
        await jobs.cancel(house.deps, house.user, view.job.id)
        await loop(house).run_once()
        view = await house.view(view.job.id)
        assert (view.job.status, view.artifacts[0].withheld) == (JobStatus.CANCELED, withheld)

"""The adapter for a moderator outside, against a server that speaks its protocol and misbehaves."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from outside import Outside, client, served

from maquette.adapters.moderator_http import TRIES_MAX, Breaker
from maquette.domain.moderation import IMAGE_BYTES_MAX, Subject, in_force
from maquette.ports import ModeratorAway

POLICY = in_force(None, None)
TEXT = [Subject("prompt", "a robot")]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with served(Outside()) as running:
        yield running


async def test_texts_go_in_one_request_and_images_in_one_each(outside: Outside) -> None:
    """As the protocol has it; what is only avoided is not sent; objections stand at their subjects."""
    subjects = [
        Subject("a", "maybe"),
        Subject("b", image=b"\x89PNG never", media_type="image/png"),
        Subject("c", "never", avoided=True),
        Subject("d", "fine"),
    ]
    async with client(outside) as moderator:
        found = await moderator.judge(subjects, POLICY)
    inputs = sorted((body["input"] for body in outside.seen), key=lambda item: isinstance(item[0], dict))
    assert inputs[0] == ["maybe", "fine"]
    assert inputs[1][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert {body["model"] for body in outside.seen} == {"omni-moderation-latest"}
    assert [[(item.category, item.answer, item.score) for item in items] for items in found] == [
        [("hate", "hold", 0.6)], [("hate", "block", 0.95)], [], [],
    ]  # fmt: skip


async def test_thresholds_and_names_are_the_policys(outside: Outside) -> None:
    """A project is stricter by its own; never laxer than the platform; a category of its own has the default."""
    outside.scores = {"robot": {"violence": 0.5, "deepfake": 0.7}}
    async with client(outside) as moderator:
        [[odd]] = await moderator.judge(TEXT, POLICY)
        assert (odd.category, odd.answer) == ("deepfake", "hold")
        own = in_force(
            None, (1, {"moderator": {"thresholds": {"violence": {"hold": 0.4}, "deepfake": {"hold": 2}}}})
        )
        [found] = await moderator.judge(TEXT, own)
        assert {(item.category, item.answer) for item in found} == {
            ("violence", "hold"),
            ("deepfake", "hold"),
        }
        mapped = in_force((1, {"moderator": {"categories": {"deepfake": "personal_data"}}}), None)
        [[found]] = await moderator.judge(TEXT, mapped)
        assert found.category == "personal_data"


@pytest.mark.parametrize("trouble", [[500], [503, 429], [429]])
async def test_what_may_pass_is_tried_again(outside: Outside, trouble: list[int]) -> None:
    """Too busy, or broken for a moment: the answer comes all the same, and the breaker stays closed."""
    outside.behave = list(trouble)
    async with client(outside) as moderator:
        assert await moderator.judge(TEXT, POLICY) == [[]]
        assert len(outside.seen) == len(trouble) + 1
        assert moderator.breaker.state == "closed"


@pytest.mark.parametrize(
    ("trouble", "kind", "asked"),
    [
        ([500] * TRIES_MAX, "http_500", TRIES_MAX),
        ([401], "http_401", 1),
        ([b"<html>"], "not_understood", 1),
        ([b'{"results": []}'], "not_understood", 1),
        ([b'{"results": [{"categories": 3}]}'], "not_understood", 1),
        ([b'{"results": 7}'], "not_understood", 1),
        (["huge"], "not_understood", 1),
        (["slow"], "timed_out", 1),
    ],
)
async def test_what_is_no_answer_is_told_as_such(
    outside: Outside, trouble: list[object], kind: str, asked: int
) -> None:
    """Slow, broken, refused, garbage, huge: never an objection, never an allowance, and within the budget."""
    outside.behave = list(trouble)
    began = time.monotonic()
    async with client(outside, seconds_max=0.5 if kind == "timed_out" else 5.0) as moderator:
        with pytest.raises(ModeratorAway) as away:
            await moderator.judge(TEXT, POLICY)
    assert away.value.kind == kind
    assert len(outside.seen) == asked
    assert time.monotonic() - began < 4


async def test_flags_count_where_there_are_no_scores(outside: Outside) -> None:
    """Some that are compatible give nothing but flags."""
    outside.behave = [b'{"results": [{"flagged": true, "categories": {"hate": true, "sexual": false}}]}']
    async with client(outside) as moderator:
        [[found]] = await moderator.judge(TEXT, POLICY)
    assert (found.category, found.answer, found.score) == ("hate", "block", 1.0)


async def test_a_picture_that_is_too_large_is_for_a_person(outside: Outside) -> None:
    """It is not sent, and does not pass unseen."""
    large = Subject("big.png", image=bytes(IMAGE_BYTES_MAX + 1), media_type="image/png")
    async with client(outside) as moderator:
        [[found]] = await moderator.judge([large], POLICY)
    assert (found.answer, found.rule, outside.seen) == ("hold", "too_large", [])


async def test_the_breaker_leaves_a_broken_moderator_alone(outside: Outside) -> None:
    """After five failures nothing is sent; after a while one probe is, and its answer closes it."""
    now = [0.0]
    outside.behave = [401] * (Breaker.FAILURES_MAX + 1)
    async with client(outside, breaker=Breaker(lambda: now[0])) as moderator:

        async def ask() -> str:
            try:
                await moderator.judge(TEXT, POLICY)
            except ModeratorAway as away:
                return away.kind
            return "judged"

        assert [await ask() for _ in range(6)] == ["http_401"] * 5 + ["breaker_open"]
        now[0] = Breaker.OPEN_SECONDS
        assert moderator.breaker.state == "half_open"
        assert sorted(await asyncio.gather(ask(), ask())) == ["breaker_open", "http_401"]
        assert await ask() == "breaker_open"
        now[0] *= 2
        assert [await ask(), moderator.breaker.state, await ask()] == ["judged", "closed", "judged"]
        assert len(outside.seen) == Breaker.FAILURES_MAX + 3


async def test_who_goes_away_while_asking_leaves_the_probe_to_others(outside: Outside) -> None:
    """A canceled request is no failure, and does not keep a half-open breaker busy for ever."""
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    for _ in range(Breaker.FAILURES_MAX):
        breaker.failed()
    now[0] = Breaker.OPEN_SECONDS
    outside.behave = ["slow"]
    async with client(outside, breaker=breaker) as moderator:
        asking = asyncio.create_task(moderator.judge(TEXT, POLICY))
        await outside.arrived.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert breaker.state == "half_open"
        assert await moderator.judge(TEXT, POLICY) == [[]]
        assert breaker.state == "closed"

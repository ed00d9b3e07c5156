"""A moderator outside: any endpoint that speaks OpenAI's ``POST /v1/moderations``, with texts and images.

The protocol (platform.openai.com/docs/api-reference/moderations): ``{model, input}``, where the input is a list of texts
(one result each) or of typed parts (one result for all); ``{results: [{flagged, categories, category_scores}]}``. What
is only named in order to be avoided is not sent: who reads "no gore" without its "no" finds gore.
"""

import asyncio
import base64
import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from maquette.domain.moderation import IMAGE_BYTES_MAX, InForce, Objection, Subject
from maquette.outbound import Answer, Outbound, OutboundError, TimedOut, TooMuch
from maquette.ports import ModeratorAway
from maquette.telemetry.ids import passed_on

TRIES_MAX = 3
BACKOFF_SECONDS = 0.25
ANSWER_BYTES_MAX = 1024 * 1024
TEXT_LENGTH_MAX = 32_000
_AT_ONCE = 4
_CATEGORIES_MAX = 100
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class Breaker:
    """Closed → open after failures in a row → half-open: one probe at a time → closed. Of this process alone."""

    FAILURES_MAX = 5
    OPEN_SECONDS = 30.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._clock() - self._opened_at >= self.OPEN_SECONDS else "open"

    def admits(self) -> bool:
        """Whether to ask now; who is let through a half-open one must tell how it went."""
        if self.state == "closed":
            return True
        if self.state == "open" or self._probing:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Close it: there was an answer."""
        self._failures, self._opened_at, self._probing = 0, None, False

    def left(self) -> None:
        """Know nothing new: who asked went away before there was an answer."""
        self._probing = False

    def failed(self) -> None:
        """Count a failure; the last that is one too many, or a failed probe, opens it (again)."""
        self._failures += 1
        if self._probing or self._failures >= self.FAILURES_MAX:
            self._opened_at = self._clock()
        self._probing = False


class HttpModerator:
    """Texts go in one request, images in one each; all of it within one budget of time, tries again included."""

    name = "http"

    def __init__(
        self,
        outbound: Outbound,
        url: str,
        *,
        api_key: str = "",
        model: str = "",
        seconds_max: float = 5.0,
        breaker: Breaker | None = None,
    ) -> None:
        self._outbound = outbound
        self._url = url
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._model = {"model": model} if model else {}
        self._seconds_max = seconds_max
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.breaker = breaker or Breaker()

    @property
    def state(self) -> str:
        """The breaker's."""
        return self.breaker.state

    async def judge(self, subjects: Sequence[Subject], policy: InForce) -> Sequence[Sequence[Objection]]:
        """Return what the moderator is sure enough of, by the policy's thresholds; too large images are objected to."""
        found: list[list[Objection]] = [[] for _ in subjects]
        texts = [place for place, item in enumerate(subjects) if item.text and not item.avoided]
        images = [place for place, item in enumerate(subjects) if item.image]
        for place in [place for place in images if len(subjects[place].image) > IMAGE_BYTES_MAX]:
            images.remove(place)
            found[place].append(Objection("unjudged", "hold", subjects[place].where, "too_large", "outside"))
        if not texts and not images:
            return found
        if not self.breaker.admits():
            raise ModeratorAway("breaker_open", "The moderator has failed again and again; it is left alone.")
        try:
            results = await self._results(subjects, texts, images)
        except ModeratorAway:
            self.breaker.failed()
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()
        for place, result in results.items():
            found[place] += _read(result, subjects[place], policy)
        return found

    async def _results(
        self, subjects: Sequence[Subject], texts: Sequence[int], images: Sequence[int]
    ) -> dict[int, Mapping[str, Any]]:
        until = time.monotonic() + self._seconds_max
        asked = [[place] for place in images]
        bodies: list[list[Any]] = [[_part(subjects[place])] for place in images]
        if texts:
            asked.append(list(texts))
            bodies.append([subjects[place].text[:TEXT_LENGTH_MAX] for place in texts])
        try:
            # Waiting for a slot is part of it: behind four slow answers nobody waits longer than for his own.
            async with asyncio.timeout(self._seconds_max), asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._ask(body, len(places), until))
                    for body, places in zip(bodies, asked, strict=True)
                ]
        except TimeoutError:
            raise ModeratorAway("timed_out", "No whole answer in time.") from None
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return {
            place: result
            for places, task in zip(asked, tasks, strict=True)
            for place, result in zip(places, task.result(), strict=True)
        }

    async def _ask(self, given: list[Any], count: int, until: float) -> list[Mapping[str, Any]]:
        body = msgspec.json.encode({**self._model, "input": given})
        for tries in range(1, TRIES_MAX + 1):
            wait = random.random() * BACKOFF_SECONDS * 2**tries  # noqa: S311 - jitter, no secret
            try:
                async with self._slots:
                    answer = await self._outbound.send(
                        "POST",
                        self._url,
                        headers={**self._headers, **passed_on()},
                        body=body,
                        seconds_max=max(until - time.monotonic(), 0.001),
                        bytes_max=ANSWER_BYTES_MAX,
                    )
            except TimedOut:
                raise ModeratorAway("timed_out", "No whole answer in time.") from None
            except TooMuch:
                raise ModeratorAway("not_understood", "The answer is too large.") from None
            except OutboundError as error:
                problem = ModeratorAway(error.kind, str(error))
            else:
                if answer.status == 200:
                    return _results(answer, count)
                problem = ModeratorAway(f"http_{answer.status}", f"It answers with status {answer.status}.")
                if answer.status not in _AGAIN:
                    raise problem
                wait = max(wait, _retry_after(answer))
            if tries == TRIES_MAX or time.monotonic() + wait >= until:
                break
            await asyncio.sleep(wait)
        raise problem


def _part(subject: Subject) -> dict[str, Any]:
    data = base64.b64encode(subject.image).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{subject.media_type};base64,{data}"}}


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() else 0.0


def _results(answer: Answer, count: int) -> list[Mapping[str, Any]]:
    """Return the results of an answer, or say that it is none: as many as there were subjects, each with categories."""
    try:
        results = msgspec.json.decode(answer.body)["results"]
        fine = len(results) == count and all(isinstance(item["categories"], dict) for item in results)
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        fine = False
    if not fine:
        raise ModeratorAway("not_understood", "The answer is no list of results, one for each subject.")
    return list(results)


def _read(result: Mapping[str, Any], subject: Subject, policy: InForce) -> list[Objection]:
    """Return what follows from a result. Where there is no score, a flag counts as certainty."""
    scores = result.get("category_scores")
    objections = []
    for theirs, flagged in islice(result["categories"].items(), _CATEGORIES_MAX):
        score = scores.get(theirs) if isinstance(scores, dict) else None
        if isinstance(score, bool) or not isinstance(score, int | float):
            score = 1.0 if flagged is True else 0.0
        category, answer = policy.outside.read(theirs[:80], float(score))
        if answer != "allow":
            objections.append(
                Objection(
                    category, answer, subject.where, theirs[:80], "outside", score=round(float(score), 4)
                )
            )
    return objections

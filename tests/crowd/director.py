"""Plays a crowd's plan over HTTP: follows each job's events, and does to it what the plan says, as two reviewers."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from crowd_plan import Answer, Decision, Plan, Task
from event_stream import LAST, Event
from own_work import png

Fields = dict[str, Any]


@dataclass
class Told:
    """What happened to one job, as its people saw it."""

    job_id: str
    events: list[Event] = field(default_factory=list)
    losers: int = 0
    """Decisions that came too late; each was told who won."""


@dataclass
class Project:
    """A project and two reviewers with keys of their own."""

    id: str
    reviewers: tuple[httpx.AsyncClient, httpx.AsyncClient]


class Director:
    """Plays the part of everybody who has to do with one job."""

    def __init__(self, plan: Plan, task: Task, project: Project) -> None:
        self._plan, self._task, self._project = plan, task, project
        self._ada, self._bob = project.reviewers
        self._rejections = 0
        self._given_up = False
        """What its events tell from now on is past: nobody acts on it."""
        self.told = Told("")

    async def play(self) -> Told:
        """Submit the job and see it to its end."""
        task = self._task
        body = {
            "project_id": self._project.id,
            "asset_type": task.asset_type,
            "prompt": f"a thing, number {task.number}",
            "seed": task.number,
            "skip": list(task.skip),
            "variants": task.variants,
            "priority": task.priority,
            "library_path": task.library_path,
        }
        if task.provides:
            del body["variants"]
            body["provide"] = {"text_to_image": [await self._upload(0)]}
        made = await self._ada.post("/jobs", json=body, headers={"idempotency-key": f"crowd {task.number}"})
        assert made.status_code == 201, made.text
        self.told.job_id = made.json()["id"]
        if self._plan.cancel_after_submit(task):
            assert (await self._post("cancel")).is_success
            self._given_up = True
        async for event in self._events():
            if not self._given_up:
                await self._react(event)
        return self.told

    async def _events(self) -> AsyncIterator[Event]:
        """Follow the job to its last event."""
        address = f"/jobs/{self.told.job_id}/events"
        async with self._bob.stream("GET", address, timeout=httpx.Timeout(30.0, read=120.0)) as answer:
            assert answer.status_code == httpx.codes.OK
            async for line in answer.aiter_lines():
                if not line.startswith("data:"):
                    continue
                event = json.loads(line.removeprefix("data:"))
                if "type" not in event:  # progress
                    continue
                self.told.events.append(event)
                yield event
        assert self.told.events[-1]["type"] in LAST

    async def _react(self, event: Event) -> None:
        data = event["data"]
        steps = {step["name"]: step for step in data.get("steps", ())}
        if event["type"] == "StepStarted":
            step = steps[data["step_name"]]
            seconds = self._plan.pause_at(self._task, step["name"], step["revision"])
            if seconds is not None:
                await self._pause(seconds)
        elif event["type"] == "StepCompleted" and steps[data["step_name"]]["status"] == "paused":
            step = steps[data["step_name"]]
            decision = self._plan.decision(self._task, step["name"], step["revision"], self._rejections)
            await self._decide(step["name"], step["revision"], decision)

    async def _pause(self, seconds: float) -> None:
        """Hold the job for a while. One that has ended meanwhile, or was canceled, says so."""
        held = await self._post("pause")
        if held.status_code == httpx.codes.CONFLICT:
            return
        assert held.is_success, held.text
        await asyncio.sleep(seconds)
        gone_on = await self._post("resume")
        ended = gone_on.status_code == httpx.codes.CONFLICT and gone_on.json()["job_status"] == "succeeded"
        assert gone_on.is_success or ended, gone_on.text  # the last step's attempt was finished while held

    async def _post(self, action: str) -> httpx.Response:
        return await self._ada.post(f"/jobs/{self.told.job_id}/{action}")

    async def _review(self, who: httpx.AsyncClient, body: Fields) -> httpx.Response:
        return await who.post(f"/jobs/{self.told.job_id}/review", json=body)

    async def _decide(self, step: str, revision: int, decision: Decision) -> None:
        at = {"step": step, "revision": revision}
        approve = {**at, "decision": "approved", "selection": await self._selection(step, decision)}
        reject = {**at, "decision": "rejected", "notes": "again", "rewind_to": decision.rewind_to}
        if decision.change_params:
            reject["changes"] = {"seed": self._plan.seed_named(self._task, revision)}
        match decision.answer:
            case Answer.APPROVE:
                await self._sure(self._bob, approve)
            case Answer.FIX:
                first = (await self._made(step))[0]["id"]
                fixed = {first: await self._upload(revision + 1)}
                await self._sure(
                    self._bob, {**at, "decision": "approved", "selection": [first], "replacements": fixed}
                )
            case Answer.REJECT:
                await self._sure(self._ada, reject)
                self._rejections += 1
            case Answer.HOLD:
                await self._sure(self._ada, {**at, "decision": "paused"})
                await self._sure(self._bob, approve)
            case Answer.SAME:
                await self._race({**approve, "notes": "Ada's"}, {**approve, "notes": "Bob's"})
            case Answer.CONTRARY:
                won = await self._race(approve, reject)
                self._rejections += won == "rejected"
            case Answer.CANCEL:
                self._given_up = True
                assert (await self._post("cancel")).is_success
            case Answer.CANCEL_AND_APPROVE:
                self._given_up = True
                approved, canceled = await asyncio.gather(
                    self._review(self._bob, approve), self._post("cancel")
                )
                assert canceled.is_success, canceled.text
                assert approved.status_code in {200, 409}, approved.text

    async def _sure(self, who: httpx.AsyncClient, body: Fields) -> None:
        answer = await self._review(who, body)
        assert answer.is_success, answer.text

    async def _race(self, ada: Fields, bob: Fields) -> str:
        """Decide as two at once; return the verdict that won. Who lost is told by whom and how it was decided."""
        answers = await asyncio.gather(self._review(self._ada, ada), self._review(self._bob, bob))
        assert sorted(answer.status_code for answer in answers) == [200, 409], [a.text for a in answers]
        loser = next(answer for answer in answers if answer.status_code == httpx.codes.CONFLICT)
        problem = loser.json()
        assert problem["code"] == "stale_review", problem
        winner = ada if answers[0].is_success else bob
        assert problem["decision"]["decision"] == winner["decision"]
        assert problem["decision"]["notes"] == winner.get("notes", "")
        self.told.losers += 1
        return str(winner["decision"])

    async def _selection(self, step: str, decision: Decision) -> list[str]:
        """Choose one of the step's artifacts, or leave it to the server."""
        made = await self._made(step)
        place = decision.selected(len(made))
        return [] if place is None else [made[place]["id"]]

    async def _made(self, step: str) -> list[Fields]:
        job = (await self._ada.get(f"/jobs/{self.told.job_id}")).json()
        return list(next(item["artifacts"] for item in job["steps"] if item["name"] == step))

    async def _upload(self, shade: int) -> str:
        """Bring a picture; return the upload's id."""
        data = png(shade)
        announced = {
            "project_id": self._project.id,
            "name": "own.png",
            "media_type": "image/png",
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        grant = (await self._ada.post("/uploads", json=announced)).json()
        sent = await self._ada.put(grant["url"], headers=grant["headers"], content=data)
        assert sent.is_success, sent.text
        return str(grant["id"])

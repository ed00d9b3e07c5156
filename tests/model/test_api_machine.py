"""Whatever people and workers ask over HTTP, in whatever order: each answer is what a few lines of model say it must be."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from live_api import Live, open_live

STEPS = ("text_to_image", "refine", "export")
GATES = frozenset({0, 1})
PEOPLE = st.sampled_from(["approve", "reject", "hold", "pause", "resume", "cancel"])


@dataclass
class Expected:
    """A job as its model has it: where it is, whether its gate is open, whether it is held."""

    position: int = 0
    gate: bool = False
    held: bool = False
    started: bool = False
    ended: str = ""
    revisions: list[int] = field(default_factory=lambda: [0, 0, 0])

    @property
    def status(self) -> str:
        """What the API must show."""
        if self.ended or self.held:
            return self.ended or "paused"
        return "awaiting_review" if self.gate else "running" if self.started else "queued"

    @property
    def waits_for_work(self) -> bool:
        return not (self.ended or self.held or self.gate)

    def finish(self) -> None:
        """A worker does the current step."""
        self.started = True
        if self.position in GATES:
            self.gate = True
        elif self.position == len(STEPS) - 1:
            self.ended = "succeeded"
        else:
            self.position += 1

    def ask(self, action: str, rewind_to: int) -> int:
        """A person asks for something; return the status of the answer."""
        if action in {"approve", "reject", "hold"}:
            return self._decide(action, rewind_to)
        if self.ended or {"pause": self.held, "resume": not self.held, "cancel": False}[action]:
            return 409
        self.held = action == "pause"
        self.ended = "canceled" if action == "cancel" else ""
        return 200

    def _decide(self, action: str, rewind_to: int) -> int:
        if self.ended or not self.gate:
            return 409
        if action == "hold":
            code, self.held = (409 if self.held else 200), True
            return code
        self.gate = self.held = False
        if action == "approve":
            self.position += 1
            return 200
        for place in range(rewind_to, self.position + 1):
            self.revisions[place] += 1
        self.position = rewind_to
        return 200


class Machine(RuleBasedStateMachine):
    """Up to four jobs at a time; every rule is one request, or a worker's whole attempt."""

    live: Live
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Expected] = {}

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    @initialize()
    def nobody_else_is_in_line(self) -> None:
        """Jobs of the example before do not get this one's work."""
        listed = self.run(self.live.user.get("/jobs", params={"limit": 100})).json()["items"]
        for job in listed:
            if job["status"] not in {"succeeded", "failed", "canceled"}:
                self.run(self.live.user.post(f"/jobs/{job['id']}/cancel"))

    @precondition(lambda self: len(self.jobs) < 4)
    @rule()
    def submit(self) -> None:
        """Somebody wants something made."""
        self.jobs[self.run(self.live.brief())["id"]] = Expected()

    @rule()
    def work(self) -> None:
        """A worker asks for a task; there is one exactly if a job waits for it, and it is of such a job."""
        waiting = [job for job, expected in self.jobs.items() if expected.waits_for_work]
        if not waiting:
            answer = self.run(self.live.worker.post("/worker/claims", json=self.live.claim()))
            assert answer.json()["tasks"] == []
            return
        task = self.run(self.live.work(str(len(self.jobs)).encode()))
        expected = self.jobs[task["job_id"]]
        assert expected.waits_for_work
        assert task["step"] == STEPS[expected.position]
        expected.finish()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), action=PEOPLE, back=st.integers(0, 1))
    def ask(self, data: st.DataObject, action: str, back: int) -> None:
        """A person decides, pauses, resumes or cancels: 200 or 409, as the model says."""
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        expected = self.jobs[job]
        at, rewind_to = expected.position, max(expected.position - back, 0)
        if action in {"pause", "resume", "cancel"}:
            answer = self.run(self.live.user.post(f"/jobs/{job}/{action}"))
        else:
            verdict = {"approve": "approved", "reject": "rejected", "hold": "paused"}[action]
            body = {"step": STEPS[at], "revision": expected.revisions[at], "decision": verdict}
            if action == "reject":
                body["rewind_to"] = STEPS[rewind_to]
            answer = self.run(self.live.user.post(f"/jobs/{job}/review", json=body))
        assert answer.status_code == expected.ask(action, rewind_to), answer.text

    @invariant()
    def every_job_is_as_expected(self) -> None:
        """Status, current step and revisions are what the model has."""
        for job, expected in self.jobs.items():
            shown = self.run(self.live.user.get(f"/jobs/{job}")).json()
            assert shown["status"] == expected.status
            assert [step["revision"] for step in shown["steps"]] == expected.revisions
            if not expected.ended:
                assert shown["current_step"] == STEPS[expected.position]


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Iterator[None]:
    """One API for all examples, on a loop of its own."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            Machine.runner = runner
            Machine.live = runner.run(
                stack.enter_async_context(open_live(database_url, tmp_path, open_jobs_max=1000))
            )
            gates = {"gates": ["text_to_image", "refine"]}
            runner.run(Machine.live.user.put(f"/projects/{Machine.live.project_id}/gates", json=gates))
            yield
        finally:
            runner.run(stack.aclose())


@pytest.mark.usefixtures("served")
def test_every_answer_is_what_the_model_says() -> None:
    """Random walks over submit, work, approve, reject, hold, pause, resume and cancel, shrunk when one goes wrong."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

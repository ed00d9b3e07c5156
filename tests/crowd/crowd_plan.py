"""What a crowd does to its jobs, drawn from a seed alone, and where that must lead. Pure: knows no installation.

A plan answers the same question always the same way: what is done when a step's revision starts, what is decided at
its gate. So the end of every job follows from the seed, but for one thing: who wins when two reviewers say contrary
things at once. ``predict`` is told those winners.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

STEPS = {
    "2D": ("text_to_image", "refine", "export"),
    "3D": ("text_to_image", "refine", "image_to_3d", "retopo", "rig", "anim", "export"),
}
SKIPS = {"2D": ((), ("refine",)), "3D": ((), ("refine",), ("rig", "anim"), ("anim",))}
#: Gates of the projects that the jobs are shared out to.
GATES: tuple[tuple[str, ...], ...] = (
    ("text_to_image", "before_export"),
    ("text_to_image", "refine", "image_to_3d", "retopo", "rig", "anim"),
    (),
)
REJECTIONS_MAX = 2


class Answer(StrEnum):
    """What happens at an open gate."""

    APPROVE = "approve"
    HOLD = "hold, then approve"
    REJECT = "reject"
    SAME = "two approve at once"
    CONTRARY = "one approves and one rejects at once"
    CANCEL = "cancel"
    CANCEL_AND_APPROVE = "one approves and one cancels at once"


@dataclass(frozen=True)
class Task:
    """One job of the crowd."""

    number: int
    asset_type: str
    skip: tuple[str, ...]
    project: int
    variants: int
    priority: str
    library_path: str

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step for step in STEPS[self.asset_type] if step not in self.skip)

    @property
    def gates(self) -> frozenset[str]:
        """Steps after which a person decides."""
        names = GATES[self.project]
        last = {self.steps[-2]} if "before_export" in names else set()
        return frozenset((set(names) & set(self.steps)) | last)


@dataclass(frozen=True)
class Decision:
    """What is done at one gate; ``rewind_to`` only for those that reject."""

    answer: Answer
    rewind_to: str
    change_params: bool
    pick: float
    """Which of the step's artifacts an approval selects, as a part of their number."""


@dataclass
class End:
    """Where a job must have come to."""

    status: str = ""
    revisions: dict[str, int] = field(default_factory=dict)
    verdicts: list[tuple[str, int, str]] = field(default_factory=list)
    """(step, revision, approved or rejected), in order."""


@dataclass(frozen=True)
class Plan:
    """The whole crowd."""

    seed: str
    count: int

    def _random(self, *place: object) -> random.Random:
        return random.Random("/".join(map(str, (self.seed, *place))))

    def task(self, number: int) -> Task:
        """Return the brief of one job."""
        rng = self._random(number)
        asset_type = rng.choice(("2D", "3D"))
        return Task(
            number=number,
            asset_type=asset_type,
            skip=rng.choice(SKIPS[asset_type]),
            project=rng.randrange(len(GATES)),
            variants=rng.randint(1, 4),
            priority=rng.choice(("low", "normal", "high")),
            library_path=f"crowd/{rng.randrange(self.count // 4)}",
        )

    def pause_at(self, task: Task, step: str, revision: int) -> float | None:
        """Return for how many seconds the job is held when this revision starts, or None."""
        rng = self._random(task.number, step, revision, "start")
        return rng.uniform(0, 0.2) if rng.random() < 0.1 else None

    def cancel_after_submit(self, task: Task) -> bool:
        """Say whether the job is given up as soon as it was submitted."""
        return self._random(task.number, "submit").random() < 0.04

    def decision(self, task: Task, step: str, revision: int, rejections: int) -> Decision:
        """Return what is done at a gate; who has been rejected often enough is not rejected again."""
        rng = self._random(task.number, step, revision, "gate")
        [answer] = rng.choices(list(Answer), weights=(46, 8, 20, 10, 8, 5, 3))
        if rejections >= REJECTIONS_MAX and answer in {Answer.REJECT, Answer.CONTRARY}:
            answer = Answer.APPROVE
        later = task.steps[task.steps.index(step) + 1 :]
        if answer is Answer.CANCEL_AND_APPROVE and task.gates.isdisjoint(later):
            answer = Answer.APPROVE  # an approval of the last gate may end the job before the cancel is heard
        before = task.steps[: task.steps.index(step) + 1]
        return Decision(answer, rng.choice(before), rng.random() < 0.5, rng.random())

    def predict(self, task: Task, winner: Callable[[str, int], str]) -> End:
        """Walk through the plan; ``winner`` names the verdict that won a contrary gate."""
        end = End("", dict.fromkeys(task.steps, 0))
        if self.cancel_after_submit(task):
            return End("canceled", end.revisions)
        at = rejections = 0
        while at < len(task.steps):
            step = task.steps[at]
            if step not in task.gates:
                at += 1
                continue
            revision = end.revisions[step]
            decision = self.decision(task, step, revision, rejections)
            if decision.answer is Answer.CANCEL:
                end.status = "canceled"
                return end
            if decision.answer is Answer.CANCEL_AND_APPROVE:
                end.status = "canceled"  # approved first or not: the cancel is heard before the job can end
                end.verdicts += [(step, revision, "approved")] if winner(step, revision) == "approved" else []
                return end
            verdict = {Answer.REJECT: "rejected", Answer.CONTRARY: winner(step, revision)}.get(
                decision.answer, "approved"
            )
            end.verdicts.append((step, revision, verdict))
            if verdict == "approved":
                at += 1
                continue
            rejections += 1
            first = task.steps.index(decision.rewind_to)
            for redone in task.steps[first : at + 1]:
                end.revisions[redone] += 1
            at = first
        end.status = "succeeded"
        return end

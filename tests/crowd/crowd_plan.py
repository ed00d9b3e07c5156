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
    FIX = "approve with a picture that was fixed by hand"
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
    provides: bool
    """The concept is brought along: its step is done at once, has no gate and is never redone."""

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step for step in STEPS[self.asset_type] if step not in self.skip)

    @property
    def gates(self) -> frozenset[str]:
        """Steps after which a person decides."""
        names = GATES[self.project]
        last = {self.steps[-2]} if "before_export" in names else set()
        return frozenset(((set(names) & set(self.steps)) | last) - self.provided)

    @property
    def provided(self) -> frozenset[str]:
        """Steps that are done before the job begins."""
        return frozenset({"text_to_image"} if self.provides else ())


@dataclass(frozen=True)
class Decision:
    """What is done at one gate; ``rewind_to`` only for those that reject."""

    answer: Answer
    rewind_to: str
    change_params: bool
    pick: float
    """Which of the step's artifacts an approval selects, as a part of their number."""

    def selected(self, count: int) -> int | None:
        """Return the artifact that is selected of ``count``, or None to leave it to the server."""
        place = int(self.pick * (count + 1))
        return place if place < count else None

    def place(self, count: int) -> int:
        """Return the artifact that goes on: without a selection the first."""
        return self.selected(count) or 0


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
            provides=rng.random() < 0.1,
        )

    def pause_at(self, task: Task, step: str, revision: int) -> float | None:
        """Return for how many seconds the job is held when this revision starts, or None."""
        rng = self._random(task.number, step, revision, "start")
        return rng.uniform(0, 0.2) if rng.random() < 0.1 else None

    def cancel_after_submit(self, task: Task) -> bool:
        """Say whether the job is given up as soon as it was submitted; without a gate it might have ended by then."""
        return bool(task.gates) and self._random(task.number, "submit").random() < 0.04

    def decision(self, task: Task, step: str, revision: int, rejections: int) -> Decision:
        """Return what is done at a gate; who has been rejected often enough is not rejected again."""
        rng = self._random(task.number, step, revision, "gate")
        [answer] = rng.choices(list(Answer), weights=(40, 8, 20, 8, 8, 8, 5, 3))
        if rejections >= REJECTIONS_MAX and answer in {Answer.REJECT, Answer.CONTRARY}:
            answer = Answer.APPROVE
        later = task.steps[task.steps.index(step) + 1 :]
        if answer is Answer.CANCEL_AND_APPROVE and task.gates.isdisjoint(later):
            answer = Answer.APPROVE  # an approval of the last gate may end the job before the cancel is heard
        if answer is Answer.FIX and step not in {"text_to_image", "refine"}:
            answer = Answer.APPROVE
        before = [name for name in task.steps[: task.steps.index(step) + 1] if name not in task.provided]
        return Decision(answer, rng.choice(before), rng.random() < 0.5, rng.random())

    def seed_named(self, task: Task, revision: int) -> int:
        """Return the seed that a rejection with changes names: the same for equal revisions of different steps."""
        return 1000 * (revision + 1) + task.number

    def predict(self, task: Task, winner: Callable[[str, int], str]) -> End:
        """Walk through the plan; ``winner`` names the verdict that won a contrary gate."""
        if self.cancel_after_submit(task):
            return End("canceled", dict.fromkeys(task.steps, 0))
        return _Walk(self, task, winner).end()


#: What a step reads, of the steps that run; each step of the light workers follows from that and its seed alone.
_READS: dict[str, tuple[tuple[str, ...], ...]] = {
    "text_to_image": (),
    "refine": (("text_to_image",),),
    "image_to_3d": (("refine", "text_to_image"),),
    "retopo": (("image_to_3d",),),
    "rig": (("retopo",),),
    "anim": (("rig",),),
}
Key = tuple[object, ...]


class _Walk:
    """The way of one job through its gates, step by step."""

    def __init__(self, plan: Plan, task: Task, winner: Callable[[str, int], str]) -> None:
        self._plan, self._task, self._winner = plan, task, winner
        self._seeds: dict[str, object] = dict.fromkeys(task.steps, task.number)
        self._drawn = 0
        self._made: dict[str, tuple[Key, int]] = dict.fromkeys(task.provided, (("brought",), 0))
        """By step, what its current revision made and which of it was selected."""
        self._kept: dict[tuple[str, Key], tuple[Key, int]] = {}
        """The same of revisions that nobody rejected: equal work is not done again."""
        self._rejections = 0
        self._end = End("", dict.fromkeys(task.steps, 0))

    def end(self) -> End:
        at = 0
        while at < len(self._task.steps) and not self._end.status:
            step = self._task.steps[at]
            if step in self._task.provided:
                at += 1
                continue
            key = self._key(step)
            if self._end.revisions[step] and (step, key) in self._kept:
                self._made[step] = self._kept[step, key]
                at += 1
                continue
            if step in self._task.gates:
                at = self._at_gate(at, key)
                continue
            self._made[step] = self._kept[step, key] = (key, 0)
            at += 1
        self._end.status = self._end.status or "succeeded"
        return self._end

    def _key(self, step: str) -> Key:
        read = [
            next(self._made[name] for name in names if name in self._task.steps)
            for names in _READS.get(step, ())
        ]
        return (self._seeds[step], *read)

    def _at_gate(self, at: int, key: Key) -> int:
        """Do what is planned at the gate of a step; return the place of the step that comes next."""
        step = self._task.steps[at]
        revision = self._end.revisions[step]
        decision = self._plan.decision(self._task, step, revision, self._rejections)
        verdict = "approved"
        match decision.answer:
            case Answer.CANCEL | Answer.CANCEL_AND_APPROVE:
                # Approved first or not: the cancel is heard before the job can end.
                self._end.status = "canceled"
                verdict = self._winner(step, revision) if decision.answer is not Answer.CANCEL else "canceled"
            case Answer.REJECT:
                verdict = "rejected"
            case Answer.CONTRARY:
                verdict = self._winner(step, revision)
        if verdict != "canceled":
            self._end.verdicts.append((step, revision, verdict))
        if verdict != "rejected":
            count = self._task.variants if step == "text_to_image" else 1
            made: tuple[Key, int] = (key, decision.place(count))
            if decision.answer is Answer.FIX:
                made = (("fixed", step, revision), 0)
            self._kept[step, key] = self._made[step] = made
            return at + 1
        self._rejections += 1
        return self._rewind(at, decision)

    def _rewind(self, at: int, decision: Decision) -> int:
        steps = self._task.steps
        first = steps.index(decision.rewind_to)
        if decision.change_params:
            named = self._plan.seed_named(self._task, self._end.revisions[steps[at]])
            self._seeds |= dict.fromkeys(steps[first:], named)
        else:
            self._drawn += 1
            self._seeds |= dict.fromkeys((steps[first], steps[at]), ("drawn", self._drawn))
        for redone in steps[first : at + 1]:
            self._end.revisions[redone] += 1
        return first

"""Random walks through a job's life, and the reader that rebuilds it from its events alone."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from maquette.domain import commands as c
from maquette.domain.errors import MaquetteError
from maquette.domain.events import Event
from maquette.domain.job import Hold, Job, JobStatus, Lease, StepRecord, StepStatus
from maquette.domain.lifecycle import decide
from maquette.domain.pipeline import (
    PIPELINES,
    STEP_NAMES,
    check_provided,
    check_skip,
    gate_positions,
    unneeded,
)
from maquette.domain.review import Escalation, GatePolicy, Then, Verdict
from maquette.domain.ruling import Ruling, Stage
from maquette.domain.typeid import decode

START = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = uuid.UUID(int=0)
ERROR_CLASSES = ("transient", "rate_limited", "timeout", "resource", "invalid", "policy", "lost_worker")


def new_job(
    asset_type: str = "3D",
    skip: tuple[str, ...] = (),
    gates: tuple[str, ...] = (),
    *,
    provide: tuple[str, ...] = (),
    policy: GatePolicy | None = None,
) -> Job:
    """Return a job as admission makes it."""
    pipeline = PIPELINES[asset_type]
    skipped = check_skip(pipeline, skip)
    provided = check_provided(pipeline, [name for name in provide if name not in skip], skipped)
    skipped |= unneeded(pipeline, skipped, provided)
    at = gate_positions(pipeline, gates, skipped | provided)
    first = next(place for place in range(len(pipeline.steps)) if place not in skipped | provided)
    return Job(
        id=uuid.uuid4(),
        project_id=uuid.uuid4(),
        asset_type=asset_type,
        pipeline_version=1,
        correlation_id="walk",
        skipped=skipped,
        gates=at,
        status=JobStatus.QUEUED,
        position=first,
        step_status=StepStatus.PENDING,
        revisions=(0,) * len(pipeline.steps),
        created_at=START,
        provided=provided,
        gate_policies={} if policy is None else dict.fromkeys(sorted(at), policy),
        reuse="allow",
    )


def record(job: Job, position: int, status: StepStatus, **more: Any) -> StepRecord:
    """Return a record as the store has it."""
    fields = {
        "job_id": job.id,
        "position": position,
        "revision": 0,
        "step": job.pipeline.steps[position].name,
        "status": status,
        "attempt": 1,
        "fence": None,
        "service": "studio",
        "worker": "walker",
        "started_at": START,
        "finished_at": START,
        "idempotency_key": "key",
        "outputs": {},
        "metrics": {},
    }
    return StepRecord(**{**fields, **more})


def lease(fence: int, at: datetime) -> Lease:
    """Return a lease as a claim makes it."""
    return Lease(fence, NOBODY, NOBODY, "walker", "studio", at, at + timedelta(minutes=10))


def ruling(verdict: str, stage: Stage = Stage.OUTPUT) -> Ruling:
    """Return what a moderator said."""
    return Ruling(
        NOBODY, NOBODY, stage, verdict, ("gore",), {"floor": 1}, ({"name": "rules"},), (), "usr", b""
    )


@dataclass
class Reader:
    """A reducer over events: knows nothing of the domain but their data."""

    provided: set[str] = field(default_factory=set)

    status: str = ""
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequence: int = 0

    def take(self, data: dict[str, Any], sequence: int) -> None:
        assert sequence == self.sequence + 1, "a gap in the sequence"
        self.sequence = sequence
        self.status = data.get("job_status", self.status)
        if data.get("provided"):
            self.provided.add(data["step_name"])
        for step in data.get("steps", ()):
            self.steps.setdefault(step["name"], {}).update(step)


_WORDS: dict[str, c.Command] = {
    "resume": c.Resume("usr"),
    "cancel": c.Cancel("usr"),
    "equal_in_flight": c.EqualInFlight(NOBODY),
    "equal_ended": c.EqualEnded(),
}


@dataclass
class Walk:
    """A job, what happened to it, and when it is."""

    job: Job
    now: datetime = START
    events: list[Event] = field(default_factory=list)
    refusals: list[MaquetteError] = field(default_factory=list)
    fences: int = 0

    def take(self, command: c.Command) -> bool:
        try:
            decision = decide(self.job, command, self.now)
        except MaquetteError as error:
            self.refusals.append(error)
            return False
        self.job = decision.job
        self.events += decision.events
        return True

    def fence(self) -> int:
        return self.job.lease.fence if self.job.lease else self.fences

    def do(self, action: tuple[str, Any]) -> bool:
        name, choice = action
        self.now += timedelta(seconds=1)
        match name:
            case "start":
                self.fences += 1
                return self.take(c.Start(lease(self.fences, self.now)))
            case "complete":
                return self.take(c.Complete(self.fence() - choice, (), {}, {}, "m", "1"))
            case "judged" | "safety_decided" | "redrive" | "discard":
                return (self._letter if name in {"redrive", "discard"} else self._rule)(name, choice)
            case "fail":
                return self.take(c.Fail(self.fence(), choice, "code", "message", 0.5))
            case "expire":
                return self.take(c.Expire(self.fence(), choice, 0.5))
            case "retry_due":
                self.now += timedelta(seconds=choice)
                return self.take(c.RetryDue())
            case "reuse_resolved":
                own, status = choice
                job = self.job if own else new_job()
                made = record(job, self.job.position, status, step=self.job.spec.name)
                return self.take(c.ReuseResolved(made, ()))
            case "gate_timeout":
                self.now += timedelta(seconds=choice)
                return self.take(c.GateTimeout(self.job.spec.name, self.job.revision))
            case "pause":
                return self.take(c.Pause("usr", choice))
            case "review":
                verdict, rewind_to, *objected = choice
                at = (self.job.spec.name, self.job.revision)
                said = ruling("hold", Stage.PROMPT) if any(objected) and self.job.next_position() else None
                return self.take(c.Review(*at, verdict, "usr", rewind_to=rewind_to, ruling=said))
            case "acknowledge":
                return self.take(c.Acknowledge(self.fence()))
            case _:
                return self.take(_WORDS[name])

    def _letter(self, name: str, own: bool) -> bool:
        """Take the job's own dead letter, or an older one."""
        said = (self.job.error or {}).get("dead_letter_id")
        letter = decode("dlq", said) if said and own else NOBODY
        return self.take(c.Redrive(letter, "usr") if name == "redrive" else c.Discard(letter, "usr"))

    def _rule(self, name: str, choice: Any) -> bool:
        if name == "judged":
            said = None if choice == "unjudged" else ruling(choice)
            command = c.Complete(self.fence(), (), {}, {}, "m", "1", ruling=said, unjudged=said is None)
            return self.take(command)
        hold, allowed = choice
        at = (self.job.position, self.job.revision)
        return self.take(c.SafetyDecided(hold, *at, allowed, NOBODY, ("gore",), "usr"))


def begin(
    asset_type: str, skip: tuple[str, ...], gates: tuple[str, ...], *, objected: bool = False, **more: Any
) -> Walk:
    """Return the walk of a job that was just created, held when a moderator objected."""
    job = new_job(asset_type, skip, gates, **more)
    records = tuple(record(job, place, StepStatus.DONE, service="") for place in sorted(job.provided))
    said = ruling("hold", Stage.PROMPT) if objected else None
    decision = decide(None, c.Create(job, records, ruling=said), START)
    return Walk(decision.job, events=list(decision.events))


_REVIEWS = st.tuples(
    st.sampled_from(Verdict), st.none() | st.sampled_from(STEP_NAMES), st.sampled_from((False, False, True))
)
_RULED = st.tuples(st.sampled_from((Hold.PROMPT, Hold.RESULT)), st.sampled_from((True, True, False)))
ACTIONS = st.one_of(
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("complete"), st.sampled_from((0, 0, 0, 1))),
    st.tuples(st.just("complete"), st.just(0)),
    st.tuples(st.just("fail"), st.sampled_from(ERROR_CLASSES)),
    st.tuples(st.just("expire"), st.sampled_from(("lost_worker", "timeout"))),
    st.tuples(st.just("acknowledge"), st.none()),
    st.tuples(st.just("retry_due"), st.sampled_from((0, 400))),
    st.tuples(st.just("review"), _REVIEWS),
    st.tuples(st.just("review"), st.just((Verdict.APPROVED, None))),
    st.tuples(st.just("judged"), st.sampled_from(("unjudged", "hold", "hold", "block"))),
    st.tuples(st.just("safety_decided"), _RULED),
    st.tuples(st.just("safety_decided"), _RULED),
    st.tuples(
        st.just("reuse_resolved"),
        st.tuples(st.booleans(), st.sampled_from((StepStatus.DONE, StepStatus.APPROVED))),
    ),
    st.tuples(st.sampled_from(("equal_in_flight", "equal_ended")), st.none()),
    st.tuples(st.just("gate_timeout"), st.sampled_from((0, 60, 100, 400))),
    st.tuples(st.just("redrive"), st.sampled_from((True, True, False))),
    st.tuples(st.just("discard"), st.sampled_from((True, False))),
    st.tuples(st.just("pause"), st.none() | st.sampled_from(STEP_NAMES)),
    st.tuples(st.sampled_from(("resume", "resume")), st.none()),
    st.tuples(st.sampled_from(("cancel", "resume", "start", "start")), st.none()),
)
WALKS = st.tuples(
    st.sampled_from(("2D", "3D")),
    st.sampled_from(((), ("refine",))),
    st.sampled_from(((), ("text_to_image", "before_export"), ("export",), STEP_NAMES)),
    st.sampled_from(((), (), ("text_to_image",), ("refine",))),
    st.none()
    | st.builds(
        GatePolicy,
        st.just(100),
        st.sampled_from(Then),
        st.none() | st.just(60),
        st.sampled_from(((), (Escalation(30, "owner"), Escalation(70, None, ("usr_ada",))))),
    ),
    st.sampled_from((False, False, True)),
    st.lists(ACTIONS, max_size=60),
)

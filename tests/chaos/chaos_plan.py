"""What goes wrong and when, and what people do meanwhile: drawn from a seed alone."""

import random
from dataclasses import dataclass

SECONDS = 6.0
"""For how long things go wrong."""
FAULTS = 16
LEASE_SECONDS = 3.0
APIS, LOOPS, WORKERS = ("api 1", "api 2"), ("maintenance 1", "maintenance 2"), ("worker 1", "worker 2")
#: Steps that a service does which comes and goes; `studio` does them while it is away.
FICKLE = ("text_to_image", "refine")
#: How many tasks of the project whose steps go to that service may run at once.
RUNNING_MAX = 4
#: When nobody has decided at the second gate, it opens by itself.
GATE_SECONDS = 2
#: What the project with the gates may spend (USD) until somebody gives it more, at that share of the storm.
BUDGET, RAISED_AT = 0.3, 0.7
#: Opens soon, is tried again soon.
BREAKER = {
    "window_seconds": 10,
    "calls_min": 4,
    "open_seconds": 1,
    "open_seconds_max": 4,
    "successes_to_close": 2,
}
#: What can go wrong, and how often in comparison.
KINDS = {
    "kill": 5,
    "freeze": 3,
    "terminate backends": 4,
    "reset the database's connections": 3,
    "silence the database": 2,
    "reset a worker's connections": 3,
    "swallow answers to a worker": 3,
    "silence a worker": 2,
    "repeat a worker's requests": 3,
    "slow storage": 2,
    "full storage": 1,
    "sick service": 3,
    "restart PostgreSQL": 1,
    "kill PostgreSQL": 1,
    "freeze PostgreSQL": 1,
}


_VICTIMS = {
    "ghost": WORKERS,
    "kill": APIS + LOOPS + WORKERS,
    "freeze": APIS + LOOPS + WORKERS,
    "reset a worker's connections": WORKERS,
    "swallow answers to a worker": WORKERS,
    "silence a worker": WORKERS,
    "repeat a worker's requests": WORKERS,
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, ``at`` seconds from the beginning, for ``seconds``."""

    at: float
    kind: str
    victim: str
    seconds: float


@dataclass(frozen=True)
class Wish:
    """One job and what its person does: by chance of ``gate`` at each gate."""

    number: int
    asset_type: str
    project: int
    at: float
    reject_at: str | None
    pauses: bool
    cancels_at: float | None
    twin: int
    """The number of the job whose brief it repeats; its own when it is like no other."""
    discards: bool
    """Whether a job that failed is given up; else it is redriven until it fares better."""
    leaves: bool
    """Whether the gate that has a clock is left to it."""


def faults(seed: str) -> list[Fault]:
    """Return what goes wrong, in order; a worker that is frozen past its lease is always among it."""
    rng = random.Random(f"{seed} faults")
    kinds = ["ghost", *rng.choices(list(KINDS), weights=list(KINDS.values()), k=FAULTS - 1)]
    return sorted((_fault(rng, kind) for kind in kinds), key=lambda fault: fault.at)


def _fault(rng: random.Random, kind: str) -> Fault:
    at, victim = rng.uniform(0, SECONDS), rng.choice(_VICTIMS.get(kind, ("PostgreSQL",)))
    if kind == "ghost":
        return Fault(rng.uniform(1, 3), "freeze", victim, rng.uniform(1.2, 1.6) * LEASE_SECONDS)
    return Fault(at, kind, victim, rng.uniform(0.2, LEASE_SECONDS if kind == "freeze" else 1.5))


def wishes(seed: str, count: int) -> list[Wish]:
    """Return the jobs."""
    rng = random.Random(f"{seed} wishes")
    return [
        Wish(
            number=number,
            asset_type=rng.choice(("2D", "2D", "3D")),
            project=rng.randrange(2),
            at=rng.uniform(0, SECONDS * 0.7),
            reject_at=rng.choice((None, None, None, "text_to_image", "refine")),
            pauses=rng.random() < 0.15,
            cancels_at=rng.uniform(0, SECONDS) if rng.random() < 0.1 else None,
            twin=rng.randrange(number + 1) if rng.random() < 0.25 else number,
            discards=rng.random() < 0.2,
            leaves=rng.random() < 0.5,
        )
        for number in range(count)
    ]

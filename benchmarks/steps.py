"""Durable steps a second: 7-step jobs, workers that do nothing in processes of their own, beside what others do."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from benchmarks import floor, others
from benchmarks.floor import Bare
from benchmarks.installation import Installation
from benchmarks.others import Entrant
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, against, limited, plain, skipped
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.server import settle
from benchmarks.way import Taken, Way, run_steps
from benchmarks.work import STEPS

TITLE = "Durable steps: 7-step jobs, no-op workers in other processes over HTTP"
_BARE_AT_LEAST = 0.6
_ROUND_SECONDS = 8.0
#: As many as cores; a worker process talks to each. One alone has 15 to 20 % less.
_APIS = 2
#: Warm-up: enough to see how many jobs make a round of eight seconds.
_WARM_UP_JOBS = 60
_PARTS = {
    "api": "the API",
    "postgres": "PostgreSQL",
    "workers": "the workers",
    "maintenance": "maintenance, the relay in it",
}


@dataclass(slots=True)
class _Ours:
    """One way to take tasks, its rounds, and those of the same statements bare."""

    way: Way
    at_least: float
    """Times the best of the others."""
    taken: list[Taken] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)


def measured(run: Run) -> list[Row]:
    """Take turns: ours in both ways, the same statements bare, and every other that can be had."""
    ours = (
        _Ours(Way("≤ 100 a claim", 2, 1, 100, run.sized(500, 20)), at_least=25),
        _Ours(Way("1 a claim, 64 workers", 2, 32, 1, run.sized(150, 20)), at_least=6),
    )
    with Installation(run.folder, profile=run.profile, apis=_APIS) as house:
        entrants, nobody = others.entrants(
            (*others.TARGETED, *others.BESIDES), run.peers, house.settings.database_url, run.folder
        )
        projects = asyncio.run(prepare_projects(house))
        turns: dict[str, Callable[[], None]] = {}
        for one in ours:
            if run.scale != "small":
                _warm_up(house, projects, one)
            turns[one.way.name] = lambda one=one: one.taken.append(_ours(house, projects, one.way))
            turns[f"{one.way.name}, bare"] = lambda one=one: one.bare.append(_bare(house, one))
        for entrant in entrants:
            jobs = entrant.warm_up(_WARM_UP_JOBS, run.sized(_ROUND_SECONDS, 0.0))
            turns[entrant.peer.name] = lambda entrant=entrant, jobs=jobs: _theirs(house, entrant, jobs)
        interleaved(run.sized(3, 1), turns)
        memory = house.api_megabytes()
    rows = _beside_others(ours, entrants, nobody)
    for one in ours:
        rows += _own(one)
    return [*rows, limited("API process, resident at the end", "MB", memory, at_most=150)]


def _warm_up(house: Installation, projects: list[str], one: _Ours) -> None:
    found = _ours(house, projects, one.way)
    one.way = replace(one.way, jobs=round(found.rate * _ROUND_SECONDS * others.COLD / len(STEPS)))


def _ours(house: Installation, projects: list[str], way: Way) -> Taken:
    asyncio.run(settle(house.settings.database_url))
    asyncio.run(submit(house, projects, way.jobs))
    return asyncio.run(run_steps(house, way))


def _theirs(house: Installation, entrant: Entrant, jobs: int) -> None:
    """Let another have the machine: our idle loops would take 2 % of two cores."""
    with house.asleep():
        entrant.round(jobs)


def _bare(house: Installation, one: _Ours) -> Bare:
    """Issue the statements in batches as large as the run's own."""
    size = max(1, round(one.taken[-1].batch)) if one.taken else min(100, one.way.jobs)
    return asyncio.run(floor.measure(house.settings.database_url, jobs_count=one.way.jobs, batch=size))


def _beside_others(ours: Sequence[_Ours], entrants: Sequence[Entrant], nobody: str) -> list[Row]:
    rates = {entrant.peer.name: entrant.rates for entrant in entrants if not entrant.problem}
    besides = {peer.name: rates.pop(peer.name) for peer in others.BESIDES if peer.name in rates}
    rows = []
    for one in ours:
        name = f"durable steps, {one.way.name}"
        mine = [taken.rate for taken in one.taken]
        if rates:
            rows.append(against(name, "steps/s", mine, rates, at_least=one.at_least))
        else:
            rows.append(plain(name, "steps/s", mine))
        bare = {"bare statements": [found.rate for found in one.bare]}
        rows.append(against(f"{name}, beside its statements", "steps/s", mine, bare, at_least=_BARE_AT_LEAST))
    if besides:
        best = max(ours, key=lambda one: statistics.median(taken.rate for taken in one.taken))
        mine = [taken.rate for taken in best.taken]
        rows.append(plain(f"durable steps, {best.way.name}, beside other queues", "steps/s", mine, besides))
    rows += [skipped(f"durable steps, {name}", "steps/s", reason) for name, reason in others.ABSENT.items()]
    rows += [
        skipped(f"durable steps, {entrant.peer.name}", "steps/s", entrant.problem)
        for entrant in entrants
        if entrant.problem
    ]
    if nobody:
        rows.append(skipped("durable steps, others", "steps/s", nobody))
    return rows


def _own(one: _Ours) -> list[Row]:
    """Say what a step of ours costs and how it was batched."""
    name, taken = one.way.name, one.taken
    rows = [
        plain(f"{name}: a round", "s", [found.seconds for found in taken]),
        plain(f"{name}: completions in a transaction", "", [found.batch for found in taken]),
        plain(f"{name}: WAL", "bytes/step", [found.wal_bytes / found.steps for found in taken]),
        plain(f"{name}: events not yet relayed at the last step", "", [found.unrelayed for found in taken]),
        plain(f"{name}: relayed in full, after the last step", "s", [found.relay_seconds for found in taken]),
    ]
    for part, words in _PARTS.items():
        micros = [getattr(found.usage, part) / found.steps * 1e6 for found in taken]
        rows.append(plain(f"{name}: CPU of {words}", "µs/step", micros))
    client = [found.cpu * 1e6 for found in one.bare]
    return [*rows, plain(f"{name}: CPU of the bare statements' client", "µs/step", client)]

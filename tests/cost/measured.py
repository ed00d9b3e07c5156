"""What a plain 3D job of seven steps costs, counted: alone, and in batches of a hundred."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.hot import functions
from counting import Act, install, watched
from opcodes import counted
from theatre import Theatre, opened

SIZES = {"alone": 1, "at_100": 100}
#: Batches of which the WAL is averaged: where a page splits follows from random ids.
_WAL_ROUNDS = {"alone": 20, "at_100": 1}
_WAL_TRIES = 5
#: Jobs of a batch whose instructions are counted: each is two calls of Python.
_TRACED = 20
Cost = dict[str, Any]
"""As `budget.toml` has it: tables of tables of numbers."""


def python() -> str:
    """Name the version that decides how many instructions the same code is."""
    return f"python {sys.version_info.major}.{sys.version_info.minor}"


def measure(folder: Path, database_url: str) -> Cost:
    """Play jobs and count."""
    cost, instructions = asyncio.run(_played(folder, database_url))
    return {**cost, "instructions": {python(): {**instructions, **hot()}}}


async def _played(folder: Path, database_url: str) -> tuple[Cost, dict[str, int]]:
    wal = {}
    async with opened(folder, database_url) as stage:
        for size, jobs in SIZES.items():
            await stage.play(jobs)  # plans are prepared, connections know their types
            wal[size] = await _wal(stage, size)
        acts = {size: await acts_of(stage, jobs) for size, jobs in SIZES.items()}
        instructions = await _traced(stage)
    cost = {
        "statements": statements_of(*acts.values()),
        "rows": rows_of(*acts.values()),
        "wal_bytes": {"each_job": list(wal.values())},
    }
    return cost, instructions


async def acts_of(stage: Theatre, jobs: int) -> dict[str, Act]:
    """Play so many jobs at once; return each act's statements, and all rows of the acts of its name.

    A step's statements must be those of every other step.
    """
    found: dict[str, list[Act]] = {}

    @contextmanager
    def watch(name: str) -> Iterator[None]:
        with watched() as act:
            yield
        found.setdefault(name, []).append(act)

    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        await stage.play(jobs, watch)
    for name, acts in found.items():
        assert all(act.statements == acts[0].statements for act in acts), f"{name} differs from step to step"
    return {name: replace(sum(acts, Act()), statements=acts[0].statements) for name, acts in found.items()}


async def _wal(stage: Theatre, size: str) -> float:
    """Return the WAL of a job, in bytes.

    It is what the lane wrote: autovacuum and the log of running transactions are others'. Full pages follow from when
    the last checkpoint was (after one, a page's first hint is written with the whole page), so a round with one is void.
    """
    jobs = _WAL_ROUNDS[size] * SIZES[size]
    for _ in range(_WAL_TRIES):
        begun, pages_before = await stage.written()
        for _ in range(_WAL_ROUNDS[size]):
            await stage.play(SIZES[size])
        ended, pages = await stage.written()
        if pages == pages_before:
            return (ended - begun) / jobs
    raise AssertionError(f"Full pages in each of {_WAL_TRIES} rounds: a checkpoint every few seconds?")


async def _traced(stage: Theatre) -> dict[str, int]:
    found: Counter[str] = Counter()

    @contextmanager
    def watch(name: str) -> Iterator[None]:
        with counted() as count:
            yield
        found[name] += count.instructions

    await stage.play(_TRACED, watch)
    return {f"{name}, a job of {_TRACED}": round(count / _TRACED) for name, count in found.items()}


def hot() -> dict[str, int]:
    """Return the instructions of the functions that each step goes through."""
    found = {}
    for name, call in functions().items():
        call()  # what it keeps for the next time, it has then
        with counted() as count:
            call()
        found[name] = count.instructions
    return found


def statements_of(alone: Mapping[str, Act], together: Mapping[str, Act]) -> Cost:
    """By act and statement: how often in an act of one job, and of a hundred."""
    found: Cost = {}
    for name in alone:
        one, hundred = alone[name].statements, together[name].statements
        found[name] = {item: [one[item], hundred[item]] for item in sorted({**one, **hundred})}
    return found


def rows_of(alone: Mapping[str, Act], together: Mapping[str, Act]) -> Cost:
    """By table: rows inserted, updated and deleted for a job alone, and for each of a hundred."""
    totals = [sum(acts.values(), Act()) for acts in (alone, together)]
    tables = sorted({table for total in totals for kind in total.rows for table in kind})
    return {
        table: [
            kind[table] / jobs
            for total, jobs in zip(totals, SIZES.values(), strict=True)
            for kind in total.rows
        ]
        for table in tables
    }

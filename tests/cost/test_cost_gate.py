"""A job costs what the budget says, and the gate says so when it does not."""

from pathlib import Path
from typing import Any

import budget
import pytest
from measured import Cost, acts_of, hot, python, rows_of, statements_of
from theatre import opened

from maquette.domain import lifecycle
from maquette.store import jobs


def _alone(cost: Cost, section: str) -> list[str]:
    """Return what the gate says of one job alone."""
    return [
        line for line in budget.compared(budget.read(), cost) if line.startswith(section) and "alone:" in line
    ]


def test_a_job_costs_what_the_budget_says(cost: Cost) -> None:
    """Statements, rows, WAL and instructions of a plain job are those that were agreed on."""
    problems = budget.compared(budget.read(), cost)
    assert not problems, "\n".join(
        [
            *problems,
            "",
            "If that is meant, `make budget` writes what is so now; say in the commit why it is worth it.",
        ]
    )


async def test_a_statement_more_fails_by_its_name(
    cost: Cost, tmp_path: Path, cost_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent once more than planned, and what never was, is named with its act; so are rows written twice."""
    update = jobs.update

    async def twice(connection: Any, changed: Any) -> None:
        await update(connection, changed)
        await jobs.peek(connection, [job.id for job in changed])
        await update(connection, changed)

    monkeypatch.setattr(jobs, "update", twice)
    async with opened(tmp_path, cost_database_url) as stage:
        await stage.play(1)
        acts = await acts_of(stage, 1)
    found = {**cost, "statements": statements_of(acts, acts), "rows": rows_of(acts, acts)}
    said = _alone(found, "statements")
    assert "statements: claim: jobs.peek, alone: not in the budget, 1 now" in said
    assert "statements: last step: jobs.update, alone: 1 in the budget, 2 now, more" in said
    assert len(said) == 6  # two in each act that changes a job which was there
    assert [line.split(",")[0] for line in budget.compared(budget.read(), found) if "rows" in line] != []


def test_a_decision_made_twice_fails_by_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that is done twice is seen in the instructions of what does it, and nowhere else."""
    decide = lifecycle.decide

    def twice(*arguments: Any) -> Any:
        decide(*arguments)
        return decide(*arguments)

    monkeypatch.setattr(lifecycle, "decide", twice)
    found = {**budget.read(), "instructions": {python(): hot()}}
    said = [line.split(":")[1].strip() for line in budget.compared(budget.read(), found)]
    assert sorted(said) == [
        "decide complete", "decide complete, last step", "decide create", "decide start", "fold complete",
    ]  # fmt: skip


def test_less_than_the_budget_fails_as_well() -> None:
    """What a job no longer costs is taken out of the budget, or the next regression would go unseen."""
    planned = budget.read()
    found = {
        **planned,
        "wal_bytes": {"each_job": [number * 0.9 for number in planned["wal_bytes"]["each_job"]]},
    }
    found["instructions"] = {python(): {}}
    assert [line.rpartition(", ")[2] for line in budget.compared(planned, found)] == [
        "less: lower the budget"
    ] * 2

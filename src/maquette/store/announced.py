"""Tasks that a queue outside was told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.store.database import Connection, statements

_SQL = statements("announced")


@dataclass(frozen=True, slots=True)
class InLine:
    """A ready task, as the line has it: another attempt stands there with another ``tag``."""

    job_id: UUID
    project_id: UUID
    step: str
    tag: int


async def take_turn(connection: Connection, queue: str) -> bool:
    """Whether this transaction alone may tell a queue of tasks; else another one is at it."""
    return bool(await connection.fetchval(_SQL["take_turn"], queue))


async def forget_past(connection: Connection, service: str, steps: Sequence[str], seconds: float) -> None:
    """Forget hints whose task has left the line, and those older than ``seconds``: they are given anew."""
    await connection.execute(_SQL["forget_taken"], service, steps)
    await connection.execute(_SQL["forget_old"], service, steps, seconds)


async def count(connection: Connection, service: str, steps: Sequence[str]) -> int:
    """Return how many hints are under way."""
    return int(await connection.fetchval(_SQL["count"], service, steps))


async def upcoming(connection: Connection, service: str, steps: Sequence[str], limit: int) -> list[InLine]:
    """Return the tasks that come next and that nobody was told of."""
    rows = await connection.fetch(_SQL["next"], service, steps, limit)
    return [InLine(row["job_id"], row["project_id"], row["step"], row["tag"]) for row in rows]


async def record(connection: Connection, service: str, told: Sequence[InLine]) -> None:
    """Remember hints."""
    await connection.execute(
        _SQL["insert"],
        service,
        [item.job_id for item in told],
        [item.project_id for item in told],
        [item.step for item in told],
        [item.tag for item in told],
    )


async def stands(connection: Connection, job_id: UUID, tag: int) -> bool:
    """Whether a task is in line just as it was told of."""
    return bool(await connection.fetchval(_SQL["stands"], job_id, tag))


async def forget(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Let tasks be told of again: whoever was told could not take them."""
    await connection.execute(_SQL["forget"], job_ids)

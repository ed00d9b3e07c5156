"""The services that do steps: who works for them, and what waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maquette.domain.pipeline import STEP_NAMES
from maquette.services.deps import Deps
from maquette.store import services
from maquette.store.services import LiveWorker

#: Ready tasks of one step are counted up to this.
WAITING_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service now. ``waiting`` holds ready tasks by step, ``steps`` what its live workers do."""

    name: str
    steps: tuple[str, ...]
    workers: tuple[LiveWorker, ...]
    running: int
    waiting: Mapping[str, int]


async def list_services(deps: Deps) -> list[ServiceView]:
    """Return every service that has live workers or tasks, by name. The counts are of all projects."""
    async with deps.database.connection() as connection:
        workers = await services.workers(connection)
        running = await services.running(connection)
        waiting = await services.waiting(connection, WAITING_MAX)
    names = {name for worker in workers for name in worker.services}
    names |= set(running) | {service for service, _ in waiting}
    return [_view(name, workers, running, waiting) for name in sorted(names)]


def _view(
    name: str,
    workers: Sequence[LiveWorker],
    running: Mapping[str, int],
    waiting: Mapping[tuple[str, str], int],
) -> ServiceView:
    own = tuple(worker for worker in workers if name in worker.services)
    done = {step for worker in own for step in worker.steps or STEP_NAMES}
    return ServiceView(
        name,
        tuple(step for step in STEP_NAMES if step in done),
        own,
        running.get(name, 0),
        {step: waiting[name, step] for step in STEP_NAMES if (name, step) in waiting},
    )

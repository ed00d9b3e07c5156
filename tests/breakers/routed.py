"""A house whose first step has a route, and services that a test lets fail."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from house import WORKER, House

from maquette import wire
from maquette.domain.breaker import Policy
from maquette.domain.principal import Principal
from maquette.domain.service import Service
from maquette.domain.typeid import decode
from maquette.maintenance.breakers import BreakerLoop
from maquette.services import context, execution, services
from maquette.services.jobs import JobView
from maquette.store import services as rows

OPERATOR = Principal("operator", "usr_operator")
#: Opens at the second failure of two, stays open for no time at all, and believes a single good attempt.
NERVOUS = Policy(calls_min=2, open_seconds=0.0, successes_to_close=1)
#: The same, but it stays open until somebody says otherwise.
STUBBORN = Policy(calls_min=2, open_seconds=3600.0, open_seconds_max=3600.0, successes_to_close=1)


@dataclass
class Routed:
    """What the tests do with it."""

    house: House
    epochs: dict[str, str] = field(default_factory=dict)

    async def route(self, *services: str) -> None:
        project = decode("prj", self.house.project)
        body = {"routes": {"text_to_image": list(services)}}
        await context.put(self.house.deps, self.house.user, project, "routes", body)

    async def policy(self, service: str, policy: Policy) -> None:
        async with self.house.deps.database.transaction() as connection:
            await rows.put(connection, Service(service, policy=policy))
        await self.learn()

    async def change(self, service: str, **wish: Any) -> None:
        await services.change_service(self.house.deps, OPERATOR, service, wish)
        await self.learn()

    async def learn(self) -> None:
        """Let this process know what the others may know half a second later."""
        await self.house.deps.transactor.board.exchange(self.house.deps.database)

    async def worker(self, service: str, *steps: str) -> None:
        """Let a worker of a service be heard of."""
        beat = wire.Heartbeat(
            worker_epoch=self.epochs.setdefault(service, str(uuid.uuid4())),
            worker=f"{service}/1",
            held=[],
            services=[service],
            steps=list(steps),
        )
        await execution.heartbeat(self.house.deps, WORKER, beat)

    async def claim(self, service: str, capacity: int = 1, **more: Any) -> list[wire.Task]:
        return await self.house.claim(capacity, services=[service], **more)

    async def fail(self, *tasks: wire.Task, error_class: str = "transient") -> None:
        outcomes = [
            wire.Outcome(
                task_id=task.task_id,
                fence=task.fence,
                status="failed",
                error_class=error_class,
                error_code="broken",
                error_message="it does not work",
            )
            for task in tasks
        ]
        answer = await self.house.report(*outcomes)
        assert [item.verdict for item in answer.verdicts] == ["applied"] * len(tasks)

    async def break_down(self, service: str, **more: Any) -> None:
        """Let two attempts fail, and the breaker be judged by them."""
        views = [await self.submit() for _ in range(2)]
        tasks = await self.claim(service, 2, **more)
        assert len(tasks) == len(views)
        await self.fail(*tasks)
        await self.look()

    async def look(self) -> int:
        """Tell what was seen, judge, and see to the jobs that it concerns."""
        await self.learn()
        moved = await BreakerLoop(self.house.deps.database, self.house.deps.transactor).run_once()
        await self.learn()
        return moved

    async def submit(self, **more: Any) -> JobView:
        return await self.house.submit("2D", **more)

    async def service(self, name: str) -> Service:
        return (await services.get_service(self.house.deps, name)).service

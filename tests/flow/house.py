"""A whole installation without processes: services over the real database, a worker played by the test."""

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from maquette import wire
from maquette.domain.permissions import Role
from maquette.domain.principal import Principal
from maquette.domain.review import GatePolicy, Gates, gate_fields
from maquette.domain.typeid import decode, encode
from maquette.maintenance.sweeper import Sweeper
from maquette.services import context, execution, jobs, reviews
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.jobs import JobView
from maquette.store import projects

WORKER = Principal("worker", "workers")

#: What each step must hand over, in its smallest form.
MAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "text_to_image": ("image", {"seed": 1, "prompt_used": "p", "negative_prompt_used": ""}),
    "refine": ("image", {"operations": []}),
    "image_to_3d": ("mesh", {"poly_count": 10, "textured": True}),
    "retopo": ("mesh", {"poly_count": 10, "topology": "triangle", "uv": {}}),
    "rig": ("mesh", {"armature": {}, "weights": {}}),
    "anim": ("clip", {"clips": []}),
    "export": ("model", {"files": [], "texture_set": {}, "engine_notes": {}}),
}


class Refused(Exception):
    """The server granted no upload: the lease is canceled or gone."""


@dataclass
class House:
    """The parts a story needs."""

    deps: Deps
    user: Principal
    project: str
    epoch: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def submit(self, asset_type: str = "3D", **more: Any) -> JobView:
        wish = {"project_id": self.project, "asset_type": asset_type, "prompt": "a rusty robot", **more}
        return (await jobs.submit(self.deps, self.user, wish)).view

    async def claim(self, capacity: int = 1, **more: Any) -> list[wire.Task]:
        answer = await execution.claim(self.deps, WORKER, self.wish(capacity, **more))
        return answer.tasks

    def wish(self, capacity: int = 1, **more: Any) -> wire.Claim:
        return wire.Claim(
            **{
                "claim_id": str(uuid.uuid4()),
                "worker_epoch": self.epoch,
                "worker": "test",
                "services": ["studio"],
                "capacity": capacity,
                **more,
            }
        )

    async def stored(
        self, task: wire.Task, name: str, data: bytes, media_type: str = "application/octet-stream"
    ) -> wire.OutputArtifact:
        """Upload a file of the attempt; return how an outcome declares it."""
        declared = {
            "name": name,
            "media_type": media_type,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        wanted = wire.UploadRequest(task_id=task.task_id, fence=task.fence, **declared)
        answer = await execution.uploads(self.deps, WORKER, wire.UploadsRequest(uploads=[wanted]))
        if answer.grants[0].verdict != "applied":
            raise Refused(answer.grants[0].verdict)

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        key = answer.grants[0].url.split("?")[0].split("/files/")[1]
        await self.deps.objects.put(
            key, chunks(), bytes_=len(data), sha256=declared["sha256"], media_type=media_type
        )
        kind = "image" if task.step == "export" and task.asset_type == "2D" else MAKES[task.step][0]
        return wire.OutputArtifact(kind=kind, **declared)

    async def succeeded(self, task: wire.Task, content: bytes | None = None) -> wire.Outcome:
        """Upload one file for the task and return the outcome that reports it."""
        data = content or f"{task.job_id}/{task.step}/{task.revision}/{task.attempt}".encode()
        return self.made(task, await self.stored(task, f"{task.step}.bin", data))

    def made(self, task: wire.Task, *artifacts: wire.OutputArtifact) -> wire.Outcome:
        """Return the outcome that reports stored files and the least that the step must say."""
        return wire.Outcome(
            task_id=task.task_id,
            fence=task.fence,
            status="succeeded",
            artifacts=list(artifacts),
            outputs=MAKES[task.step][1],
            metrics={"duration": 0.1, "gpu_type": "cpu", "cost_estimate": 0},
            model="test",
            model_version="1",
        )

    async def report(self, *outcomes: wire.Outcome, claim: wire.Claim | None = None) -> wire.OutcomesAnswer:
        return await execution.outcomes(
            self.deps, WORKER, wire.OutcomesRequest(outcomes=list(outcomes), claim=claim)
        )

    async def work(self) -> wire.Task:
        """Claim one task, do it, report it."""
        [task] = await self.claim()
        answer = await self.report(await self.succeeded(task))
        assert [item.verdict for item in answer.verdicts] == ["applied"], answer
        return task

    async def gates(self, *gates: str, policies: Mapping[str, GatePolicy] | None = None) -> None:
        """Let jobs of the project stop at these gates alone."""
        body = gate_fields(Gates(0, gates, policies or {}))
        await context.put(self.deps, self.user, decode("prj", self.project), "gates", body)

    def sweeper(self) -> Sweeper:
        return Sweeper(self.deps.database, self.deps.transactor, self.deps.limits.lease_seconds)

    async def view(self, job_id: Any) -> JobView:
        return await jobs.get(self.deps, self.user, job_id)

    async def review(self, view: JobView, decision: str, **more: Any) -> JobView:
        answer = {"step": view.job.spec.name, "revision": view.job.revision, "decision": decision, **more}
        return await reviews.decide(self.deps, self.user, view.job.id, answer)


async def furnish(deps: Deps) -> House:
    """Make a project and a user of it."""
    project = new_id()
    async with deps.database.transaction() as connection:
        await projects.insert(connection, project, "test", "usr_test", 1000)
    return House(deps, Principal("user", "usr_test", {project: Role.OWNER}), encode("prj", project))

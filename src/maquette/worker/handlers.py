"""Where a handler runs: an async one on the event loop, a sync one in a warm child process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import cast

from maquette.wire import Task
from maquette.worker import calls, contract
from maquette.worker.calls import Answer, Call
from maquette.worker.handler import Context, Failed, Handler, Input, Result
from maquette.worker.process import Children

logger = logging.getLogger("maquette.worker")

AsyncHandler = Callable[[Context], Awaitable[Result]]


class Handlers:
    """The handlers of a worker by step, and the child processes of those that need one."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.on_loop = {
            step: cast("AsyncHandler", handler)
            for step, handler in handlers.items()
            if calls.runs_on_loop(handler)
        }
        self.children = Children({step: one for step, one in handlers.items() if step not in self.on_loop})
        self.steps = list(handlers)

    async def run(
        self, task: Task, inputs: tuple[Input, ...], workdir: Path, progress: Callable[[float, str], None]
    ) -> Answer:
        """Run the handler of the task's step; its faults are answers, not exceptions."""
        if task.step in self.on_loop:
            context = calls.context_of(task, inputs, workdir, progress)
            answer = await call_async(self.on_loop[task.step], context)
        elif task.step in self.steps:
            answer = await self.children.run(Call(task=task, inputs=inputs, workdir=workdir), progress)
        else:
            message = f"This worker has no handler for {task.step!r}."
            return Answer(Failed("step_not_supported", message, "transient"))
        if answer.traceback:
            logger.error("the handler of %s raised (task %s)\n%s", task.step, task.task_id, answer.traceback)
        return answer


async def call_async(handler: AsyncHandler, context: Context) -> Answer:
    """Call an async handler; of what it may raise, only a cancellation that was asked for gets out."""
    try:
        result = await handler(context)
    except asyncio.CancelledError as error:
        current = asyncio.current_task()
        if current is None or current.cancelling():
            raise
        return calls.raised(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything at all
        return calls.raised(error)
    return Answer(contract.check(result, context.workdir))

"""Fair share: start-time fair queueing between projects (Goyal, Vin and Cheng, SIGCOMM 1996).

A task's tag is the virtual time at which it may start: ``max(V, the tag of the project's task before it + stride)``,
where V is the tag of the task that started last, and a stride is one task's cost over the project's weight. Whoever asks
for work gets the smallest tag. A project that has waited for nothing so far starts at V, before everything that others
have in line for later; a project with 10,000 tasks in line has them one stride apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from msgspec import Struct

#: Virtual time that one task of a project with weight 1 takes.
STRIDE = 1_000_000
WEIGHT_MAX = 100

Clocks = Mapping[tuple[str, int], int]
"""V by (service, priority)."""


class Share(Struct, frozen=True):
    """A task's place in virtual time, and how far the next one of its project is behind it."""

    tag: int
    stride: int = STRIDE

    def next(self, clock: int) -> "Share":
        """Return the place of the task that comes after this one."""
        return Share(max(clock, self.tag + self.stride), self.stride)


FIRST = Share(0)


@dataclass(frozen=True, slots=True)
class Head:
    """Who is first in line."""

    project_id: UUID
    priority: int
    tag: int


def may_keep(share: Share, priority: int, project_id: UUID, head: Head | None) -> bool:
    """Tell whether a worker may go on with the next step of a job, past the line.

    Its own project's line it may always pass: what is under way is finished first. Others' by one stride at most, so
    whoever is at the head waits for one step more than in strict order.
    """
    if head is None or head.project_id == project_id or head.priority < priority:
        return True
    return head.priority == priority and share.tag <= head.tag + share.stride

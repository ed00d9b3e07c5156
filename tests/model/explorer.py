"""An explicit-state model checker in one function: every order of events, breadth first, so a trace is a shortest one."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)


class Found(NamedTuple):
    """What exploring came to."""

    states: int
    trace: list[str] | None
    """How to get to a state that breaks a law; None when there is none."""


class Model(NamedTuple, Generic[S]):
    """A system: where it begins, what can happen next (named), and what is wrong with a state (None: nothing)."""

    start: S
    successors: Callable[[S], Iterable[tuple[str, S]]]
    wrong: Callable[[S, bool], str | None]
    """Is told whether nothing more can happen."""


def explore(model: Model[S], *, states_max: int = 300_000) -> Found:
    """Visit every state that can be reached; ``OverflowError`` when there are too many to say anything."""
    came: dict[S, tuple[S, str] | None] = {model.start: None}
    line = deque([model.start])
    while line:
        state = line.popleft()
        following = list(model.successors(state))
        if broken := model.wrong(state, not following):
            return Found(len(came), [*_trace(came, state), broken])
        for name, after in following:
            if after not in came:
                came[after] = (state, name)
                line.append(after)
        if len(came) > states_max:
            raise OverflowError(f"More than {states_max} states.")
    return Found(len(came), None)


def _trace(came: dict[S, tuple[S, str] | None], state: S) -> list[str]:
    names: list[str] = []
    while (step := came[state]) is not None:
        state, name = step
        names.append(name)
    return names[::-1]

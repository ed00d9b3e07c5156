"""Fair share in numbers: nobody with work in line gets less than his part, whatever others put in line."""

from collections import Counter
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from maquette.domain.fair import STRIDE, Head, Share, may_keep

A, B = UUID(int=1), UUID(int=2)


class Line:
    """The queue as ``insert_ready`` and ``claim`` keep it, in memory."""

    def __init__(self, weights: dict[UUID, int]) -> None:
        self.strides = {project: STRIDE // weight for project, weight in weights.items()}
        self.clock = 0
        self.waiting: list[tuple[int, int, UUID]] = []
        self.came = 0

    def put(self, project: UUID) -> None:
        last = max((tag for tag, _, owner in self.waiting if owner == project), default=None)
        stride = self.strides[project]
        tag = self.clock if last is None else max(self.clock, last + stride)
        self.came += 1
        self.waiting.append((tag, self.came, project))

    def take(self) -> UUID:
        tag, _, project = first = min(self.waiting)
        self.waiting.remove(first)
        self.clock = max(self.clock, tag)
        return project


@given(
    st.lists(st.integers(1, 100), min_size=2, max_size=4),
    st.lists(st.one_of(st.integers(0, 3), st.none()), max_size=120),
)
@settings(max_examples=200, deadline=None)
def test_who_waits_all_the_time_gets_his_part(weights: list[int], moves: list[int | None]) -> None:
    """Over any time in which two projects both have work in line, their shares by weight differ by at most one task each.

    That is the bound of start-time fair queueing for tasks of equal cost.
    """
    projects = {UUID(int=place): weight for place, weight in enumerate(weights)}
    line, served = Line(projects), [Counter[UUID]()]
    waits: list[set[UUID]] = [set()]
    for move in moves:
        if move is not None:
            line.put(UUID(int=move % len(weights)))
        elif line.waiting:
            served.append(served[-1].copy())
            served[-1][line.take()] += 1
            waits.append({owner for _, _, owner in line.waiting})
    for f, m in pairwise(projects):
        since = None
        for at, waiting in enumerate(waits):
            if not {f, m} <= waiting:
                since = None
            elif since is None:
                since = at
            else:
                gained = {x: (served[at][x] - served[since][x]) / projects[x] for x in (f, m)}
                assert abs(gained[f] - gained[m]) <= 1 / projects[f] + 1 / projects[m] + 1e-9


def test_one_job_does_not_wait_behind_a_thousand() -> None:
    """A project that comes to a long line is next but one at the latest."""
    line = Line({A: 1, B: 1})
    for _ in range(1_000):
        line.put(A)
    for _ in range(500):
        line.take()
    line.put(B)
    assert B in {line.take(), line.take()}


def test_nobody_saves_up_time_in_which_he_asked_for_nothing() -> None:
    """Who comes late starts where the others are: no credit for the past, turn by turn from then on."""
    line = Line({A: 1, B: 1})
    for _ in range(100):
        line.put(A)
    for _ in range(50):
        line.take()
    for _ in range(20):
        line.put(B)
    assert Counter(line.take() for _ in range(20)) == {A: 10, B: 10}


def test_a_worker_passes_the_line_of_others_by_one_step_at_most() -> None:
    """Its own project's line it may pass, an empty one and one of lower priority, too."""
    share, other = Share(5 * STRIDE), Head(B, 0, 4 * STRIDE)
    assert may_keep(share, 0, A, other)
    assert not may_keep(share.next(0), 0, A, other)
    assert may_keep(share.next(0), 0, B, other)
    assert may_keep(share.next(0), 1, A, other)
    assert not may_keep(Share(0), -1, A, other)
    assert may_keep(share, 0, A, None)

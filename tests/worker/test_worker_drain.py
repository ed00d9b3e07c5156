"""How a worker starts and ends: arguments, drain, grace time, kill, cancellation."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from loop_handlers import DONE, Gate, noop
from protocol_server import TOKEN, ProtocolServer, Working, make_task

from maquette.wire import Task
from maquette.worker import Worker
from maquette.worker.ledger import Lease


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "127.0.0.1:8080"}, "must start with http"),
        ({"token": " "}, "token is empty"),
        ({"token": "a\nb"}, "characters that no token has"),
        ({"capacity": 0}, "capacity is 1 or more"),
        ({"handlers": {}}, "at least one step"),
        ({"handlers": {"refine": lambda context: DONE}}, "'refine' runs in a process of its own"),
    ],
)
def test_arguments_that_cannot_work_are_named(arguments: dict[str, Any], message: str) -> None:
    """A mistake in the set-up is told before anything starts."""
    right = {"url": "http://127.0.0.1:1", "token": "t", "service": "studio", "handlers": {"refine": noop}}
    with pytest.raises(ValueError, match=message):
        Worker(**(right | arguments))


async def test_draining_lets_running_tasks_finish_and_takes_no_more(
    server: ProtocolServer, working: Working
) -> None:
    """After stop() the running task ends well, the ready one stays, and the last heartbeat says draining."""
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate}) as worker:
        await gate.enter()
        await server.add(make_task(2))
        worker.stop()
        gate.open.set()
        await server.until(lambda: server.heartbeats and server.heartbeats[-1].draining)
    assert server.outcomes[1].status == "succeeded"
    assert len(server.ready) == 1
    assert server.reports[0].claim is None
    assert server.heartbeats[-1].held == []


async def test_what_outlasts_the_grace_time_is_stopped_and_reported(
    server: ProtocolServer, working: Working
) -> None:
    """A handler that does not finish in time is stopped; its attempt is reported as lost, to be tried again."""
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate}, grace_seconds=0.05) as worker:
        await gate.enter()
        worker.stop()
        await server.until(lambda: server.outcomes)
    outcome = server.outcomes[1]
    assert (outcome.status, outcome.error_class, outcome.error_code) == (
        "failed",
        "lost_worker",
        "worker_stopped",
    )


async def test_what_a_claim_under_way_is_given_is_still_done(
    server: ProtocolServer, working: Working
) -> None:
    """An answer that is on its way when the worker is stopped brings leases: no heartbeat says draining before it is there."""
    gate, passed = Gate(), asyncio.Event()
    await server.add(make_task(1), make_task(2))
    async with working({"refine": gate}, progress_seconds=0.01) as worker:
        await gate.enter()
        server.hold = passed
        gate.open.set()
        await server.until(
            lambda: 2 in server.live
        )  # leased with the outcome of the first; the answer is on its way
        worker.stop()
        beats = len(server.heartbeats)
        await server.until(lambda: len(server.heartbeats) > beats)
        assert not server.heartbeats[-1].draining
        passed.set()
        await server.until(lambda: server.outcomes.keys() == {1, 2})
    assert server.outcomes[2].status == "succeeded"
    assert server.heartbeats[-1].draining


async def test_a_long_poll_is_asked_what_it_was_given(server: ProtocolServer, working: Working) -> None:
    """A task leased to the poll while it was hung up on is done before the worker leaves; nothing else is taken."""
    server.faults["/worker/claims"].append("late")
    await server.add(make_task(1))
    async with working({"refine": noop}) as worker:
        await server.until(lambda: 1 in server.live)
        await server.add(make_task(2))
        worker.stop()
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].status == "succeeded"
    assert [(claim.capacity, claim.retried) for claim in server.claims] == [(1, False), (0, True)]
    assert len(server.ready) == 1


async def test_a_server_that_does_not_know_the_question_holds_nobody_up(
    server: ProtocolServer, working: Working
) -> None:
    """One of the version before refuses a claim of nothing: the worker leaves as it always did."""
    async with working({"refine": noop}) as worker:
        await server.until(lambda: server.claims)
        server.faults["/worker/claims"].append(422)
        worker.stop()
    assert server.heartbeats[-1].draining


async def test_what_comes_after_the_grace_time_goes_back(server: ProtocolServer, working: Working) -> None:
    """A lease whose answer comes when handlers have been stopped is reported at once, and its handler never runs."""
    gate, passed = Gate(), asyncio.Event()
    await server.add(make_task(1), make_task(2))
    async with working({"refine": gate}, grace_seconds=0.05) as worker:
        await gate.enter()
        server.hold = passed
        gate.open.set()
        await server.until(lambda: 2 in server.live)
        worker.stop()
        async with asyncio.timeout(5):
            while not worker._grace_over:  # noqa: ASYNC110 - a timer sets it
                await asyncio.sleep(0.01)
        passed.set()
        await server.until(lambda: 2 in server.outcomes)
    assert server.outcomes[2].error_code == "worker_stopped"


async def test_kill_ends_at_once(server: ProtocolServer, working: Working) -> None:
    """The second signal's action leaves running work behind and returns from run()."""
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate}) as worker:
        await gate.enter()
        worker.stop()
        worker.kill()
    assert server.outcomes == {}
    assert gate.canceled == 1


async def test_a_canceled_run_cleans_up_and_stays_canceled(server: ProtocolServer, tmp_path: Path) -> None:
    """Canceling the task of run() is no drain: it ends handlers and raises CancelledError."""
    gate = Gate()
    await server.add(make_task(1))
    running = asyncio.create_task(
        Worker(server.url, TOKEN, "s", {"refine": gate}, workdir=tmp_path).run(signals=False)
    )
    await gate.enter()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gate.canceled == 1
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - nothing else runs now


async def test_a_lease_that_was_stopped_before_it_began_is_reported_all_the_same(
    server: ProtocolServer, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grace time may end between a claim's answer and the first step of its tasks: nothing hangs then."""
    gate = Gate()
    async with working({"refine": gate}) as worker:
        accept = worker._ledger.accept

        def accept_too_late(task: Task) -> Lease | None:
            lease = accept(task)
            worker._end_grace()
            return lease

        monkeypatch.setattr(worker._ledger, "accept", accept_too_late)
        await server.add(make_task(1))
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].error_code == "worker_stopped"
    assert gate.entered.locked(), "the handler never ran"


async def test_a_worker_runs_once(server: ProtocolServer, tmp_path: Path) -> None:
    """A second run() of the same object is refused: epoch and ledger belong to one run."""
    worker = Worker(server.url, TOKEN, "studio", {"refine": noop}, workdir=tmp_path)
    worker.stop()
    await worker.run(signals=False)
    with pytest.raises(RuntimeError, match="runs once"):
        await worker.run(signals=False)

"""The worker against the protocol: claims, exchanges, verdicts, deadlines, drain."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from loop_handlers import DONE, Gate, noop
from protocol_server import ProtocolServer, Working, make_task

from maquette.wire import Outcome, OutcomeVerdict
from maquette.worker import Context, Failed, Output, Refused, Result, Succeeded, Worker


async def test_a_task_goes_from_claim_to_outcome_with_its_files(
    server: ProtocolServer, working: Working
) -> None:
    """An attempt reads its verified inputs, and its files, attributes, outputs and metrics arrive."""

    async def copy(context: Context) -> Result:
        (item,) = context.of_kind("image")
        assert item.step == "text_to_image"
        assert item.attributes == {"width": 3}
        assert list(context.workdir.iterdir()) == []
        path = context.workdir / "refined-1.png"
        path.write_bytes(item.path.read_bytes() * 2)
        output = Output(path, "image", "image/png", {"width": 6})
        return Succeeded(
            (output,), {"operations": ["double"]}, "copier", "2", {"gpu_type": "H100", "vram": 1}
        )

    await server.add(make_task(1, inputs=[server.input("../a b.png", b"png", attributes={"width": 3})]))
    async with working({"refine": copy}, cost_per_second=1000.0):
        await server.until(lambda: server.outcomes)

    outcome = server.outcomes[1]
    assert outcome.status == "succeeded", outcome
    assert server.objects["outputs/task_1/refined-1.png"] == b"pngpng"
    (artifact,) = outcome.artifacts
    assert (artifact.name, artifact.kind, artifact.bytes, artifact.attributes) == (
        "refined-1.png",
        "image",
        6,
        {"width": 6},
    )
    assert (outcome.model, outcome.model_version, outcome.outputs) == (
        "copier",
        "2",
        {"operations": ["double"]},
    )
    assert outcome.metrics["gpu_type"] == "H100"
    assert outcome.metrics["vram"] == 1
    assert outcome.metrics["cost_estimate"] == pytest.approx(1000 * outcome.metrics["duration"], rel=1e-2)
    ((_, headers),) = server.puts
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == "6"


async def test_a_claim_whose_answer_got_lost_is_replayed(server: ProtocolServer, working: Working) -> None:
    """The same claim is sent again with the same id, and its tasks run once."""
    ran = []

    async def once(context: Context) -> Result:
        ran.append(context.job_id)
        return DONE

    server.faults["/worker/claims"].extend(["lose", "drop", 503])
    await server.add(make_task(1), make_task(2))
    async with working({"refine": once}, capacity=2):
        await server.until(lambda: len(server.outcomes) == 2)

    assert sorted(ran) == ["job_1", "job_2"]
    first, second = server.claims[:2]  # the dropped one and the 503 never reached the handler
    assert first.claim_id == second.claim_id
    assert first.services == ["studio"]
    assert first.steps == ["refine"]
    assert first.capacity == 2


@pytest.mark.parametrize("fault", ["drop", "lose", 503, 500, (429, {"Retry-After": "0"})])
async def test_an_outcome_is_resent_until_it_has_a_verdict(
    server: ProtocolServer, working: Working, fault: object
) -> None:
    """Neither errors nor lost connections lose a finished result, and an outcome applied twice counts once."""
    server.faults["/worker/outcomes"].extend([fault, fault, fault])
    await server.add(make_task(1))
    async with working({"refine": noop}):
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].status == "succeeded"
    assert len(server.reports) == (4 if fault == "lose" else 1)
    assert len({report.claim.claim_id for report in server.reports}) == 1


async def test_an_outcome_without_a_verdict_is_sent_again(
    server: ProtocolServer, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that forgets an outcome in its answer is asked again."""
    answered = server._apply
    forgotten = []

    def forget_once(outcome: Outcome) -> OutcomeVerdict:
        if not forgotten:
            forgotten.append(outcome)
            return OutcomeVerdict(task_id="task_99", fence=99, verdict="stale")
        return answered(outcome)

    monkeypatch.setattr(server, "_apply", forget_once)
    await server.add(make_task(1))
    async with working({"refine": noop}):
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].status == "succeeded"


async def test_a_canceled_task_is_stopped_and_reported(server: ProtocolServer, working: Working) -> None:
    """The heartbeat's verdict `cancel` stops the handler, and the outcome says canceled with its cost so far."""
    server.heartbeat_seconds = 0.05
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate}):
        await gate.enter()
        await server.until(lambda: any(beat.held and beat.held[0].value == 0.5 for beat in server.heartbeats))
        server.signals[1] = "cancel"
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].status == "canceled"
    assert server.outcomes[1].metrics["duration"] > 0
    assert gate.canceled == 1


async def test_a_stale_task_is_stopped_and_never_reported(server: ProtocolServer, working: Working) -> None:
    """After the verdict `stale` the handler stops, nothing is said of it, and its slot takes other work."""
    server.heartbeat_seconds = 0.05
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate, "rig": noop}):
        await gate.enter()
        server.live.discard(1)
        await server.add(make_task(2, "rig"))
        await server.until(lambda: 2 in server.outcomes)
    assert gate.canceled == 1
    assert [outcome.fence for report in server.reports for outcome in report.outcomes] == [2]


async def test_a_handler_that_outlives_its_deadline_is_stopped(
    server: ProtocolServer, working: Working
) -> None:
    """The deadline ends the attempt as a timeout, although the handler would go on."""
    gate = Gate()
    await server.add(make_task(1, deadline_seconds=0.05))
    async with working({"refine": gate}):
        await server.until(lambda: server.outcomes)
    outcome = server.outcomes[1]
    assert (outcome.status, outcome.error_class, outcome.error_code) == (
        "failed",
        "timeout",
        "deadline_exceeded",
    )
    assert gate.canceled == 1


async def test_what_a_handler_raises_fails_its_attempt_only(
    server: ProtocolServer, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    """Type and message go out, the traceback goes to the log, and the worker lives on."""

    async def broken(context: Context) -> Result:
        raise TimeoutError("the model did not answer")

    async def cancels_itself(context: Context) -> Result:
        raise asyncio.CancelledError

    await server.add(make_task(1), make_task(2, "rig"), make_task(3, "anim"), make_task(4, "unheard_of"))
    async with working({"refine": broken, "rig": cancels_itself, "anim": noop}, capacity=4):
        await server.until(lambda: len(server.outcomes) == 4)
    assert server.outcomes[1].error_class == "transient"
    assert server.outcomes[1].error_code == "handler_error"
    assert server.outcomes[1].error_message == "TimeoutError: the model did not answer"
    assert "test_worker_runner.py" in caplog.text
    assert server.outcomes[2].error_message.startswith("CancelledError")
    assert server.outcomes[3].status == "succeeded"
    assert server.outcomes[4].error_code == "step_not_supported"


async def test_a_worker_runs_as_many_tasks_at_once_as_it_has_capacity(
    server: ProtocolServer, working: Working
) -> None:
    """Three slots hold three tasks together, and a slot that frees is filled by the same request."""
    gate = Gate()
    await server.add(*(make_task(number) for number in range(1, 5)))
    async with working({"refine": gate}, capacity=3):
        await gate.enter(3)
        assert len(server.ready) == 1
        gate.open.set()
        await server.until(lambda: len(server.outcomes) == 4)
    assert server.reports[0].claim.capacity == 3
    assert max(len(answer.tasks) for answer in server.answers.values()) == 3


async def test_a_parked_poll_does_not_delay_an_outcome(server: ProtocolServer, working: Working) -> None:
    """While free slots wait in a long poll, what finishes is reported at once."""
    gate = Gate()
    await server.add(make_task(1))
    async with working({"refine": gate}, capacity=2):
        await gate.enter()
        await server.until(lambda: len(server.claims) == 2)
        gate.open.set()
        await server.until(lambda: server.outcomes, seconds=5)
        assert len(server.answers) == 2  # the first poll and the exchange: the second poll is still parked
        await server.add(make_task(2))
        await server.until(lambda: 2 in server.outcomes)


async def test_a_busy_worker_makes_one_round_trip_a_cycle(server: ProtocolServer, working: Working) -> None:
    """300 tasks at 100 a claim take one poll and an exchange per hundred, not a request per task."""
    tasks = [make_task(number) for number in range(1, 301)]
    await server.add(*tasks)
    async with working({"refine": noop}, capacity=100):
        await server.until(lambda: len(server.outcomes) == 300)
        assert [len(report.outcomes) for report in server.reports] == [100, 100, 100]
    assert [len(answer.tasks) for answer in server.answers.values()][:3] == [100, 100, 100]


async def test_one_refused_outcome_does_not_hold_up_the_others(
    server: ProtocolServer, working: Working
) -> None:
    """A body that the server will not take is halved until the offender is alone and reported as a failure."""

    async def numbered(context: Context) -> Result:
        return Succeeded((), {"bad": context.job_id == "job_5"}, "test", "1")

    server.faults["/worker/outcomes"].extend([lambda body: b'"bad":true' in body] * 20)
    await server.add(*(make_task(number) for number in range(1, 9)))
    async with working({"refine": numbered}, capacity=8):
        await server.until(lambda: len(server.outcomes) == 8)
    assert server.outcomes[5].error_code == "outcome_refused"
    assert server.outcomes[5].error_class == "invalid"
    assert [server.outcomes[number].status for number in (1, 4, 6, 8)] == ["succeeded"] * 4


async def test_a_finished_result_outlasts_an_outage(server: ProtocolServer, working: Working) -> None:
    """While the API is away the lease stays in the heartbeats, and the result is delivered later."""
    server.heartbeat_seconds = 0.05
    server.faults["/worker/outcomes"].extend([503] * 5)
    await server.add(make_task(1))
    async with working({"refine": noop}):
        await server.until(lambda: any(beat.held for beat in server.heartbeats))
        await server.until(lambda: server.outcomes)
    assert server.outcomes[1].status == "succeeded"


async def test_a_wrong_token_ends_the_worker_with_an_error_that_hides_it(
    server: ProtocolServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """401 is final; neither the error nor the log shows the token."""
    caplog.set_level(logging.DEBUG)
    worker = Worker(server.url, "wrk_wrong-token", "studio", {"refine": noop}, workdir=tmp_path)
    with pytest.raises(Refused, match=r"401 unauthorized: unknown token") as caught:
        await worker.run(signals=False)
    assert caught.value.status == 401
    assert "wrong-token" not in str(caught.value) + caplog.text


async def test_an_empty_answer_that_comes_early_is_not_repeated_at_once(
    server: ProtocolServer, working: Working
) -> None:
    """A server that does not hold long polls is not flooded with claims."""
    async with working({"refine": noop}, poll_seconds=0.0):
        await server.until(lambda: len(server.claims) == 2)
        started = asyncio.get_running_loop().time()
        await server.until(lambda: len(server.claims) == 3)
        assert asyncio.get_running_loop().time() - started > 0.4


async def test_a_failure_keeps_its_code_class_and_delay(server: ProtocolServer, working: Working) -> None:
    """What a handler reports as Failed arrives unchanged."""

    async def busy(context: Context) -> Result:
        return Failed("vendor_busy", "Try later.", "rate_limited", retry_after_seconds=30)

    await server.add(make_task(1))
    async with working({"refine": busy}):
        await server.until(lambda: server.outcomes)
    outcome = server.outcomes[1]
    assert (outcome.error_class, outcome.error_code, outcome.error_message, outcome.retry_after_seconds) == (
        "rate_limited",
        "vendor_busy",
        "Try later.",
        30,
    )


async def test_word_of_the_next_step_outlives_the_last_ones_outcome(
    server: ProtocolServer, working: Working
) -> None:
    """Steps of a job have one task id: the verdict on one does not drop the word of the next, while that is being claimed."""
    gate = Gate()
    heard: asyncio.Queue[str] = asyncio.Queue()
    dropped: list[tuple[int, str]] = []

    class Told:
        """Says what the test says; notes how many claims had been answered when something was dropped."""

        def running(self) -> contextlib.AbstractAsyncContextManager[None]:
            return contextlib.nullcontext()

        async def receive(self, count: int, wait_seconds: float) -> Sequence[str]:
            return [await heard.get()]

        def drop(self, task_ids: Sequence[str]) -> None:
            dropped.extend((len(server.claims), task) for task in task_ids)

    await server.add(make_task(1))
    async with working({"refine": gate}, capacity=2, source=Told()):
        heard.put_nowait("task_1")
        await gate.enter()
        server.faults["/worker/claims"].append((503, {"Retry-After": "1"}))
        heard.put_nowait("task_1")
        async with asyncio.timeout(15):
            while server.faults["/worker/claims"]:  # noqa: ASYNC110 - a refused request wakes nobody
                await asyncio.sleep(0.01)
            gate.open.set()
            await server.until(lambda: len(server.claims) == 2)
            while not dropped:  # noqa: ASYNC110 - it changes in the worker
                await asyncio.sleep(0.01)
    assert dropped == [(2, "task_1")]

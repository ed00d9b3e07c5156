"""Files in and out: checksums, sizes, expired grants, conflicts, stores that are away."""

import logging
from pathlib import Path
from typing import Any

import pytest
from protocol_server import ProtocolServer, Working, make_task

from maquette.wire import Outcome
from maquette.worker import Context, Output, Result, Succeeded

OUTPUT = "/objects/outputs/task_1/out.png"


async def write(context: Context) -> Result:
    """Write one file; fail when inputs are wrong."""
    content = b"|".join(item.path.read_bytes() for item in context.inputs)
    path = context.workdir / "out.png"
    path.write_bytes(content or b"made")
    return Succeeded((Output(path, "image", "image/png"),), {}, "test", "1")


async def outcome_of(server: ProtocolServer, working: Working, **fields: Any) -> Outcome:
    await server.add(make_task(1, **fields))
    async with working({"refine": write}):
        await server.until(lambda: server.outcomes)
    return server.outcomes[1]


@pytest.mark.parametrize(
    ("fields", "code", "error_class"),
    [
        ({"sha256": "0" * 64}, "input_checksum_mismatch", "transient"),
        ({"bytes": 3}, "input_checksum_mismatch", "transient"),
        ({"bytes": 50}, "input_checksum_mismatch", "transient"),
        ({"bytes": 2**40}, "input_too_large", "invalid"),
        ({"url": "/objects/inputs/none"}, "input_missing", "invalid"),
    ],
)
async def test_an_input_that_is_not_what_was_promised_fails_the_attempt(
    server: ProtocolServer, working: Working, fields: dict[str, Any], code: str, error_class: str
) -> None:
    """Other bytes, another length, too large or missing: the handler never sees such a file."""
    outcome = await outcome_of(server, working, inputs=[server.input("a.png", b"content", **fields)])
    assert (outcome.status, outcome.error_code, outcome.error_class) == ("failed", code, error_class)
    assert server.puts == []


async def test_a_store_that_is_away_for_a_moment_costs_nothing(
    server: ProtocolServer, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    """Downloads and uploads are sent again after errors and lost connections; no signed URL gets into the log."""
    caplog.set_level(logging.DEBUG, "maquette.worker")
    item = server.input("a.png", b"x" * 1_000_000)
    server.faults[item.url.partition("?")[0]].extend([503, "drop", (429, {"Retry-After": "0"})])
    server.faults[OUTPUT].extend(["drop", 500, "lose"])
    outcome = await outcome_of(server, working, inputs=[item])
    assert outcome.status == "succeeded", outcome
    assert server.objects["outputs/task_1/out.png"] == b"x" * 1_000_000
    assert len(server.puts) == 2  # the second one sent the same bytes again
    assert "trying again" in caplog.text
    assert "signature" not in caplog.text
    assert "grant=" not in caplog.text


async def test_an_expired_grant_is_renewed_once(server: ProtocolServer, working: Working) -> None:
    """403 asks for a new grant, with which the file is stored."""
    server.faults[OUTPUT].append(403)
    outcome = await outcome_of(server, working)
    assert outcome.status == "succeeded"
    assert len(server.grant_requests) == 2
    ((url, _),) = server.puts
    assert url.endswith("grant=2")


async def test_a_create_only_store_that_has_the_file_already_is_left_to_the_server(
    server: ProtocolServer, working: Working
) -> None:
    """412 means that something is stored there; whether it is the right thing, the outcome's verdict says."""
    server.faults[OUTPUT].append(412)
    assert (await outcome_of(server, working)).status == "succeeded"


@pytest.mark.parametrize(
    ("faults", "code", "error_class"),
    [
        ([403, 403], "upload_forbidden", "transient"),
        ([400], "upload_refused", "invalid"),
        ([413], "upload_refused", "invalid"),
    ],
)
async def test_an_upload_that_is_refused_fails_the_attempt(
    server: ProtocolServer, working: Working, faults: list[Any], code: str, error_class: str
) -> None:
    """What no repetition would mend ends the attempt with a code of its own."""
    server.faults[OUTPUT].extend(faults)
    outcome = await outcome_of(server, working)
    assert (outcome.error_code, outcome.error_class) == (code, error_class)


async def test_other_bytes_under_the_same_name_are_a_conflict(
    server: ProtocolServer, working: Working
) -> None:
    """409 ends this attempt; the next one writes under names of its own."""
    server.objects["outputs/task_1/out.png"] = b"something else"
    outcome = await outcome_of(server, working)
    assert (outcome.error_code, outcome.error_class) == ("upload_conflict", "transient")
    assert server.objects["outputs/task_1/out.png"] == b"something else"


async def test_a_rejected_grant_says_why(server: ProtocolServer, working: Working) -> None:
    """The server's reason for refusing a file is the attempt's error."""
    server.rejected["out.png"] = "more than this project may store"
    outcome = await outcome_of(server, working)
    assert (outcome.error_code, outcome.error_class) == ("upload_rejected", "invalid")
    assert "more than this project may store" in outcome.error_message


async def test_a_stale_grant_ends_the_attempt_in_silence(server: ProtocolServer, working: Working) -> None:
    """A lease that was lost while the handler worked is noticed at the upload, and nothing is reported."""

    async def slow(context: Context) -> Result:
        server.live.discard(1)
        return await write(context)

    await server.add(make_task(1))
    async with working({"refine": slow, "rig": write}):
        await server.until(lambda: server.grant_requests)
        await server.add(make_task(2, "rig"))
        await server.until(lambda: 2 in server.outcomes)
    assert [outcome.fence for report in server.reports for outcome in report.outcomes] == [2]
    assert "outputs/task_1/out.png" not in server.objects


async def test_handlers_get_inputs_in_order_and_beside_the_work_directory(
    server: ProtocolServer, working: Working, tmp_path: Path
) -> None:
    """Inputs of one name do not collide, keep the server's order, and a name cannot lead elsewhere."""
    names = ["a.png", "a.png", "../../evil.png", "x/y"]
    inputs = [server.input(name, f"content {number}".encode()) for number, name in enumerate(names)]
    outcome = await outcome_of(server, working, inputs=inputs)
    assert outcome.status == "succeeded", outcome
    assert server.objects["outputs/task_1/out.png"] == b"content 0|content 1|content 2|content 3"
    assert list(tmp_path.rglob("evil.png")) == []  # noqa: ASYNC240 - nothing else runs now

"""Logs: one line an entry, the ids that hold there, and no secret, however odd the place it was put in."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from live_api import open_live, running

from maquette.settings import Settings, secret_values
from maquette.telemetry.ids import binding, bound
from maquette.telemetry.logs import JsonLines, TextLines, json_process
from maquette.telemetry.redaction import REDACTED, redacted, redactor, secrets_of
from maquette.worker import Context, Result, Worker

KEY = "mq_01m82xt7csfhcrg2hncvzed6r4_k6a4CzqGKMxeYfZXWolVVz2sZhYtnPrt9BkhkQAFfys"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
#: Told by its form alone.
BY_FORM = {
    KEY: "mq_01m82xt7csfhcrg2hncvzed6r4_" + REDACTED,
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD=": "whsec_" + REDACTED,
    JWT: REDACTED,
    f"Authorization: Bearer {JWT}": "Authorization: Bearer " + REDACTED,
    "authorization: Basic dXNlcjpwYXNzd29yZA==": "authorization: Basic " + REDACTED,
    '{"Authorization": "Token abc"}': '{"Authorization": "Token ' + REDACTED + '"}',
    "Authorization: abc was refused": f"Authorization: {REDACTED} was refused",
    "sent bearer abcdefghijklmnop, got 401": f"sent bearer {REDACTED}, got 401",
    "/files/a?kid=1&expires=2&signature=Zm9v-_": f"/files/a?kid=1&expires=2&signature={REDACTED}",
    "https://b.s3/x?X-Amz-Credential=AKIA%2F1&X-Amz-Signature=0f0f&X-Amz-Date=3": (
        f"https://b.s3/x?X-Amz-Credential={REDACTED}&X-Amz-Signature={REDACTED}&X-Amz-Date=3"
    ),
    "postgresql://me:se@same@db:5432/shop": f"postgresql://me:{REDACTED}@db:5432/shop",
    "redis://:sesame@cache/0": f"redis://:{REDACTED}@cache/0",
    "password=hunter2 next": f"password={REDACTED} next",
}


@pytest.mark.parametrize(("text", "expected"), BY_FORM.items())
def test_secrets_are_known_by_their_form(text: str, expected: str) -> None:
    """What they were called and which key it was stays: an operator has to find it."""
    assert redactor()(text) == expected
    assert redactor()(f"<{text}>") == f"<{expected}>"
    assert redactor()(redactor()(text)) == redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        "A bearer of news, and basic things",
        "GET /jobs/job_01m82xt7csfhcrg2hncvzed6r4 200",
        "http://127.0.0.1:8470/files/a@b",
        "The key mq_… is too short; mq_01m82xt7csfhcrg2hncvzed6r4",
        "token bucket, signature move, secret garden",
        "key_01m82xt7csfhcrg2hncvzed6r4 of usr_1",
    ],
)
def test_innocent_words_stay(text: str) -> None:
    """A log in which half is missing helps nobody."""
    assert redactor()(text) == text


def test_what_only_the_settings_know_goes_in_every_form() -> None:
    """Plain, quoted for an address, escaped for JSON; of an address the password alone; a short word never."""
    settings = Settings(
        signing_key='a "signing" key/with+all',
        database_url="postgresql://me:open%20sesame@db/shop",
        moderator_api_key="short",
    )
    redact = redactor(secrets_of(secret_values(settings)))
    for text in (
        settings.signing_key,
        json.dumps(settings.signing_key),
        "a%20%22signing%22%20key%2Fwith%2Ball",
    ):
        assert "signing" not in redact(f"x {text} y")
    assert redact("open%20sesame is the password of db") == f"{REDACTED} is the password of db"
    assert redact("me@db/shop, a short word") == "me@db/shop, a short word"


def test_fields_are_secrets_by_their_name() -> None:
    """Whatever the value looks like, at any depth; numbers and nothing stay what they are."""
    entry = {"Authorization": "x", "a": [{"password": 1, "n": 1.5, "none": None}], "ok": True, KEY: KEY}
    assert redacted(entry, redactor()) == {
        "Authorization": REDACTED,
        "a": [{"password": REDACTED, "n": 1.5, "none": None}],
        "ok": True,
        "mq_01m82xt7csfhcrg2hncvzed6r4_" + REDACTED: "mq_01m82xt7csfhcrg2hncvzed6r4_" + REDACTED,
    }


def _record(message: str, *args: object, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("maquette.test", logging.INFO, __file__, 1, message, args, None)
    record.fields = fields
    return record


def test_ids_hold_where_they_were_bound() -> None:
    """Within, with those from outside; not after; empty ones never."""
    form = JsonLines("api", redactor())
    with binding(request_id="r1", trace_id=""), binding(job_id="job_1"):
        entry = json.loads(form.format(_record("working on %s", "it", status=200)))
    assert {name: entry.get(name) for name in ("request_id", "job_id", "trace_id", "status", "message")} == {
        "request_id": "r1", "job_id": "job_1", "trace_id": None, "status": 200, "message": "working on it",
    }  # fmt: skip
    assert bound() == {}


def test_text_cannot_begin_a_line_or_steer_a_terminal() -> None:
    """What is not printable is shown as what it is."""
    line = TextLines("api", redactor()).format(_record("name\n12:00:00 INFO    api: forged \x1b[2J"))
    assert "\n" not in line
    assert "\x1b" not in line
    assert r"name\n12:00:00 INFO    api: forged \x1b[2J" in line


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines, down to the last detail."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(
        JsonLines("test", redactor(["opens the worker endpoints", "signs the links of a test"]))
    )
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def _entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class Failing:
    """A handler that raises what no handler should."""

    def __init__(self) -> None:
        self.ran = asyncio.Event()

    async def __call__(self, context: Context) -> Result:
        self.ran.set()
        header = f"Authorization: Bearer {JWT}"
        raise RuntimeError(f"Refused '{header}' at https://me:sesame@gpu.example.com/v1?api_key=0123abcd")


async def test_no_secret_reaches_the_logs_on_the_way_of_a_job(
    database_url: str, tmp_path: Path, lines: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys in paths, queries, ids and briefs; tokens in exceptions and in what a handler raises: none is written."""
    caplog.set_level(logging.INFO, logger="maquette.access")  # whatever a test before this one has configured
    async with open_live(database_url, tmp_path) as live:
        key = live.tokens["user"]
        _break(live.app, key)
        secrets = [key.rpartition("_")[2], live.tokens["worker"], JWT, "sesame", "0123abcd", "hunter2"]
        brief = await live.brief(prompt=f"a fox with {key}", metadata={"password": "hunter2"})
        for path in (
            f"/jobs/{key}",
            f"/jobs?cursor={key}",
            f"/files/a?signature={key}",
            f"/{key}?token=hunter2",
            "/broken",
        ):
            await live.user.get(path, headers={"x-correlation-id": key, "cookie": "session=hunter2"})
        await live.nobody.get("/me", headers={"authorization": f"Bearer {key}x"})
        await live.nobody.get("/me", headers={"authorization": f"Basic {key}"})
        async with running(live.app) as url:
            handler = Failing()
            worker = Worker(url, live.tokens["worker"], "studio", {"text_to_image": handler})
            working = asyncio.create_task(worker.run(signals=False))
            async with asyncio.timeout(15):
                await handler.ran.wait()
                worker.stop()
                await working
    text = lines.getvalue()
    assert [secret for secret in secrets if secret in text] == []
    entries = _entries(lines)
    assert {"maquette.access", "maquette.api", "maquette.identity", "maquette.worker"} <= {
        item["logger"] for item in entries
    }
    [broken] = [item for item in entries if item["logger"] == "maquette.api"]
    assert "RuntimeError" in broken["exception"]
    assert broken["request_id"]
    raised = next(item for item in entries if "raised" in item["message"])
    assert (raised["job_id"], raised["correlation_id"]) == (brief["id"], brief["correlation_id"])


def _break(app: FastAPI, key: str) -> None:
    @app.get("/broken", tags=["test"])
    async def broken() -> None:
        raise RuntimeError(f"postgresql://me:sesame@db/shop said no to {key}: password=hunter2")


def test_a_process_knows_whether_it_writes_json(lines: io.StringIO) -> None:
    """What it starts writes as it does."""
    assert json_process() == "test"

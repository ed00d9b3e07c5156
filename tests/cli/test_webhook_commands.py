"""``maquette webhook``: what it asks of the API and what it says of the answers."""

from collections.abc import Callable
from typing import Any

import pytest
from contract_server import Contract

Command = Callable[..., Any]

HOOK = {
    "id": "whk_1",
    "project_id": "prj_1",
    "job_id": None,
    "url": "https://hooks.example/a",
    "name": "bot",
    "events": [],
    "status": "enabled",
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "throttled_until": None,
    "secrets_overlap_until": None,
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "usr_1",
}
TRY = {
    "attempt": 1,
    "at": "2026-01-01T00:00:00Z",
    "duration_ms": 84,
    "status_code": 204,
    "error": None,
    "next_attempt_at": None,
}
DELIVERY = {
    "id": "whd_1",
    "webhook_id": "whk_1",
    "event_id": "evt_1",
    "event_type": "WebhookTest",
    "sequence": 1,
    "status": "succeeded",
    "created_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:00Z",
    "next_attempt_at": None,
    "attempts": [TRY],
}


def test_create_shows_the_secret_once(api: str, contract: Contract, maquette: Command) -> None:
    """The secret goes to standard output, the advice to keep it does not."""
    contract.answers["POST /webhooks"] = [(201, {}, {**HOOK, "secret": "whsec_abc"})]
    done = maquette("webhook", "create", "https://hooks.example/a", "--event", "JobFailed", "--name", "bot")
    assert (done.status, "whsec_abc" in done.out, "Keep the secret" in done.err) == (0, True, True)
    [(body, _)] = contract.asked("POST", "/webhooks")
    assert body == {
        "project_id": "prj_1",
        "url": "https://hooks.example/a",
        "name": "bot",
        "events": ["JobFailed"],
    }


def test_list_tells_who_is_failing(api: str, contract: Contract, maquette: Command) -> None:
    """An enabled webhook that fails says so; one for a job is found by the job."""
    failing = {**HOOK, "failing_since": "2026-01-01T00:00:00Z", "events": ["JobFailed"]}
    page = {"items": [HOOK, failing], "next_cursor": None}
    contract.answers["GET /webhooks"] = [(200, {}, page)] * 2
    shown = maquette("webhook", "list").out
    assert ["enabled" in shown, "failing" in shown, "JobFailed" in shown] == [True] * 3
    assert maquette("webhook", "list", "--job", "job_1", "--json").json["items"] == [HOOK, failing]
    assert [query.get("job_id") for query, _ in contract.asked("GET", "/webhooks")] == [None, "job_1"]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ({}, 0, "HTTP 204 in 84 ms"),
        (
            {
                "status": "pending",
                "next_attempt_at": "2026-01-01T00:00:05Z",
                "attempts": [{**TRY, "status_code": 500}],
            },
            1,
            "HTTP 500 in 84 ms; next in 0 s",
        ),
        (
            {
                "status": "failed",
                "attempts": [{**TRY, "status_code": None, "error": "timed_out: No whole answer in time."}],
            },
            1,
            "timed_out",
        ),
    ],
)
def test_a_test_waits_for_the_answer(
    api: str, contract: Contract, maquette: Command, answer: dict[str, Any], status: int, said: str
) -> None:
    """The exit status is the receiver's verdict; what was sent before is not mistaken for the test."""
    older = {**DELIVERY, "event_id": "evt_0"}
    untried = {**DELIVERY, "status": "pending", "attempts": []}
    contract.answers["POST /webhooks/whk_1/test"] = [(202, {}, {"webhook_id": "whk_1", "event_id": "evt_1"})]
    contract.answers["GET /webhooks/whk_1/deliveries"] = [
        (200, {}, {"items": items, "next_cursor": None})
        for items in ([older], [untried, older], [{**DELIVERY, **answer}, older])
    ]
    done = maquette("webhook", "test", "whk_1")
    assert (done.status, said in done.out) == (status, True), done.out


def test_a_test_that_nobody_sends_says_what_to_check(
    api: str, contract: Contract, maquette: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without maintenance nothing is sent."""
    monkeypatch.setattr("maquette.cli.webhooks._TEST_SECONDS_MAX", 0.0)
    contract.answers["POST /webhooks/whk_1/test"] = [(202, {}, {"webhook_id": "whk_1", "event_id": "evt_1"})]
    done = maquette("webhook", "test", "whk_1")
    assert (done.status, "maquette maintain" in done.err) == (1, True)


def test_secrets_rotate_with_an_overlap(api: str, contract: Contract, maquette: Command) -> None:
    """Hours on the command line are seconds to the API."""
    contract.answers["POST /webhooks/whk_1/rotate"] = [(200, {}, {**HOOK, "secret": "whsec_new"})]
    contract.answers["POST /projects/prj_1/webhook-secret"] = [(200, {}, {"secret": "whsec_jobs"})]
    assert (
        maquette("webhook", "rotate", "whk_1", "--overlap-hours", "0", "--json").json["secret"] == "whsec_new"
    )
    assert "whsec_jobs" in maquette("webhook", "secret").out
    assert [body for body, _ in contract.asked("POST", "/webhooks/whk_1/rotate")] == [{"overlap_seconds": 0}]
    [(body, _)] = contract.asked("POST", "/projects/prj_1/webhook-secret")
    assert body == {"overlap_seconds": 86_400}


def test_what_else_can_be_done_to_a_webhook(api: str, contract: Contract, maquette: Command) -> None:
    """Enable, disable, show, list what was sent, send it again; nothing to change is no change."""
    contract.answers["POST /webhooks/whk_1/enable"] = [(200, {}, HOOK)]
    contract.answers["POST /webhooks/whk_1/disable"] = [
        (200, {}, {**HOOK, "status": "disabled", "disabled_reason": "disabled by hand"})
    ]
    contract.answers["GET /webhooks/whk_1"] = [(200, {}, HOOK)]
    contract.answers["GET /webhooks/whk_1/deliveries"] = [
        (200, {}, {"items": [DELIVERY], "next_cursor": None})
    ]
    contract.answers["POST /webhooks/whk_1/deliveries/whd_1/redeliver"] = [
        (202, {}, {**DELIVERY, "status": "pending"})
    ]
    assert maquette("webhook", "enable", "whk_1", "--json").json == HOOK
    assert "disabled by hand" in maquette("webhook", "disable", "whk_1").out
    assert "hooks.example" in maquette("webhook", "show", "whk_1").out
    assert "WebhookTest" in maquette("webhook", "deliveries", "whk_1", "--status", "succeeded").out
    assert "whd_1" in maquette("webhook", "redeliver", "whk_1", "whd_1").out
    nothing = maquette("webhook", "change", "whk_1")
    assert (nothing.status, "nothing to change" in nothing.err) == (1, True)

"""docs/quotas.md: its example runs, and every limit is told; and quotas over HTTP."""

import asyncio
import re
from base64 import urlsafe_b64encode
from pathlib import Path

import httpx
import pytest
from live_api import open_live, running

from maquette.domain.quota import LIMIT_NAMES

PAGE = Path(__file__).parents[2] / "docs" / "quotas.md"


def test_every_limit_is_told() -> None:
    """The table of limits has each that can be set."""
    assert re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE) == list(LIMIT_NAMES)


async def test_the_example_runs_and_limits_hold_over_http(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of the page against the real API; then what owners and users may set and see, and what they are told."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    async with open_live(database_url, tmp_path) as live, running(live.app) as url:
        monkeypatch.setenv("MAQUETTE_URL", url)
        monkeypatch.setenv("MAQUETTE_API_KEY", live.tokens["operator"])
        await asyncio.to_thread(exec, compile("\n".join(blocks), str(PAGE), "exec"), names)
        operator = names["operator"]
        assert isinstance(operator, httpx.Client)
        await asyncio.to_thread(_limits, operator, url)
        await asyncio.sleep(1.5)  # the processes exchange limits of requests once a second
        await asyncio.to_thread(_limited, operator, url)
        operator.close()


def _limits(operator: httpx.Client, url: str) -> None:
    project = operator.post("/projects", json={"name": "Quay"}).json()["id"]
    made = operator.post(f"/projects/{project}/keys", json={"name": "owner", "role": "owner"}).json()
    path = f"/projects/{project}/quotas"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {made['key']}"}) as owner:
        assert owner.put(path, json={"limits": {"cost_per_month": 9}}).status_code == 403
        assert owner.put(path, json={"plan": None}).status_code == 403
        assert owner.get("/plans").status_code == 403
        assert owner.put("/services/studio/rates", json={"rates": {}}).status_code == 403
        assert operator.put(path, json={"limits": {"cost_per_month": 9}}).status_code == 200
        above = owner.put(path, json={"per_user": {"cost_per_month": 10}})
        assert (above.status_code, above.json()["details"][0]["type"]) == (422, "above_project")
        assert (
            owner.put(path, json={"per_user": {"cost_per_month": 8}}).json()["limits"]["cost_per_month"] == 9
        )
        assert "ratelimit-limit" not in owner.get(path).headers
        for text in (
            "nonsense",
            "W10=",
            urlsafe_b64encode(b'["' + b"0" * 32 + b'","\\ud800","",""]').decode(),
        ):
            assert owner.get("/usage", params={"cursor": text}).status_code == 422
        assert operator.get("/plans/%00").status_code == 404
        assert owner.get("/usage", params={"from": "2020-01-01"}).status_code == 422
    for body in (
        {"plan": "none"},
        {"plan": "\x00"},
        {"limits": {"jobs_per_day": -1}},
        {"users": {"two words": {}}},
    ):
        assert operator.put(path, json=body).status_code == 422, body
    assert operator.put(path, json={"limits": {"requests_per_minute": 2}}).status_code == 200
    operator.headers["x-test-key"], operator.headers["x-test-project"] = made["key"], project


def _limited(operator: httpx.Client, url: str) -> None:
    key, project = operator.headers["x-test-key"], operator.headers["x-test-project"]
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as owner:
        answers = [owner.get(f"/projects/{project}/quotas") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["ratelimit-policy"] == '"project";q=2;w=60'
    assert answers[2].json()["code"] == "rate_limited"
    assert int(answers[2].headers["retry-after"]) == int(answers[2].headers["ratelimit-reset"])
    metrics = operator.get("/metrics").text
    assert 'maquette_refusals_total{reason="requests_per_minute"} 1.0' in metrics
    assert 'maquette_refusals_total{reason="cost_per_month"} 1.0' in metrics

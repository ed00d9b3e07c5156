"""Every error is a problem document: the same members, a status from one table, and nothing leaked."""

import inspect
from typing import Any

import httpx
import pytest

from maquette.api import problems
from maquette.domain import errors
from maquette.domain.errors import Detail, MaquetteError

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "retryable", "request_id", "details"}


def all_errors() -> list[type[MaquetteError]]:
    found = [*vars(errors).values(), *vars(problems).values()]
    kinds = {kind for kind in found if inspect.isclass(kind) and issubclass(kind, MaquetteError)}
    return sorted(kinds - {MaquetteError}, key=lambda kind: kind.code)


STATUSES = {
    "unauthenticated": 401,
    "forbidden": 403,
    "budget_exhausted": 402,
    "content_blocked": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "conflict": 409,
    "illegal_transition": 409,
    "stale_fence": 409,
    "stale_review": 409,
    "stale_version": 409,
    "stale_safety_decision": 409,
    "awaiting_safety_verdict": 409,
    "object_conflict": 409,
    "expired": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "invalid_request": 422,
    "content_policy_violation": 422,
    "constraint_conflict": 422,
    "idempotency_key_reuse": 422,
    "malformed_json": 422,
    "unusable_upload": 422,
    "quota_exceeded": 429,
    "rate_limited": 429,
    "headers_too_large": 431,
    "internal_error": 500,
    "unavailable": 503,
    "outcome_unknown": 503,
}


def test_each_class_has_a_code_of_its_own() -> None:
    """A program can tell errors apart by code alone, and each code has the status it is documented with."""
    assert {kind.code: int(problems.status_of(kind)) for kind in all_errors()} == STATUSES
    assert len(all_errors()) == len(STATUSES)


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.code)
async def test_an_error_becomes_its_problem(
    client: httpx.AsyncClient, skeleton: Any, kind: type[MaquetteError]
) -> None:
    """Whatever a handler raises arrives with all members, its details and its own extras."""
    skeleton.fails_with = kind(
        "It went wrong.",
        details=[Detail(("body", "params", 3), "is odd", "value_error")],
        extra={"more": [1]},
    )
    response = await client.get("/fail", headers={"x-request-id": "abc-1"})
    assert response.status_code == STATUSES[kind.code]
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == MEMBERS | {"more"}
    assert body["type"] == f"urn:maquette:problem:{kind.code}"
    assert body["title"]
    assert not body["title"].endswith(".")
    assert (body["status"], body["code"], body["detail"]) == (
        response.status_code,
        kind.code,
        "It went wrong.",
    )
    assert (body["instance"], body["request_id"]) == ("/fail", "abc-1")
    assert body["retryable"] is kind.retryable
    assert body["details"] == [{"loc": ["body", "params", 3], "msg": "is odd", "type": "value_error"}]
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    assert ("retry-after" in response.headers) == (response.status_code in {429, 503})


async def test_extras_never_replace_a_member(client: httpx.AsyncClient, skeleton: Any) -> None:
    """An error's own members stand beside the standard ones."""
    skeleton.fails_with = errors.Conflict("No.", extra={"status": 200, "code": "fine"})
    body = (await client.get("/fail")).json()
    assert (body["status"], body["code"]) == (409, "conflict")


@pytest.mark.parametrize(("seconds", "sent"), [(0.2, "1"), (7.1, "8"), (None, "2")])
async def test_retry_after_is_whole_seconds_rounded_up(
    client: httpx.AsyncClient, skeleton: Any, seconds: float | None, sent: str
) -> None:
    """A caller that waits as told does not come too early."""
    skeleton.fails_with = errors.Unavailable("Later.", retry_after_seconds=seconds)
    assert (await client.get("/fail")).headers["retry-after"] == sent


async def test_the_last_resort_leaks_nothing(
    client: httpx.AsyncClient, skeleton: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect is a 500 without its message; the log has it, under the request id that the caller got."""
    skeleton.fails_with = RuntimeError("password=hunter2")
    response = await client.get("/fail")
    assert response.status_code == 500
    body = response.json()
    assert body.keys() == MEMBERS
    assert body["code"] == "internal_error"
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    record = next(record for record in caplog.records if record.name == "maquette.api")
    assert body["request_id"] in record.getMessage()
    assert record.exc_info


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/echo", 405, "method_not_allowed"),
        ("DELETE", "/", 405, "method_not_allowed"),
    ],
)
async def test_the_frameworks_own_errors_are_problems(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """Unknown addresses and methods answer in the same form; 405 lists what is allowed."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json().keys() == MEMBERS
    assert response.json()["code"] == code
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/projects", "GET, POST"),
        ("/projects/prj_1", "GET, PATCH"),
        ("/files/a/b/c.png", "GET, HEAD, PUT"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_405_lists_all_methods(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    """Not only those of the first route that matches."""
    response = await client.delete(path)
    assert response.status_code == 405
    assert sorted(response.headers["allow"].split(", ")) == allowed.split(", ")


async def test_validation_names_fields_and_echoes_nothing(client: httpx.AsyncClient) -> None:
    """All wrong fields are named, at most twenty; the values that were sent do not come back."""
    response = await client.post("/echo", json={"text": 5, "number": "secret-value", "x" * 900: 1})
    assert response.status_code == 422
    body = response.json()
    assert {tuple(detail["loc"])[:2] for detail in body["details"]} >= {("body", "text"), ("body", "number")}
    assert "secret-value" not in response.text
    assert max(len(str(part)) for detail in body["details"] for part in detail["loc"]) <= 300
    many = await client.post("/echo", json={f"x{number}": 1 for number in range(100)})
    assert len(many.json()["details"]) == 20
    assert "99 more" in many.json()["detail"]


async def test_query_parameters_are_validated_the_same_way(client: httpx.AsyncClient) -> None:
    """A query parameter of the wrong type is named with its place."""
    response = await client.get("/echo/x?limit=many")
    assert response.status_code == 422
    assert response.json()["details"][0]["loc"] == ["query", "limit"]


async def test_the_instance_is_a_uri_of_bounded_length(client: httpx.AsyncClient) -> None:
    """Odd and long paths do not make an odd or long document."""
    response = await client.get('/ä b"<>' + "y" * 2000)
    assert response.status_code == 404
    assert response.json()["instance"].isascii()
    assert len(response.content) < 2000

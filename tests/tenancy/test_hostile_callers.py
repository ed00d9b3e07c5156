"""Credentials and texts that are meant badly, through the whole app: a 4xx, or nothing special, and never a 5xx."""

import base64
import json
from typing import Any

from everybody import WORDS, World, key_of
from live_api import client_of

from maquette.domain.permissions import RULES

_FAR = 4102444800
TEXTS = (
    "' or '1'='1",
    "'; drop table jobs; --",
    "../../etc/passwd",
    "$1::uuid[]) or true--",
    "\u202e\x00\x1b",
    "{{7*7}}${x}",
)


def _unsigned(header: dict[str, Any], **claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = {"iss": "https://login.example.com", "aud": "maquette", "sub": "x", "exp": _FAR, **claims}
    return f"{part(header)}.{part(body)}.c2lnbmF0dXJl"


async def test_bad_credentials_are_nobodys(world: World) -> None:
    """Whatever is presented in place of a credential opens nothing, and the answer is the same for all of it."""
    good = world.live.tokens["user"]
    bad = [
        "mq_", good[:-1], good + "x", good.upper(), good.replace("mq_", "mq__"), "null", "a" * 9000, "a." * 5000,
        _unsigned({"alg": "none"}).rpartition(".")[0] + ".", _unsigned({"alg": "none"}),
        _unsigned({"alg": "HS256", "kid": "nobody's"}), _unsigned({"alg": "RS256", "kid": "../../keys"}),
        _unsigned({"alg": "RS256"}, aud="other"), _unsigned({"alg": "RS256"}, exp=1), _unsigned({"alg": "RS256"}, nbf=_FAR),
        _unsigned({"alg": "RS256", "jku": "http://127.0.0.1/keys"}), _unsigned({"alg": ["none"]}, sub=None), "..", "e30.e30.e30",
    ]  # fmt: skip
    answers = set()
    for token in bad:
        response = await client_of(world.live.app, token).get("/jobs")
        answers.add((response.status_code, response.json()["detail"]))
    assert {status for status, _ in answers} == {401}
    assert len(answers) == 1


def _spoiled(value: Any, text: str) -> Any:
    """Put a text into every place of a body that holds one, but for the project's id."""
    if isinstance(value, list):
        return [_spoiled(item, text) for item in value]
    if isinstance(value, dict):
        return {name: item if name == "project_id" else _spoiled(item, text) for name, item in value.items()}
    return text if isinstance(value, str) else value


async def test_tricks_in_every_text_are_texts(world: World) -> None:
    """SQL, paths and control characters in each text of each operation: no 5xx, and no id of this project told elsewhere."""
    stranger = next(who for who in world.people if who.name == "foreign owner")
    telling = [value for name, value in world.ids.items() if name != "project_id"]
    for method, path, operation in world.operations:
        name = operation["operationId"]
        if name.startswith("follow_"):
            continue
        who = world.people[-1] if "operator" in RULES[name].kinds else world.people[-4]
        for text in TEXTS:
            more: dict[str, Any] = {
                "params": {
                    item["name"]: text
                    for item in operation.get("parameters", [])
                    if item["in"] == "query"
                    and "string" in json.dumps(item["schema"])
                    and item["name"] != "project_id"
                }
            }
            if "requestBody" in operation and isinstance(body := world.body(operation), dict):
                more["json"] = _spoiled(body, text)
            known = dict.fromkeys(WORDS, text) | world.ids | key_of(world, path)
            address = path.format(**known).replace("\x00", "%00").replace("\x1b", "%1B")
            for caller in (who, stranger):
                response = await caller.client.request(method, address, **more)
                assert response.status_code < 500, (name, text, response.text)
            told = [value for value in telling if value in response.text and value not in str(response.url)]
            assert told == [], (name, text)
    assert (await world.live.user.get("/jobs")).json()["items"] != []

"""Names and texts that lead elsewhere, hide something or are too much: refused by a code, or kept as they are."""

import json
import re
import unicodedata
from typing import Any

from live_api import Live

#: What no name of a file, no path and no key may be.
ELSEWHERE = [
    "..",
    "../x",
    "a/../../x",
    "/etc/passwd",
    "..\\..\\x",
    "C:\\x",
    ".hidden",
    "a/./b",
    "a//b",
    "a/",
    "%2e%2e/x",
    "a\nb",
    "a\x7fb",
    "\u202egpj.exe",
    "a\u200bb",
    "\uff0e\uff0e\uff0fx",
    "\u0430dmin",  # Cyrillic
    "e\u0301",
    "\u00e9",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a" + "\u0301" * 10_000,
    "x" * 100_000,
]
#: Texts of people: none of them may be a 5xx anywhere, and those that are kept come back as they are seen.
UNSEEN = "[\u200b\u202e\u2066\u2069\ufeff]"
TEXTS = {
    "bidi override": "fox \u202egpj.exe",
    "bidi isolates": "\u2066fox\u2069",
    "zero width": "f\u200box",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flags": "\U0001f1e9\U0001f1ea" * 20,
    "NFD": "re\u0301sume\u0301",
    "NFKC twin": "\uff46\uff4f\uff58",
    "homoglyph": "f\u043ex",
    "marks": "a" + "\u0301" * 100,
    "right to left": "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "line separators": "a\u2028b\u2029c",
    "noncharacter": "a\ufffe",
    "private use": "a\ue000",
    "unassigned": "a\U000e0fff",
    "control": "a\u0007b",
    "escape": "a\x1b[2Jb",
    "byte order mark": "\ufefffox",
    "formula": "=cmd|' /C calc'!A0",
    "markup": "<script>alert(1)</script>",
    "template": "{{7*7}} ${7*7} %s %(x)s {0}",
    "statement": "'; drop table jobs; --",
    "like pattern": "%_\\",
}


async def test_a_name_that_leads_elsewhere_is_refused(live: Live, unchanged: Any) -> None:
    """Upload names and library paths: letters, digits and ._- alone, so that no file system can read more into them."""
    async with unchanged():
        for name in ELSEWHERE:
            announced = {"name": name, "media_type": "image/png", "bytes": 1, "sha256": "a" * 64}
            brief = {"asset_type": "2D", "prompt": "a fox", "library_path": name}
            for path, field, body in (("/uploads", "name", announced), ("/jobs", "library_path", brief)):
                refused = await live.user.post(path, json={"project_id": live.project_id, **body})
                assert refused.status_code == 422, (path, name[:50], refused.text)
                assert refused.json()["code"] == "invalid_request"
                assert refused.json()["details"][0]["loc"][-1] == field, (path, name[:50])
                assert len(refused.text) < 5000, "what was sent is not sent back"


async def test_a_slug_of_any_prompt_is_a_plain_path(live: Live) -> None:
    """Without a path of its own, a brief's asset goes where letters and digits lead: never up, never to nothing."""
    paths = set()
    for text in ("../../etc", "/", "\u05e9\u05dc\u05d5\u05dd", "\u202e", "🤖", "a" * 1999, "..", "CON"):
        job = await live.brief(prompt=f"{text} fox" if text == "\u202e" else text)
        paths.add(job["inputs"]["library_path"])
    assert all(path and all(ch.isascii() and (ch.isalnum() or ch == "-") for ch in path) for path in paths)


def _seen(text: str) -> str:
    """Return a text without what takes no ink here, in the form that makes look-alikes of one letter equal."""
    return " ".join(unicodedata.normalize("NFKC", re.sub(UNSEEN, "", text)).split())


async def test_texts_are_kept_or_refused_never_worse(live: Live) -> None:
    """In every text of a person: 2xx and the text as one line and as it is seen, or a 422 that names the field."""
    project = f"/projects/{live.project_id}"
    kept = 0
    for name, text in TEXTS.items():
        wanted = {_seen(text), _seen(text[:80])}
        hook = {"project_id": live.project_id, "url": "https://example.com/x", "name": text}
        style = {"keywords": [text[:80]], "negative_keywords": [], "palette": []}
        brief = {
            "project_id": live.project_id,
            "asset_type": "2D",
            "prompt": text,
            "metadata": {text: [text]},
        }
        asked: list[tuple[str, str, dict[str, Any], Any]] = [
            ("PATCH", project, {"name": text}, lambda body: body["name"]),
            ("POST", "/webhooks", hook, lambda body: body["name"]),
            ("POST", f"{project}/keys", {"name": text}, lambda body: body["name"]),
            ("PUT", f"{project}/style", style, lambda body: body["style"]["keywords"][0]),
            ("POST", "/jobs", brief, lambda body: body["inputs"]["prompt"]),
        ]
        for method, path, body, shown in asked:
            response = await live.user.request(method, path, json=body)
            assert response.status_code in {200, 201, 422}, (name, path, response.text)
            if response.status_code == 422:
                assert response.json()["details"], (name, path)
            else:
                kept += 1
                assert shown(response.json()) in wanted, (name, path)
        listed = await live.user.get("/jobs", params={"project_id": live.project_id, "limit": 1})
        assert listed.status_code == 200
    assert kept > len(TEXTS) * 2


async def test_too_long_is_refused_whatever_it_is_made_of(live: Live, unchanged: Any) -> None:
    """100,000 characters, marks or emoji in each text: a 422 (or 413) that names the field, and quickly."""
    project = f"/projects/{live.project_id}"
    job = await live.brief()
    await live.work()
    review = {"step": "text_to_image", "revision": 0, "decision": "approved"}
    longs = [
        "x" * 100_000,
        "a" + "\u0301" * 10_000,
        "👩‍👩‍👧" * 5_000,
        "\u202e" * 100_000,
        " " * 99_999 + "x",
        "\ufdfa" * 5_000,
    ]
    places: list[tuple[str, str, str, dict[str, Any]]] = [
        ("POST", "/jobs", "prompt", {"project_id": live.project_id, "asset_type": "2D"}),
        (
            "POST",
            "/jobs",
            "negative_prompt",
            {"project_id": live.project_id, "asset_type": "2D", "prompt": "x"},
        ),
        ("POST", f"/jobs/{job['id']}/review", "notes", review),
        ("PATCH", project, "name", {}),
        ("POST", f"{project}/keys", "name", {}),
        ("POST", "/webhooks", "name", {"project_id": live.project_id, "url": "https://example.com/"}),
        ("POST", "/webhooks", "url", {"project_id": live.project_id}),
    ]
    async with unchanged():
        for text in longs:
            for method, path, field, body in places:
                refused = await live.user.request(method, path, json={**body, field: text})
                assert refused.status_code == 422, (path, field, text[:3], refused.text[:300])
                assert refused.json()["details"][0]["loc"][-1] == field
                assert len(refused.text) < 2000
        for query in ({"path": "x" * 20_000}, {"q": "x" * 20_000}, {"q": "\u0301" * 5_000}):
            assert (await live.user.get(f"{project}/assets", params=query)).status_code == 422
        refused = await live.user.post(
            "/batches", params={"project_id": live.project_id, "name": "x" * 20_000}, content=b"{}",
            headers={"content-type": "application/jsonl"},
        )  # fmt: skip
        assert refused.status_code == 422


async def test_notes_at_the_limit_are_kept(live: Live) -> None:
    """4,000 characters of a reviewer come back whole, odd ones too."""
    job = await live.brief()
    await live.work()
    notes = ("🦊 \u05e9\u05dc\u05d5\u05dd <b>\n" * 400)[:4000]
    answer = {"step": "text_to_image", "revision": 0, "decision": "approved", "notes": notes}
    reviewed = await live.user.post(f"/jobs/{job['id']}/review", json=answer)
    assert reviewed.status_code == 200, reviewed.text
    assert reviewed.json()["user_decisions"][0]["notes"] == notes.strip()


async def test_half_of_a_pair_and_nul_are_refused_everywhere(live: Live, unchanged: Any) -> None:
    """What no text can hold is refused as JSON, in any field, name or key, before anything looks at it."""
    bodies = [
        {"project_id": live.project_id, "asset_type": "2D", "prompt": "x", "metadata": {"a": "MARK"}},
        {"project_id": live.project_id, "asset_type": "2D", "prompt": "x", "metadata": {"MARK": 1}},
        {"project_id": "MARK", "asset_type": "2D", "prompt": "x"},
        {"project_id": live.project_id, "asset_type": "2D", "prompt": "x", "MARK": 1},
    ]
    async with unchanged():
        for mark in ("\\ud800", "\\udfff", "\\ud800\\ud800", "\\u0000", "\\\\\\u0000"):
            for body in bodies:
                raw = json.dumps(body).replace("MARK", mark).encode()
                refused = await live.user.post(
                    "/jobs", content=raw, headers={"content-type": "application/json"}
                )
                assert (refused.status_code, refused.json()["code"]) == (422, "malformed_json"), (
                    raw,
                    refused.text,
                )


async def test_a_webhooks_url_leads_where_it_says(live: Live, unchanged: Any) -> None:
    """Schemes, credentials, odd hosts, escapes and controls in a URL: refused when it is made, for a job's as well."""
    urls = [
        "file:///etc/passwd",
        "gopher://x/",
        "javascript:alert(1)",
        "//example.com/x",
        "https://",
        "https://user:pass@example.com/",
        "https://exa mple.com/",
        "https://example.com/\r\nX-A: b",
        "https://example.com\\@evil.example/",
        "https://[::1",
        "https://\u202eexample.com/",
        "https://127.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://0x7f.1/",
        "https://2130706433/",
        "http://example.com/",
        "https://example.com:99999/",
        "",
        "x",
    ]
    async with unchanged():
        for url in urls:
            hook = await live.user.post("/webhooks", json={"project_id": live.project_id, "url": url})
            assert hook.status_code == 422, (url, hook.text)
            brief = {"project_id": live.project_id, "asset_type": "2D", "prompt": "x", "webhook_url": url}
            job = await live.user.post("/jobs", json=brief)
            assert job.status_code == 422, (url, job.text)


async def test_a_key_in_a_link_cannot_be_led_elsewhere(live: Live, unchanged: Any) -> None:
    """Encoded slashes, dots, backslashes, NUL, other cases, longer paths: a link opens its own file or nothing."""
    job = await live.brief()
    await live.work(b"secret pixels")
    [artifact] = (await live.user.get(job["urls"]["self"])).json()["steps"][0]["artifacts"]
    path, _, query = artifact["url"].partition("?")
    assert (await live.nobody.get(artifact["url"])).content == b"secret pixels"
    folder, name = path.rsplit("/", 1)
    others = [
        f"{folder}/%2e%2e/{name}",
        f"{folder}%2f{name}x",
        f"{folder}/{name}%00",
        f"{folder}/{name}%00.png",
        f"{folder}/{name}%5c..%5cx",
        f"{folder}/..%2f..%2f{name}",
        f"{folder}/{name}~",
        f"{folder}/{name}~/meta.json",
        f"{folder}/{name}/",
        f"{folder}//{name}",
        f"{folder}/{name.upper()}",
        "/files/%2fetc%2fpasswd",
        "/files/../../../etc/passwd",
        "/files/",
        "/files/" + "a/" * 2000,
    ]
    async with unchanged():
        for other in others:
            response = await live.nobody.get(f"{other}?{query}")
            assert response.status_code in {403, 404, 422}, (other, response.status_code)
            assert b"secret" not in response.content
            sent = await live.nobody.put(
                f"{other}?{query}", content=b"x", headers={"content-type": "image/png"}
            )
            assert sent.status_code in {403, 404, 405, 415, 422}, (other, sent.status_code)
    # Another spelling of the very same key is the same file: nothing to gain by it.
    assert (await live.nobody.get(f"{folder}%2f{name}?{query}")).status_code in {200, 403, 404}

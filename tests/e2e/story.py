"""Stories told over HTTP alone: submit, look, decide. Keeps every look at a job, to be held against its events."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
from event_stream import Listener, assert_tells_all
from up_process import until

Fields = dict[str, Any]

#: Sizes that make every step as small as it can be and still real.
SMALL_2D: Fields = {"text_to_image": {"size": 256}, "refine": {"scale": 1}}
SMALL_3D: Fields = {
    **SMALL_2D,
    "image_to_3d": {"resolution": 64},
    "retopo": {"target_polycount": 500, "texture_size": 256},
    "export": {"turntable": False},
}
ENDED = frozenset({"succeeded", "failed", "canceled"})
#: Answers after which the same request is to be sent again: the API or its database is away.
_AWAY = frozenset({502, 503, 504})


class Api:
    """A client with one key, that waits out an API which is away. ``where`` gives the address: it may change."""

    def __init__(self, where: Callable[[], str], key: str, project_id: str) -> None:
        self.where = where
        self.key = key
        self.project_id = project_id
        self.seen: dict[str, list[Fields]] = {}
        self._http = httpx.Client(timeout=20.0)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send one request, with the key, and return whatever comes back."""
        headers = {"authorization": f"Bearer {self.key}"} | content.pop("headers", {})
        return self._http.request(method, self.where() + path, headers=headers, **content)

    def ok(self, method: str, path: str, **content: Any) -> Any:
        """Send until there is an answer, and return it when it is good."""

        def sent() -> httpx.Response | None:
            try:
                response = self.call(method, path, **content)
            except httpx.TransportError:
                return None
            return None if response.status_code in _AWAY else response

        response = until(sent, f"an answer to {method} {path}", 60.0)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def submit(self, asset_type: str = "2D", *, key: str | None = None, **more: Any) -> Fields:
        """Submit a small brief; with ``key`` as often as it takes to hear the answer."""
        small = SMALL_2D if asset_type == "2D" else SMALL_3D
        body = {
            "project_id": self.project_id,
            "asset_type": asset_type,
            "prompt": "a rusty robot courier",
            "seed": 42,
            **more,
        }
        body["params"] = {
            step: {**values, **more.get("params", {}).get(step, {})} for step, values in small.items()
        } | {step: values for step, values in more.get("params", {}).items() if step not in small}
        body["params"] = {
            step: values for step, values in body["params"].items() if step not in body.get("skip", ())
        }
        headers = {} if key is None else {"idempotency-key": key}
        return self._keep(self.ok("POST", "/jobs", json=body, headers=headers))

    def _keep(self, job: Fields) -> Fields:
        self.seen.setdefault(job["id"], [])
        return job

    def job(self, job_id: str) -> Fields:
        """Look at a job, superseded revisions included."""
        found = self.ok("GET", f"/jobs/{job_id}", params={"history": "true"})
        self.seen.setdefault(job_id, []).append(found)
        return dict(found)

    def until(self, job_id: str, what: Callable[[Fields], Any], seconds: float = 60.0) -> Fields:
        """Look until it is as wanted; a job that ended otherwise is an error at once."""

        def looked() -> Fields | None:
            job = self.job(job_id)
            if what(job):
                return job
            assert job["status"] not in ENDED, f"ended {job['status']}: {job['error']}"
            return None

        return dict(until(looked, f"the wanted state of {job_id}", seconds))

    def gate(self, job_id: str, step: str | None = None) -> Fields:
        """Wait for a gate, at ``step`` or anywhere."""
        return self.until(job_id, lambda job: gate_of(job) and step in {None, job["current_step"]})

    def decide(self, job: Fields, decision: str = "approved", **more: Any) -> httpx.Response:
        """Decide at the gate that ``job`` shows."""
        step = gate_of(job)
        assert step is not None, f"no gate is open: {job['status']}"
        body = {"step": step["name"], "revision": step["revision"], "decision": decision, **more}
        return self.call("POST", f"/jobs/{job['id']}/review", json=body)

    def approve(self, job: Fields, **more: Any) -> Fields:
        """Approve, as often as it takes to be heard; that it was heard before is as good."""

        def heard() -> bool:
            try:
                response = self.decide(job, **more)
            except httpx.TransportError:
                return False
            if response.status_code in _AWAY:
                return False
            won = response.json().get("decision", {}) if response.status_code == 409 else {}
            assert response.is_success or won.get("decision") == "approved", response.text
            return True

        until(heard, "the approval is heard", 60.0)
        return self.job(job["id"])

    def finish(self, job_id: str, seconds: float = 60.0) -> Fields:
        """Approve at every gate until the job has ended well."""
        while True:
            job = self.until(job_id, lambda job: gate_of(job) or job["status"] == "succeeded", seconds)
            if job["status"] == "succeeded":
                return job
            self.approve(job)

    def listen(self, job_id: str, *, drop_every: int = 0) -> Listener:
        """Follow a job's events from the first on."""
        listener = Listener(self.where, self.key, job_id, drop_every=drop_every)
        listener.start()
        return listener

    def assert_told(self, listener: Listener) -> None:
        """Hold every look at an ended job against what its events tell."""
        events = listener.finish()
        job_id = events[0]["subject"]
        self.job(job_id)
        assert_tells_all(events, self.seen[job_id])

    def upload(self, name: str, media_type: str, content: bytes) -> str:
        """Announce and send a file; return its id."""
        sha256 = hashlib.sha256(content).hexdigest()
        announced = {"name": name, "media_type": media_type, "bytes": len(content), "sha256": sha256}
        grant = self.ok("POST", "/uploads", json={"project_id": self.project_id, **announced})
        sent = self._http.request(
            grant["method"], self.absolute(grant["url"]), headers=grant["headers"], content=content
        )
        assert sent.status_code == 204, sent.text
        return str(grant["id"])

    def absolute(self, url: str) -> str:
        """Complete a link of the API."""
        return url if url.startswith("http") else self.where() + url

    def fetch(self, url: str, **headers: str) -> httpx.Response:
        """Get a signed link: no key goes there."""
        return self._http.get(self.absolute(url), headers=headers)


def gate_of(job: Fields) -> Fields | None:
    """Return the step at an open gate."""
    return next((step for step in job["steps"] if step["pause_reason"] == "review"), None)


def step_of(job: Fields, name: str) -> Fields:
    """Return a step's current revision."""
    return [step for step in job["steps"] if step["name"] == name][-1]

"""A job as its event stream alone tells it. Knows the events' JSON (docs/events.md) and nothing of Maquette."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import httpx

Event = dict[str, Any]
#: (step, revision) -> what is shown of it.
Steps = dict[tuple[str, int], dict[str, Any]]
State = tuple[str, Steps]

LAST = frozenset({"JobSucceeded", "JobFailed", "JobCanceled"})
_SHOWN = ("status", "attempt", "pause_reason")
_ORIGIN = ("provided", "reused_from")
#: A step revision before anything is told of its work; files by id, with the id of what replaced them.
_UNTOUCHED: dict[str, Any] = {"provided": False, "reused_from": None, "artifacts": {}}


def reduce(events: Iterable[Event]) -> State:
    """Rebuild the job's status and every step revision: status, attempt, pause reason, where its work came from, files."""
    status, steps = "", Steps()
    for event in events:
        data = event["data"]
        status = data["job_status"]
        for step in data.get("steps", ()):
            before = steps.get((step["name"], step["revision"]), _UNTOUCHED)
            told = {name: step[name] for name in (*_SHOWN, *_ORIGIN) if name in step}
            steps[step["name"], step["revision"]] = {**before, **told}
        if "artifacts" in data and data.get("steps"):
            [key] = [
                (step["name"], step["revision"])
                for step in data["steps"]
                if step["name"] == data["step_name"]
            ]
            made = {item["id"]: None for item in data["artifacts"]}
            heirs = dict(zip(data.get("replacements", {}), made, strict=False))
            steps[key] = {**steps[key], "artifacts": {**steps[key]["artifacts"], **made, **heirs}}
    return status, steps


def shown(job: dict[str, Any]) -> State:
    """Return what `GET /jobs/{id}?history=true` shows, in the reducer's form."""
    revisions = job["steps"]
    steps = {
        (step["name"], step["revision"]): {name: step[name] for name in (*_SHOWN, *_ORIGIN)}
        | {"artifacts": {item["id"]: item["replaced_by"] for item in step["artifacts"]}}
        for step in revisions
    }
    assert len(steps) == len(revisions), "a step revision is shown twice"
    return job["status"], steps


def assert_tells_all(events: Sequence[Event], snapshots: Sequence[dict[str, Any]]) -> None:
    """Each snapshot of the job is its state after some prefix of the events, in order; sequences have no gap."""
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    at = 0
    states = [reduce(events[:count]) for count in range(1, len(events) + 1)]
    for snapshot in snapshots:
        expected = shown(snapshot)
        found = next((place for place in range(at, len(states)) if states[place] == expected), None)
        assert found is not None, f"no prefix from event {at + 1} on gives {expected}; the last: {states[-1]}"
        at = found


def messages(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Read server-sent events: (id, event, data), as the HTML standard has them."""
    fields = {"id": "", "event": "", "data": ""}
    for line in lines:
        if line == "":
            if fields["data"]:
                yield fields["id"], fields["event"], fields["data"]
            fields = {"id": "", "event": "", "data": ""}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


class Listener(threading.Thread):
    """Follows one job to its last event, over as many connections as it takes.

    ``drop_every`` events it drops the connection by itself. Each new connection goes on after the last id.
    """

    def __init__(self, where: Callable[[], str], key: str, job_id: str, *, drop_every: int = 0) -> None:
        super().__init__(daemon=True, name=f"listener {job_id}")
        self.events: list[Event] = []
        self.connections = 0
        self.progress: list[dict[str, Any]] = []
        self._where, self._key, self._job_id, self._drop_every = where, key, job_id, drop_every
        self._failure: BaseException | None = None
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self._stopped.is_set() and not self._ended:
                try:
                    self._follow()
                except httpx.TransportError:
                    self._stopped.wait(0.05)
        except BaseException as failure:  # noqa: BLE001 - told to the thread that waits
            self._failure = failure

    @property
    def _ended(self) -> bool:
        return bool(self.events) and self.events[-1]["type"] in LAST

    def _follow(self) -> None:
        headers = {"authorization": f"Bearer {self._key}"}
        if self.events:
            headers["last-event-id"] = str(int(self.events[-1]["sequence"]))
        address = f"{self._where()}/jobs/{self._job_id}/events"
        with httpx.stream("GET", address, headers=headers, timeout=httpx.Timeout(5.0, read=30.0)) as answer:
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # the database is away
                self._stopped.wait(0.05)
                return
            assert answer.status_code == httpx.codes.OK, answer.read()
            self.connections += 1
            taken = 0
            for identity, kind, data in messages(answer.iter_lines()):
                if kind == "progress":
                    assert identity == ""
                    self.progress.append(json.loads(data))
                    continue
                event = json.loads(data)
                assert (int(event["sequence"]), event["type"]) == (int(identity), kind)
                self.events.append(event)
                taken += 1
                if self._stopped.is_set() or taken == self._drop_every:
                    return

    def finish(self, seconds: float = 30.0) -> list[Event]:
        """Wait for the job's last event and return all of them."""
        self.join(seconds)
        if self._failure is not None:
            raise self._failure
        assert not self.is_alive(), f"no last event within {seconds:g} s after {self.events[-1:]}"
        return self.events

    def stop(self) -> None:
        """Let go of a job that has not ended."""
        self._stopped.set()

"""A small server that speaks the API's contract, with jobs that move as a test says."""

import copy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "mq_test_0123456789"
GLB = b"glTF" + bytes(60)


def step(name: str, position: int, **changes: Any) -> dict[str, Any]:
    """A step as the API shows it, pending unless changed."""
    plain = {
        "id": f"step_{name}",
        "name": name,
        "position": position,
        "revision": 0,
        "status": "pending",
        "pause_reason": None,
        "attempt": 0,
        "service": None,
        "started_at": None,
        "finished_at": None,
        "artifacts": [],
        "outputs": {},
        "error": None,
        "reused_from": None,
    }
    return {**plain, **changes}


RUNNING = {"status": "running", "attempt": 1, "service": "studio", "started_at": "2026-01-01T00:00:00Z"}
FINISHED = RUNNING | {"status": "done", "finished_at": "2026-01-01T00:00:02.500Z"}
REVIEW = FINISHED | {"status": "paused", "pause_reason": "review"}
APPROVED = FINISHED | {"status": "approved"}
FAILED = FINISHED | {
    "status": "failed",
    "error": {"code": "mesh_has_no_faces", "message": "The mesh is empty."},
}


def job(status: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A 2D job as the API shows it; steps that are not given are pending."""
    names = ("text_to_image", "refine", "export")
    rows = [*steps, *(step(name, at) for at, name in enumerate(names) if at >= len(steps))]
    current = next((row["name"] for row in rows if row["status"] not in {"done", "approved"}), "export")
    plain = {
        "id": "job_1",
        "project_id": "prj_1",
        "asset_type": "2D",
        "status": status,
        "current_step": current,
        "created_at": "2026-01-01T00:00:00Z",
        "inputs": {"prompt": "a red kettle", "library_path": "props/kettle", "seed": 42},
        "progress": {"value": 0.1, "steps_done": 0, "steps_total": 3, "message": ""},
        "queue_position": None,
        "steps": rows,
        "error": None,
        "asset_id": "ast_1" if status == "succeeded" else None,
    }
    return {**plain, **changes}


class Contract:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.job = job("queued")
        self.requests: list[tuple[str, str, Any, dict[str, str]]] = []
        self.streams: list[list[str]] = [[]]
        """One list of server-sent texts a connection; the last one is held open."""
        self.on_event: dict[str, dict[str, Any]] = {}
        """Job that holds from the moment an event's text is sent."""
        self.answers: dict[str, list[tuple[int, dict[str, str], Any]]] = {}
        """Answers to give first, by ``METHOD /path``."""
        self.on_review: Callable[[dict[str, Any]], dict[str, Any]] = lambda _body: self.job
        self.files = {"kettle.png": b"png of a kettle", "preview.png": b"preview", "kettle.glb": GLB}
        self.damaged = False
        self.library: dict[str, dict[str, Any]] = {}
        """Assets at a version by path, before the one that is always there."""
        self.latest: list[dict[str, Any]] = []
        """What the library lists, unless it is that one asset."""
        self.services: list[dict[str, Any]] = []
        self.project: dict[str, Any] = {
            "id": "prj_1",
            "name": "Lighthouse",
            "created_at": "2026-01-01T00:00:00Z",
            "style": {"version": 2, "keywords": ["painted"], "negative_keywords": [], "palette": ["#c83a34"]},
            "gates": {"version": 1, "gates": ["text_to_image", "before_export"]},
        }
        self.closing = threading.Event()

    def asset(self) -> dict[str, Any]:
        """The job's asset."""
        files = [
            {
                "name": name,
                "role": {"kettle.png": "image", "preview.png": "preview"}.get(name, "model"),
                "media_type": "image/png",
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "url": f"/files/{name}?signature=s",
            }
            for name, content in self.files.items()
        ]
        return {
            "id": "ast_1",
            "project_id": "prj_1",
            "type": "2D",
            "version": 2,
            "status": "approved",
            "library_path": "props/kettle",
            "files": files,
            "metadata": {"poly_count": 4000},
            "lineage": {"prompt": "a red kettle", "job_id": "job_1"},
            "created_at": "2026-01-01T00:00:03Z",
        }

    def asked(self, method: str, path: str) -> list[tuple[Any, dict[str, str]]]:
        """Bodies (or queries) and headers of the requests to one address."""
        return [
            (body, headers) for verb, place, body, headers in self.requests if (verb, place) == (method, path)
        ]


@contextmanager
def serving(contract: Contract) -> Iterator[str]:
    """Serve a contract on loopback; yields its address."""
    server = Server(contract)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        contract.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Server(ThreadingHTTPServer):
    """A server with a contract."""

    daemon_threads = False

    def __init__(self, contract: Contract) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contract = contract


class Handler(BaseHTTPRequestHandler):
    """Answers for its server's self.server.contract."""

    server: "Server"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET", None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._answer("POST", json.loads(self.rfile.read(length) or b"null"))

    def do_PATCH(self) -> None:
        self._answer("PATCH", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_DELETE(self) -> None:
        self._answer("DELETE", None)

    def do_PUT(self) -> None:
        self._answer("PUT", self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, method: str, body: Any) -> None:
        place = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        self.server.contract.requests.append(
            (method, place.path, query if body is None else body, dict(self.headers))
        )
        if first := self.server.contract.answers.get(f"{method} {place.path}"):
            self._send(*first.pop(0))
        elif place.path.startswith("/files/"):
            content = self.server.contract.files[place.path.removeprefix("/files/")]
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            content = content[start:-1] if self.server.contract.damaged else content[start:]
            self._send(206 if start else 200, {}, content)
        elif method == "PUT":
            self._send(201, {}, b"")
        elif self.headers.get("Authorization") != f"Bearer {KEY}":
            self._send(
                401,
                {},
                {"title": "No valid credentials", "detail": "The key is unknown.", "request_id": "r1"},
            )
        else:
            self._resource(method, place.path, body, query)

    def _resource(self, method: str, path: str, body: Any, query: dict[str, str]) -> None:
        match method, path.strip("/").split("/"):
            case "GET", ["jobs", "job_1", "events"]:
                self._stream()
            case ("POST", ["jobs"]) | ("GET", ["jobs", "job_1"]):
                self._send(201 if method == "POST" else 200, {}, self.server.contract.job)
            case "GET", ["jobs"]:
                page = int(query.get("cursor", "0"))
                items = [{**self.server.contract.job, "id": f"job_{page * 2 + at}"} for at in range(2)]
                self._send(200, {}, {"items": items, "next_cursor": str(page + 1) if page < 2 else None})
            case "POST", ["jobs", "job_1", "review"]:
                self.server.contract.job = self.server.contract.on_review(body)
                self._send(200, {}, self.server.contract.job)
            case "POST", ["uploads"]:
                self._send(
                    201,
                    {},
                    {"id": "upl_1", "url": "/stored?signature=s", "headers": {"X-Sum": body["sha256"]}},
                )
            case _:
                self._tenant(method, path, body)

    def _tenant(self, method: str, path: str, body: Any) -> None:
        match method, path.strip("/").split("/"):
            case "GET", ["assets", *_] if path in self.server.contract.library:
                self._send(200, {}, self.server.contract.library[path])
            case "GET", ["assets", "ast_1", *_]:
                self._send(200, {}, self.server.contract.asset())
            case "GET", ["projects", "prj_1", "assets"]:
                items = self.server.contract.latest or [self.server.contract.asset()]
                self._send(200, {}, {"items": items, "next_cursor": None})
            case "GET", ["services"]:
                self._send(200, {}, {"items": self.server.contract.services, "next_cursor": None})
            case (("GET" | "PATCH"), ["projects", "prj_1"]):
                self._send(200, {}, {**self.server.contract.project, **(body or {})})
            case "GET", ["projects", "prj_1", ("style" | "gates") as kind]:
                made = dict(self.server.contract.project[kind])
                self._send(200, {}, {"version": made.pop("version"), "document": made})
            case "GET", ["projects"]:
                self._send(200, {}, {"items": [self.server.contract.project], "next_cursor": None})
            case "POST", ["projects", "prj_1", "keys"]:
                self._send(201, {}, {"id": "key_1", "name": body["name"], "key": "mq_new"})
            case _:
                self._send(
                    404,
                    {},
                    {"title": "Not found", "detail": "There is no such thing.", "request_id": "r2"},
                )

    def _stream(self) -> None:
        texts = (
            self.server.contract.streams.pop(0)
            if len(self.server.contract.streams) > 1
            else self.server.contract.streams[0]
        )
        last = not self.server.contract.streams or self.server.contract.streams[0] is texts
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for text in texts:
            self.server.contract.job = self.server.contract.on_event.get(text, self.server.contract.job)
            self.wfile.write(text.encode())
            self.wfile.flush()
        if last:
            self.server.contract.closing.wait(20.0)

    def _send(self, status: int, headers: dict[str, str], content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(copy.deepcopy(content)).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def event(sequence: int, kind: str, **data: Any) -> str:
    """An event's text on the stream."""
    content = {
        "specversion": "1.0",
        "type": kind,
        "sequence": f"{sequence:020}",
        "data": {"job_id": "job_1", **data},
    }
    return f"id: {sequence}\nevent: {kind}\ndata: {json.dumps(content)}\n\n"


def progress(step_name: str, value: float, message: str) -> str:
    """A progress report's text on the stream."""
    return f"event: progress\ndata: {json.dumps({'step_name': step_name, 'value': value, 'message': message})}\n\n"

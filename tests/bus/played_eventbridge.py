"""EventBridge as far as the adapter needs it: PutEvents in Amazon's own protocol, its limits held, bad days on order."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TARGET = "AWSEvents.PutEvents"
#: Amazon's, written down a second time on purpose: the adapter is held to them.
ENTRIES_MAX, BYTES_MAX = 10, 256 * 1024


class PlayedEventBridge:
    """A server on loopback. ``arrived`` are the entries that were taken, in order."""

    def __init__(self) -> None:
        self.arrived: list[Mapping[str, Any]] = []
        self.requests = 0
        self.errors: deque[str | None] = deque()
        """What the next entries are answered with, one each; None: taken."""
        self.refusals: deque[str] = deque()
        """What the next requests are refused with as a whole."""
        self._lock = threading.Lock()
        played = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one packet: apart, each answer took 40 ms

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.headers["x-amz-target"] == TARGET
                assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
                with played._lock:
                    status, answer = played._put(body["Entries"])
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _put(self, entries: list[dict[str, Any]]) -> tuple[int, Mapping[str, Any]]:
        self.requests += 1
        if self.refusals:
            code = self.refusals.popleft()
            return 400, {"__type": code, "message": "played"}
        if not 1 <= len(entries) <= ENTRIES_MAX or sum(map(_size, entries)) >= BYTES_MAX:
            return 400, {"__type": "ValidationException", "message": "too many entries, or too large"}
        answers: list[Mapping[str, Any]] = []
        for entry in entries:
            code = self.errors.popleft() if self.errors else None
            if code is None:
                self.arrived.append(entry)
                answers.append({"EventId": str(len(self.arrived))})
            else:
                answers.append({"ErrorCode": code, "ErrorMessage": "played"})
        return 200, {"FailedEntryCount": sum("ErrorCode" in item for item in answers), "Entries": answers}


def _size(entry: Mapping[str, Any]) -> int:
    texts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", ()))
    return 14 * ("Time" in entry) + sum(len(text.encode()) for text in texts)

"""One client's connection: what may arrive before a request's head is whole, and how long that may take.

The server below reads heads of any length for any time, from anybody; bodies are counted and checked where they are
read (``body.py``). Costs nothing where a head arrives in one piece, as nearly all do.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: More than one read of the event loop (256 KiB), so that the end of a body before it never counts as a head.
HEAD_BYTES_MAX = 512 * 1024
HEADERS_MAX = 1000
HEAD_SECONDS_MAX = 30.0


class Connection(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with patience that ends: 408 after 30 s, 431 for a head without end."""

    _in_head = False
    _head_bytes = 0
    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first head."""
        super().connection_made(transport)
        self._give_up_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and count while a head is not whole."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX or len(self.headers) > HEADERS_MAX:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._giving_up is None:
                self._give_up_later()

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it is whole."""
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def _give_up_later(self) -> None:
        self._giving_up = self.loop.call_later(HEAD_SECONDS_MAX, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _wait_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, unless an answer is under way on this connection, and close it."""
        self._wait_no_more()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode())
        self.transport.close()

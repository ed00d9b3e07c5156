"""A TCP proxy that behaves as networks do: it resets, falls silent, and loses answers to what was done."""

import asyncio
import socket
import struct
from contextlib import suppress

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST instead of FIN."""


class Proxy:
    """Passes connections on to ports on loopback: with several it takes turns, and passes over one that refuses."""

    def __init__(self, *targets: int) -> None:
        self.targets = list(targets)
        self._server: asyncio.Server | None = None
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.swallows = False
        """Whether answers are thrown away: what was asked for is done, and nobody hears of it."""
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port, or again on the one it had."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop everybody."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def reset(self) -> None:
        """Cut every connection in mid-sentence."""
        for pair in list(self._pairs):
            for end in pair:
                raw = end.get_extra_info("socket")
                if raw is not None:
                    with suppress(OSError):
                        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.transport.abort()

    def stall(self, *, silent: bool) -> None:
        """Pass nothing on while silent; connections stay open."""
        (self._flows.clear if silent else self._flows.set)()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(len(self.targets)):
            self.targets.append(target := self.targets.pop(0))
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
                break
        else:
            writer.transport.abort()
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer, answers=False)),
            asyncio.create_task(self._pump(far_reader, writer, answers=True)),
        ]
        self._pumps.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._pumps.difference_update(ways)
            self._pairs.discard(pair)
            for end in pair:
                end.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(64 * 1024):
                await self._flows.wait()
                if answers and self.swallows:
                    continue
                writer.write(data)
                await writer.drain()

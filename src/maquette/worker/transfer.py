"""Files in and out of the work directory: streamed, checked, sent again while that can help."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from maquette.wire import InputArtifact, OutputArtifact, Task, UploadGrant, UploadRequest, UploadsRequest
from maquette.worker import backoff
from maquette.worker.client import CONNECT_SECONDS_MAX, Client
from maquette.worker.contract import NAME
from maquette.worker.errors import AttemptFailed, LeaseLost, Refused, Unavailable
from maquette.worker.handler import Input, Output

logger = logging.getLogger("maquette.worker")

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
INPUT_BYTES_MAX = 2 * 1024**3
#: How long one file may be tried for before its attempt fails; the attempt's deadline may end it sooner.
TRY_SECONDS_MAX = 120.0
#: No byte for this long: the connection is dead.
SILENCE_SECONDS_MAX = 60.0

_LATER = frozenset({408, 425, 429})


class Transfers:
    """Downloads and uploads of one worker process, over connections of their own.

    They never carry the worker's token (their URLs are signed), and however many are under way, a heartbeat
    never waits for a free connection. Use it as an async context manager.
    """

    def __init__(
        self, client: Client, *, connections: int = 16, try_seconds: float = TRY_SECONDS_MAX
    ) -> None:
        self._client = client
        self._connections = connections
        self._try_seconds = try_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=60.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS_MAX, sock_read=SILENCE_SECONDS_MAX
            ),
            # The signature may bind the headers: send what was granted and add nothing of our own.
            skip_auto_headers=("Content-Type", "User-Agent", "Accept"),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def download(self, artifacts: Iterable[InputArtifact], folder: Path) -> tuple[Input, ...]:
        """Fetch artifacts into ``folder``, several at once, in their given order.

        Raises AttemptFailed: ``input_too_large``, ``input_missing``, ``input_unavailable``,
        ``input_checksum_mismatch``.
        """
        return tuple(
            await together(
                self._download(artifact, folder / f"{number}-{_safe(artifact.name)}")
                for number, artifact in enumerate(artifacts)
            )
        )

    async def upload(self, task: Task, outputs: Sequence[tuple[Output, OutputArtifact]]) -> None:
        """Store outputs under presigned URLs, several at once.

        Raises LeaseLost, or AttemptFailed: ``upload_rejected``, ``upload_refused``, ``upload_forbidden``,
        ``upload_conflict``, ``upload_unavailable``.
        """
        grants = await self._grants(task, [artifact for _, artifact in outputs])
        await together(
            self._upload(task, output, artifact, grants[artifact.name]) for output, artifact in outputs
        )

    async def _download(self, artifact: InputArtifact, path: Path) -> Input:
        if artifact.bytes > INPUT_BYTES_MAX:
            raise AttemptFailed(
                "input_too_large",
                f"{artifact.name} has {artifact.bytes} bytes, more than this worker takes.",
                "invalid",
            )
        await self._persist(
            lambda: self._fetch(artifact, path), f"download of {artifact.name}", "input_unavailable"
        )
        return Input(
            step=artifact.step,
            kind=artifact.kind,
            name=artifact.name,
            media_type=artifact.media_type,
            path=path,
            attributes=artifact.attributes,
        )

    async def _fetch(self, artifact: InputArtifact, path: Path) -> None:
        assert self._session is not None, "use the transfers as an async context manager"
        digest = hashlib.sha256()
        size = 0
        async with self._session.get(self._client.resolve(artifact.url)) as response:
            _raise_for_later(response)
            if response.status in {404, 410}:
                raise AttemptFailed("input_missing", f"{artifact.name}: {response.status}", "invalid")
            if response.status != 200:
                raise AttemptFailed("input_unavailable", f"{artifact.name}: {response.status}", "transient")
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    size += len(chunk)
                    if size > artifact.bytes:
                        break
                    digest.update(chunk)
                    file.write(chunk)
        if size != artifact.bytes or digest.hexdigest() != artifact.sha256:
            raise AttemptFailed(
                "input_checksum_mismatch", f"{artifact.name} is not the file that was promised.", "transient"
            )

    async def _grants(self, task: Task, artifacts: list[OutputArtifact]) -> dict[str, UploadGrant]:
        request = UploadsRequest(
            uploads=[
                UploadRequest(
                    task_id=task.task_id,
                    fence=task.fence,
                    name=artifact.name,
                    media_type=artifact.media_type,
                    bytes=artifact.bytes,
                    sha256=artifact.sha256,
                )
                for artifact in artifacts
            ]
        )
        try:
            answer = await self._client.grants(request)
        except Refused as error:
            raise AttemptFailed("upload_rejected", str(error), "invalid") from None
        grants = {grant.name: grant for grant in answer.grants}
        for artifact in artifacts:
            grant = grants.get(artifact.name)
            if grant is None:
                raise AttemptFailed("upload_rejected", f"{artifact.name}: no grant was given.", "transient")
            if grant.verdict == "stale":
                raise LeaseLost
            if grant.verdict == "rejected":
                raise AttemptFailed("upload_rejected", f"{artifact.name}: {grant.error}", "invalid")
        return grants

    async def _upload(self, task: Task, output: Output, artifact: OutputArtifact, grant: UploadGrant) -> None:
        what = f"upload of {artifact.name}"
        status = await self._persist(lambda: self._put(output, grant), what, "upload_unavailable")
        if status == 403:  # most likely expired while the file waited for its turn
            grant = (await self._grants(task, [artifact]))[artifact.name]
            status = await self._persist(lambda: self._put(output, grant), what, "upload_unavailable")
        if status in {200, 201, 204}:
            return
        if status == 412:
            # Create-only on S3: something is there, most likely this very file from a try whose answer got
            # lost. The server verifies the stored object before it accepts the outcome, so let it decide.
            logger.info("%s: already stored", what)
            return
        if status == 409:
            # Other bytes under this attempt's name. The next attempt has names of its own, so it may succeed.
            raise AttemptFailed(
                "upload_conflict", f"{artifact.name}: other bytes are stored there.", "transient"
            )
        if status == 403:
            raise AttemptFailed(
                "upload_forbidden", f"{artifact.name}: 403, also with a new grant.", "transient"
            )
        raise AttemptFailed("upload_refused", f"{artifact.name}: {status}", "invalid")

    async def _put(self, output: Output, grant: UploadGrant) -> int:
        assert self._session is not None, "use the transfers as an async context manager"
        url = self._client.resolve(grant.url)
        with output.path.open("rb") as file:
            async with self._session.put(
                url, data=file, headers=grant.headers, allow_redirects=False
            ) as response:
                _raise_for_later(response)
                return response.status

    async def _persist(self, action: Callable[[], Awaitable[T]], what: str, code: str) -> T:
        """Do it again, with backoff, while the other side is away and there is time."""
        started = time.monotonic()
        retries = 0
        while True:
            try:
                return await action()
            except (aiohttp.ClientError, TimeoutError, ConnectionError, Unavailable) as error:
                after = error.retry_after_seconds if isinstance(error, Unavailable) else None
                # Not the error itself: some of aiohttp's show the URL, and this one is signed.
                reason = str(error) if isinstance(error, Unavailable) else type(error).__name__
                delay = backoff.delay_seconds(retries, after)
                if time.monotonic() - started + delay > self._try_seconds:
                    raise AttemptFailed(code, f"{what}: {reason}", "transient") from None
                logger.warning("%s: %s; trying again in %.1f s", what, reason, delay)
            retries += 1
            await asyncio.sleep(delay)


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines at once; the first error ends the others and is raised as itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal. Blocks: call it in a thread."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _raise_for_later(response: aiohttp.ClientResponse) -> None:
    if response.status in _LATER or response.status >= 500:
        raise Unavailable(str(response.status), retry_after_seconds=backoff.retry_after(response.headers))


def _safe(name: str) -> str:
    return name if NAME.fullmatch(name) else "input"

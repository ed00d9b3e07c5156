"""The HTTP client of the commands: the public API and nothing else, with errors that people can act on."""

import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from maquette import __version__
from maquette.cli.output import CommandError
from maquette.settings import Settings
from maquette.supervisor.data_dir import read_credentials, read_state

if TYPE_CHECKING:
    from httpx._types import HeaderTypes

_TRIES_MAX = 4
_PAUSE_SECONDS_MAX = 10.0
#: The answers after which sending the same request again can help.
_AGAIN = frozenset({429, 502, 503, 504})

_ADVICE = {
    401: "The API key is not valid there: set MAQUETTE_API_KEY, or run in the directory of `maquette up`.",
    403: "This API key may not do that: use a key with a role that may.",
    404: "Check the id; ids of other projects look the same as missing ones.",
}


class ApiError(CommandError):
    """The API said no; ``details`` is its problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or "The API gave no reason."
        super().__init__(f"{detail} (HTTP {status})", _ADVICE.get(status, ""), details=problem)
        self.status = status


class UnreachableError(CommandError):
    """No answer at all."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"No answer from {url}: {reason}.",
            "Start it with `maquette up`, or set MAQUETTE_URL to where it runs.",
        )


class Client:
    """Calls the API at ``url``. The key is sent there and to no other host."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url.rstrip("/")
        headers: HeaderTypes = {"User-Agent": f"maquette-cli/{__version__}", "Accept": "application/json"}
        self._http = httpx.Client(
            base_url=f"{self.url}/", headers=headers, timeout=httpx.Timeout(30.0, connect=5.0)
        )
        self._authorization = {"Authorization": f"Bearer {api_key}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, /, **params: Any) -> Any:
        """GET; parameters that are None or empty are left out."""
        return self._call("GET", path, params={name: value for name, value in params.items() if value})

    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None) -> Any:
        """POST with an idempotency key, so that a lost answer can be asked for again."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._call("POST", path, json={} if body is None else body, headers=headers)

    def post_lines(
        self, path: str, text: str, /, *, idempotency_key: str | None = None, **params: Any
    ) -> Any:
        """POST JSON Lines, under a key as any other body; a thousand of them may take the API a while."""
        headers = {
            "Idempotency-Key": idempotency_key or str(uuid.uuid4()),
            "Content-Type": "application/jsonl",
        }
        return self._call("POST", path, content=text.encode(), params=params, headers=headers, timeout=120.0)

    def pages(self, path: str, limit: int, /, **params: Any) -> Iterator[Any]:
        """Yield up to ``limit`` items of a list, page by page."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, limit=min(limit, 100), cursor=cursor, **params)
            yield from page["items"][:limit]
            limit -= len(page["items"])
            cursor = page.get("next_cursor")
            if not cursor or not page["items"]:
                return

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a stream of server-sent events; silence of a minute counts as a lost connection."""
        timeout = httpx.Timeout(5.0, read=60.0)
        request_headers = {**self._authorization, "Accept": "text/event-stream", **headers}
        with self._http.stream("GET", path.lstrip("/"), headers=request_headers, timeout=timeout) as response:
            if response.status_code >= 400:
                response.read()
                raise _error_of(response)
            yield response

    def upload(self, grant_url: str, headers: Mapping[str, str], content: bytes) -> None:
        """PUT a file to a signed address, which needs no key."""
        response = self._http.put(grant_url, content=content, headers=dict(headers))
        if response.status_code >= 400:
            raise _error_of(response)

    def download(self, url: str, target: Path, sha256: str) -> None:
        """Save a signed address as ``target``, which appears complete and verified or not at all."""
        staging = target.with_name(f".{target.name}.part")
        digest = hashlib.sha256()
        try:
            with self._http.stream("GET", url, follow_redirects=True) as response, staging.open("wb") as file:
                if response.status_code >= 400:
                    response.read()
                    raise _error_of(response)
                for chunk in response.iter_bytes():
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != sha256:
                raise CommandError(
                    f"{target.name} arrived damaged: its sha256 is not {sha256}.", "Try again."
                )
            staging.replace(target)
        except httpx.TransportError as error:
            raise UnreachableError(self.url, str(error) or type(error).__name__) from None
        finally:
            staging.unlink(missing_ok=True)

    def _call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> Any:
        for tries_left in reversed(range(_TRIES_MAX)):
            pause = 0.3 * 2 ** (_TRIES_MAX - 1 - tries_left)
            try:
                response = self._http.request(
                    method, path.lstrip("/"), headers={**self._authorization, **(headers or {})}, **content
                )
            except httpx.TransportError as error:
                if not tries_left:
                    raise UnreachableError(self.url, str(error) or type(error).__name__) from None
            else:
                if response.status_code < 400:
                    return response.json() if response.content else None
                if response.status_code not in _AGAIN or not tries_left:
                    raise _error_of(response)
                pause = _retry_after(response) or pause
                if pause > _PAUSE_SECONDS_MAX:
                    raise _error_of(response)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def connect(settings: Settings) -> Client:
    """Find API and key: the settings first, else what ``maquette up`` left in the data directory."""
    state = None if settings.url else read_state(settings.data_dir)
    api_key = settings.api_key or read_credentials(settings.data_dir).get("api_key", "")
    if not api_key:
        raise CommandError(
            f"There is no API key: MAQUETTE_API_KEY is not set and {settings.data_dir} has no credentials.",
            "Run `maquette up` here first, or set MAQUETTE_API_KEY and MAQUETTE_URL.",
        )
    return Client(settings.url or (state.url if state else settings.local_url), api_key)


def project_of(settings: Settings, given: str) -> str:
    """Choose the project: as given, as set, or the one that ``maquette up`` made."""
    project = given or settings.project_id or read_credentials(settings.data_dir).get("project_id", "")
    if not project:
        raise CommandError("Which project?", "Give --project, or set MAQUETTE_PROJECT_ID.")
    return str(project)


def _error_of(response: httpx.Response) -> ApiError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    return ApiError(response.status_code, problem if isinstance(problem, dict) else {})


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None

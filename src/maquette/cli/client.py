"""The HTTP client of the commands: the public API and nothing else."""

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
from maquette.cli.api_errors import ApiError, UnreachableError, closest, wrong_kind
from maquette.cli.output import CommandError
from maquette.settings import Settings
from maquette.supervisor.data_dir import read_credentials, read_state

if TYPE_CHECKING:
    from httpx._types import HeaderTypes

_TRIES_MAX = 4
_PAUSE_SECONDS_MAX = 10.0
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
#: The answers after which sending the same request again can help.
_AGAIN = frozenset({429, 502, 503, 504})


class Client:
    """Calls the API at ``url``. The key is sent there and to no other host."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        project_id: str = "",
        timeout: httpx.Timeout = _TIMEOUT,
        tries_max: int | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.project_id = project_id
        headers: HeaderTypes = {"User-Agent": f"maquette-cli/{__version__}", "Accept": "application/json"}
        self._http = httpx.Client(base_url=f"{self.url}/", headers=headers, timeout=timeout)
        self._authorization = {"Authorization": f"Bearer {api_key}"}
        self._tries_max = tries_max or _TRIES_MAX

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

    def put(self, path: str, body: Any, *, if_version: int | None = None) -> Any:
        """PUT; with ``if_version`` only in place of that version."""
        headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
        return self._call("PUT", path, json=body, headers=headers)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH."""
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        """DELETE."""
        return self._call("DELETE", path)

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
        try:
            response = self._http.put(grant_url, content=content, headers=dict(headers))
        except httpx.TransportError as error:
            raise UnreachableError(self.url, error) from None
        if response.status_code >= 400:
            raise _error_of(response)

    def download(self, url: str, target: Path, sha256: str, *, kept: Path | None = None) -> None:
        """Save a signed address as ``target``, which appears complete and verified or not at all.

        What an interrupted download left in ``kept`` is gone on with; without ``kept`` nothing is left.
        """
        staging = kept or target.with_name(f".{target.name}.part")
        try:
            digest = self._fetch(url, staging)
            if digest != sha256 and kept:  # what was kept belonged to another file
                staging.unlink()
                digest = self._fetch(url, staging)
            if digest != sha256:
                staging.unlink()
                raise CommandError(
                    f"{target.name} arrived damaged: its sha256 is not {sha256}.", "Try again."
                )
            staging.replace(target)
        except httpx.TransportError as error:
            raise UnreachableError(self.url, error) from None
        finally:
            if kept is None:
                staging.unlink(missing_ok=True)

    def _fetch(self, url: str, staging: Path) -> str:
        """Complete ``staging`` with what the address has, and return the sha256 of all of it."""
        digest = hashlib.sha256()
        have = staging.stat().st_size if staging.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._http.stream("GET", url, headers=headers, follow_redirects=True) as response:
            if response.status_code == 416:  # nothing is missing, or the file is a shorter one
                response.read()
                return hashlib.sha256(staging.read_bytes()).hexdigest()
            if response.status_code >= 400:
                response.read()
                raise _error_of(response)
            goes_on = response.status_code == 206
            if goes_on:
                digest.update(staging.read_bytes())
            with staging.open("ab" if goes_on else "wb") as file:
                for chunk in response.iter_bytes():
                    digest.update(chunk)
                    file.write(chunk)
        return digest.hexdigest()

    def _call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> Any:
        for tries_left in reversed(range(self._tries_max)):
            pause = 0.3 * 2 ** (self._tries_max - 1 - tries_left)
            try:
                response = self._http.request(
                    method, path.lstrip("/"), headers={**self._authorization, **(headers or {})}, **content
                )
            except httpx.TransportError as error:
                if not tries_left:
                    raise UnreachableError(self.url, error) from None
            else:
                if response.status_code < 400:
                    return response.json() if response.content else None
                if response.status_code not in _AGAIN or not tries_left:
                    raise _error_of(response, advice=self._advice(response.status_code, path))
                pause = retry_after(response) or pause
                if pause > _PAUSE_SECONDS_MAX:
                    raise _error_of(response)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _advice(self, status: int, path: str) -> str:
        """Say which id may have been meant by one that is not there."""
        place, _, rest = path.strip("/").partition("/")
        wanted = rest.partition("/")[0]
        if status != 404 or not wanted:
            return ""
        lists = {"jobs": "jobs", "projects": "projects", "assets": f"projects/{self.project_id}/assets"}
        advice = wrong_kind(wanted, place)
        if not advice and place in lists:
            try:
                answer = self._http.get(lists[place], params={"limit": 100}, headers=self._authorization)
                advice = closest(wanted, [item["id"] for item in answer.json()["items"]])
            except (httpx.TransportError, ValueError, KeyError, TypeError):
                advice = ""
        return advice or "Check the id; ids of other projects look the same as missing ones."


def connect(settings: Settings, *, timeout: httpx.Timeout = _TIMEOUT, tries_max: int | None = None) -> Client:
    """Find API and key: the settings first, else what ``maquette up`` left in the data directory."""
    credentials = {} if settings.api_key and settings.project_id else read_credentials(settings.data_dir)
    api_key = settings.api_key or credentials.get("api_key", "")
    if not api_key:
        raise CommandError(
            f"There is no API key: MAQUETTE_API_KEY is not set and {settings.data_dir} has no credentials.",
            "Run `maquette up` here first, or set MAQUETTE_API_KEY and MAQUETTE_URL.",
        )
    project_id = settings.project_id or credentials.get("project_id", "")
    return Client(address_of(settings), api_key, project_id=project_id, timeout=timeout, tries_max=tries_max)


def address_of(settings: Settings) -> str:
    """Find the API: as set, as the running ``maquette up`` says, or where one would listen."""
    if settings.url:
        return settings.url
    state = read_state(settings.data_dir)
    return state.url if state else settings.local_url


def project_of(settings: Settings, given: str) -> str:
    """Choose the project: as given, as set, or the one that ``maquette up`` made."""
    project = given or settings.project_id or read_credentials(settings.data_dir).get("project_id", "")
    if not project:
        raise CommandError("Which project?", "Give --project, or set MAQUETTE_PROJECT_ID.")
    return str(project)


def _error_of(response: httpx.Response, *, advice: str = "") -> ApiError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    return ApiError(response.status_code, problem, advice=advice, retry_after=retry_after(response))


def retry_after(response: httpx.Response) -> float | None:
    """Return how long an answer asks to wait (s), if it does."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None

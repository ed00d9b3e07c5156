"""Run a handler without a server, and hold it to the contract.

    def test_refine(tmp_path):
        recorded = run_handler(refine, step="refine", params={"scale": 2}, inputs=[Path("concept.png")], workdir=tmp_path)
        assert recorded.succeeded.outputs["operations"] == ["upscale"]
        assert recorded.files["refined-1.png"].stat().st_size > 0

The handler runs in this process, so that a debugger reaches it and its exceptions arrive as they are.
"""

import asyncio
import hashlib
import mimetypes
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import msgspec

from maquette.worker import contract
from maquette.worker.calls import runs_on_loop
from maquette.worker.errors import ContractError
from maquette.worker.handler import Context, Failed, Handler, Input, Result, Succeeded

_KINDS = {".glb": "mesh", ".gltf": "mesh", ".obj": "mesh", ".fbx": "mesh"}
_MEDIA_TYPES = {".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a handler did, after it was found to keep the contract."""

    result: Result
    progress: tuple[tuple[float, str], ...]
    """Every report, in order."""
    workdir: Path

    @property
    def succeeded(self) -> Succeeded:
        """The result of a handler that was expected to succeed. Raises ``AssertionError`` when it failed."""
        if isinstance(self.result, Failed):
            raise AssertionError(f"the handler failed: {self.result.code}: {self.result.message}")  # noqa: TRY004 - for tests
        return self.result

    @property
    def failed(self) -> Failed:
        """The result of a handler that was expected to fail. Raises ``AssertionError`` when it succeeded."""
        if isinstance(self.result, Succeeded):
            raise AssertionError("the handler succeeded")  # noqa: TRY004 - for tests
        return self.result

    @property
    def files(self) -> dict[str, Path]:
        """The files that a successful handler returned, by name."""
        return {output.name: output.path for output in self.succeeded.artifacts}

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs as the server will read them: through JSON, tuples as lists."""
        outputs: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(self.succeeded.outputs)))
        return outputs


class HandlerEnvironment:
    """Runs handlers in work directories below ``root``, or below a temporary one that ends with the environment.

    Use it as a context manager.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        if self._root is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="maquette-handler-")
            self._root = Path(self._temporary.name)
        return self

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def run(
        self,
        handler: Handler,
        *,
        step: str,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        inputs: Iterable[Path | Input] = (),
        **fields: Any,
    ) -> Recorded:
        """Run a handler in a new work directory; as `run_handler`."""
        assert self._root is not None, "use the environment as a context manager"
        workdir = Path(tempfile.mkdtemp(dir=self._root, prefix=f"{step}-"))
        return run_handler(
            handler, step=step, params=params, seed=seed, inputs=inputs, workdir=workdir, **fields
        )


def run_handler(
    handler: Handler,
    *,
    step: str,
    workdir: Path,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    inputs: Iterable[Path | Input] = (),
    asset_type: str = "3D",
    **fields: Any,
) -> Recorded:
    """Run a handler once in ``workdir`` (an empty directory) and check what it did.

    An input given as a path becomes an Input of step ``reference`` whose kind and media type follow from its suffix.
    ``fields`` are the other fields of Context: job_id, revision, attempt, …

    Raises ContractError naming every breach: parameters that are no JSON, progress outside 0 to 1, changed
    inputs, files outside the work directory or missing, illegal names, outputs that JSON cannot hold. What
    the handler raises comes through as it is.
    """
    found = [f"params: {breach}" for breach in [contract.json_breach(dict(params or {}))] if breach]
    given = tuple(item if isinstance(item, Input) else input_of(item) for item in inputs)
    before = [_digest(item.path) for item in given]
    reports: list[tuple[float, str]] = []
    context = Context(
        step=step,
        params=dict(params or {}),
        seed=seed,
        inputs=given,
        workdir=workdir,
        progress=lambda value, message: reports.append((value, message)),
        asset_type=asset_type,
        **fields,
    )
    result = _run(handler, context)
    found += contract.breaches(result, workdir)
    found += [f"progress outside 0 to 1: {report}" for report in reports if not 0.0 <= report[0] <= 1.0]
    changed = [item.name for item, digest in zip(given, before, strict=True) if _digest(item.path) != digest]
    found += [f"the handler changed its input {name}" for name in changed]
    if found:
        raise ContractError("\n".join(found))
    return Recorded(result=result, progress=tuple(reports), workdir=workdir)


def input_of(path: Path, *, step: str = "reference", **attributes: Any) -> Input:
    """Make an Input of a file: kind and media type follow from its suffix."""
    suffix = path.suffix.lower()
    media_type = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    kind = _KINDS.get(suffix) or media_type.partition("/")[0]
    return Input(
        step=step, kind=kind, name=path.name, media_type=media_type, path=path, attributes=attributes
    )


def _run(handler: Handler, context: Context) -> Result:
    if not runs_on_loop(handler):
        return cast("Callable[[Context], Result]", handler)(context)
    # A thread has no running loop, unlike the caller perhaps: this works in async tests as well.
    outcome: list[Result] = []
    errors: list[BaseException] = []

    async def call() -> Result:
        return await cast("Callable[[Context], Awaitable[Result]]", handler)(context)

    def work() -> None:
        try:
            outcome.append(asyncio.run(call()))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"

"""The handler's contract, and the environment that holds handlers to it without a server."""

import asyncio
import types
from pathlib import Path
from typing import Any

import pytest

from maquette.worker import (
    Context,
    ContractError,
    Failed,
    HandlerEnvironment,
    Input,
    Output,
    Result,
    Succeeded,
    contract,
    run_handler,
)


def succeeded(*artifacts: Any, **fields: Any) -> Succeeded:
    return Succeeded(**({"artifacts": artifacts, "outputs": {}, "model": "m", "model_version": "1"} | fields))


def file(workdir: Path, name: str, **fields: Any) -> Output:
    path = workdir / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"content")
    return Output(path, **({"kind": "image", "media_type": "image/png"} | fields))


def test_results_that_keep_the_contract_pass_unchanged(tmp_path: Path) -> None:
    """Files in sub-directories, any mapping, nested JSON and an empty success are all fine."""
    outputs = types.MappingProxyType(
        {"uv": {"islands": 3, "overlap": 0.0}, "bones": [("hip", None)], "é": "ü"}
    )
    result = succeeded(file(tmp_path, "a.png"), file(tmp_path, "sub/b_1-2.glb"), outputs=outputs)
    assert contract.check(result, tmp_path) is result
    failed = Failed("mesh_has_no_faces", "The mesh has no faces.", "rate_limited", 1.5)
    assert contract.check(failed, tmp_path) is failed


@pytest.mark.parametrize("name", [".hidden", "a b.png", "ä.png", "a" * 121, "a\n"])
def test_names_that_the_wire_forbids_are_invalid(tmp_path: Path, name: str) -> None:
    """File names hold letters, digits and ._-, at most 120, and no leading dot."""
    result = contract.check(succeeded(file(tmp_path, name)), tmp_path)
    assert isinstance(result, Failed)
    assert (result.code, result.error_class) == ("output_name_invalid", "invalid")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"outputs": {"poly_count": float("inf")}}, "outputs_not_json"),
        ({"outputs": {"bones": {1, 2}}}, "outputs_not_json"),
        ({"outputs": {"name": "\udcff"}}, "outputs_not_json"),
        ({"outputs": {1: 2}}, "outputs_not_json"),
        ({"outputs": [1]}, "outputs_not_json"),
        ({"outputs": {"faces": [2**80]}}, "outputs_not_json"),
        ({"metrics": {"duration": object()}}, "metrics_not_json"),
        ({"model": None}, "handler_result_invalid"),
        ({"model_version": 3}, "handler_result_invalid"),
        ({"artifacts": "a.png"}, "handler_result_invalid"),
        ({"artifacts": (Path("a.png"),)}, "handler_result_invalid"),
    ],
)
def test_values_that_the_wire_cannot_hold_are_invalid(
    tmp_path: Path, fields: dict[str, Any], code: str
) -> None:
    """Strict JSON only, and strings where strings belong."""
    result = contract.check(succeeded(**fields), tmp_path)
    assert isinstance(result, Failed)
    assert (result.code, result.error_class) == (code, "invalid")


def test_files_must_be_in_the_work_directory(tmp_path: Path) -> None:
    """A relative path, a parent, a link that leads out, a directory and a double name are refused by name."""
    workdir = tmp_path / "work"
    workdir.mkdir()
    outside = file(tmp_path, "outside.png")
    (workdir / "link.png").symlink_to(outside.path)
    (workdir / "folder.png").mkdir()
    codes = {
        "outside.png": (outside,),
        "up.png": (Output(workdir / ".." / "outside.png", "image", "image/png"),),
        "relative.png": (Output(Path("relative.png"), "image", "image/png"),),
        "link.png": (Output(workdir / "link.png", "image", "image/png"),),
        "folder.png": (Output(workdir / "folder.png", "image", "image/png"),),
        "double.png": (file(workdir, "double.png"), file(workdir, "sub/double.png")),
    }
    found = {name: contract.check(succeeded(*outputs), workdir) for name, outputs in codes.items()}
    assert {name: result.code for name, result in found.items() if isinstance(result, Failed)} == {
        "outside.png": "output_outside_workdir",
        "up.png": "output_outside_workdir",
        "relative.png": "output_outside_workdir",
        "link.png": "output_outside_workdir",
        "folder.png": "output_missing",
        "double.png": "output_name_duplicate",
    }


@pytest.mark.parametrize(
    "result",
    [
        None,
        {"artifacts": []},
        Failed("Mesh has no faces", "x"),
        Failed("code", "x", "fatal"),  # type: ignore[arg-type] # the mistake under test
        Failed("code", None),  # type: ignore[arg-type] # the mistake under test
        Failed("code", "x", "transient", float("nan")),
        Failed("code", "x", "transient", -1.0),
    ],
)
def test_other_results_are_invalid(tmp_path: Path, result: object) -> None:
    """Only Succeeded and a well-formed Failed are results."""
    checked = contract.check(result, tmp_path)
    assert isinstance(checked, Failed)
    assert checked.code == "handler_result_invalid"


def good(context: Context) -> Result:
    context.progress(0.5, "half")
    (item,) = context.of_kind("mesh")
    path = context.workdir / "out.glb"
    path.write_bytes(item.path.read_bytes())
    outputs = {"seed": context.seed, "bounds": (1, 2), "revision": context.revision, **context.params}
    return Succeeded((Output(path, "mesh", "model/gltf-binary"),), outputs, "test", "1")


async def good_async(context: Context) -> Result:
    await asyncio.sleep(0)
    return good(context)


@pytest.mark.parametrize("handler", [good, good_async])
async def test_the_environment_runs_sync_and_async_handlers(handler: Any, tmp_path: Path) -> None:
    """Both kinds run from an async test; result, files, outputs as the server sees them, and progress are recorded."""
    mesh = tmp_path / "in.GLB"
    mesh.write_bytes(b"glTF")
    with HandlerEnvironment() as environment:
        recorded = environment.run(
            handler, step="retopo", params={"target": 9}, seed=4, inputs=[mesh], revision=2
        )
        assert recorded.outputs == {"seed": 4, "bounds": [1, 2], "revision": 2, "target": 9}
        assert recorded.files["out.glb"].read_bytes() == b"glTF"
        assert recorded.progress == ((0.5, "half"),)
        with pytest.raises(AssertionError, match="the handler succeeded"):
            _ = recorded.failed
    assert not recorded.workdir.exists()


def test_the_environment_names_every_breach(tmp_path: Path) -> None:
    """One error lists all: inputs written to, progress out of bounds, missing files, bad values."""

    def bad(context: Context) -> Result:
        context.progress(2, "")
        context.inputs[0].path.write_bytes(b"changed")
        missing = Output(context.workdir / "a.png", "image", "image/png")
        return Succeeded((missing,), {"x": float("nan")}, "test", "1")

    source = tmp_path / "in.png"
    source.write_bytes(b"png")
    given = Input(step="refine", kind="image", name="in.png", media_type="image/png", path=source)
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(ContractError) as caught:
        run_handler(bad, step="refine", inputs=[given], params={"size": object()}, workdir=work)
    for words in (
        "params:",
        "outputs: 'x'",
        "output_missing",
        "progress outside",
        "changed its input in.png",
    ):
        assert words in str(caught.value)


def test_the_environment_lets_exceptions_through(tmp_path: Path) -> None:
    """An exception in a handler arrives as it is, for the debugger and for pytest.raises."""

    async def broken(context: Context) -> Result:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_handler(broken, step="refine", workdir=tmp_path)


def test_a_failure_can_be_expected(tmp_path: Path) -> None:
    """`failed` gives the failure; `succeeded` on it says what failed."""
    recorded = run_handler(lambda _: Failed("no_image", "No image."), step="refine", workdir=tmp_path)
    assert recorded.failed.code == "no_image"
    with pytest.raises(AssertionError, match=r"no_image: No image\."):
        _ = recorded.succeeded

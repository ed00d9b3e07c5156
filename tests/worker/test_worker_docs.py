"""The page about workers says what is so: its worker runs as printed, and its codes are the code's."""

import asyncio
import io
import os
import re
import signal
import sys
from pathlib import Path

from PIL import Image
from protocol_server import TOKEN, ProtocolServer, make_task

from maquette import worker
from maquette.wire import ErrorClass

PAGE = (Path(__file__).parents[2] / "docs" / "workers.md").read_text()


async def test_the_worker_on_the_page_works(server: ProtocolServer, tmp_path: Path) -> None:
    """The first example, as it stands, refines a real image, and SIGTERM drains it."""
    script = tmp_path / "darkroom.py"
    script.write_text(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0])
    grey = io.BytesIO()
    Image.linear_gradient("L").point(lambda value: 64 + value // 2).save(grey, "PNG")
    await server.add(make_task(1, inputs=[server.input("concept.png", grey.getvalue())]))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        env=os.environ
        | {"MAQUETTE_URL": server.url, "MAQUETTE_WORKER_TOKEN": TOKEN, "TMPDIR": str(tmp_path)},
    )
    await server.until(lambda: server.outcomes)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert server.outcomes[1].status == "succeeded", server.outcomes[1]
    refined = Image.open(io.BytesIO(server.objects["outputs/task_1/refined-1.png"]))
    assert refined.getchannel("R").getextrema() == (0, 255)


def test_every_code_and_class_is_on_the_page() -> None:
    """What the SDK can report is in the table, and the table holds nothing else."""
    source = "".join(path.read_text() for path in Path(worker.__file__).parent.glob("*.py"))
    families = r"(?:handler|outputs?|metrics|attributes|deadline|input|upload|outcome|step|worker)"
    in_code = set(re.findall(rf'"({families}_[a-z_]+)"', source))
    section = PAGE.partition("### What goes wrong")[2].partition("### Testing")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    on_page = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert in_code == on_page
    for name in ErrorClass.__args__:
        assert f"| `{name}`" in PAGE


def test_every_public_name_can_be_imported() -> None:
    """The package's lazy names exist, are listed, and lead to what they say."""
    for name in worker.__all__:
        assert getattr(getattr(worker, name), "__name__", name) == name  # Handler and Result are unions
    assert sorted(worker.__all__) == worker.__all__

import base64
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.color import Color
from rich.console import Console

from maquette.cli.pictures import protocols, terminal
from maquette.cli.pictures.blocks import draw, opened
from maquette.cli.pictures.show import show


def test_a_picture_keeps_its_shape_and_its_holes(tmp_path: Path) -> None:
    """What is transparent stays empty, colours are the picture's, and a tall one is as high as allowed."""
    picture = Image.new("RGBA", (40, 100), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 40, 50))
    picture.paste((0, 0, 255, 255), (0, 50, 20, 100))
    path = tmp_path / "picture.png"
    picture.save(path)
    text = draw(opened(path), columns=36, lines=10)
    lines = text.plain.rstrip("\n").split("\n")
    assert [len(lines), len(lines[0])] == [10, 8]
    assert lines[0] == "▀" * 8
    assert lines[-1].rstrip() == "▀" * 4
    colors = [span.style.color for span in text.spans if not isinstance(span.style, str)]
    assert Color.from_rgb(255, 0, 0) == colors[0]
    assert Color.from_rgb(0, 0, 255) in colors


def gradient(width: int = 20, height: int = 12) -> Image.Image:
    """A picture with a hole: nothing in its first five columns, red to blue in the others."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    for x in range(5, width):
        for y in range(height):
            picture.putpixel((x, y), (255 - 10 * x, 0, 10 * x, 255))
    return picture


def unsixel(code: str) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Read sixels as a terminal does: colours in percent by pixel."""
    body = re.fullmatch(r'\x1bP0;1q"1;1;(\d+);(\d+)(.*)\x1b\\', code, re.DOTALL)
    assert body
    colors: dict[int, tuple[int, int, int]] = {}
    pixels, x, top, color = {}, 0, 0, 0
    tokens = r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|(\$)|(-)|!(\d+)([?-~])|([?-~])"
    for match in re.finditer(tokens, body.group(3)):
        defined, red, green, blue, chosen, carriage, newline, count, repeated, single = match.groups()
        if defined:
            colors[int(defined)] = int(red), int(green), int(blue)
        elif chosen:
            color = int(chosen)
        elif carriage:
            x = 0
        elif newline:
            x, top = 0, top + 6
        else:
            for _ in range(int(count or 1)):
                bits = ord(repeated or single) - 63
                pixels |= {(x, top + row): colors[color] for row in range(6) if bits >> row & 1}
                x += 1  # noqa: SIM113 - it goes on from run to run, and back to 0
    return pixels


def test_sixels_are_the_picture() -> None:
    """What a terminal reads out of the sixels has the picture's colours, and its hole stays empty."""
    picture = gradient()
    pixels = unsixel(protocols.sixel(picture))
    assert set(pixels) == {(x, y) for x in range(5, 20) for y in range(12)}
    for (x, y), found in pixels.items():
        wanted = picture.getpixel((x, y))
        assert isinstance(wanted, tuple)
        assert all(abs(percent * 2.55 - value) < 6 for percent, value in zip(found, wanted[:3], strict=True))


def test_kitty_gets_the_picture_in_chunks() -> None:
    """Chunks of at most 4096 characters add up to a PNG of the same pixels, placed in cells, quietly."""
    picture = Image.effect_noise((200, 100), 90).convert("RGBA")
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", protocols.kitty(picture, columns=30, lines=8))
    assert len(parts) > 1
    assert max(len(data) for _, data in parts) <= 4096
    assert [head.rpartition("m=")[2] for head, _ in parts] == ["1"] * (len(parts) - 1) + ["0"]
    assert {"a=T", "f=100", "q=2", "c=30", "r=8"} <= set(parts[0][0].split(","))
    sent = Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in parts))))
    assert sent.tobytes() == picture.tobytes()


def test_iterm_gets_the_picture_inline() -> None:
    """One sequence holds the PNG, its size, and the cells to fill."""
    match = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=30;height=8;preserveAspectRatio=1:(.*)\x07",
        protocols.iterm(gradient(), columns=30, lines=8),
    )
    assert match
    data = base64.b64decode(match.group(2))
    assert len(data) == int(match.group(1))
    assert Image.open(io.BytesIO(data)).tobytes() == gradient().tobytes()


@pytest.mark.parametrize(
    ("variables", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, None),
        ({"TERM": "xterm-256color"}, None),
    ],
)
def test_what_the_environment_promises(variables: dict[str, str], way: str | None) -> None:
    """Well-known terminals are known by their variables; behind tmux these are somebody else's."""
    assert terminal.by_environment(variables) == way


@pytest.mark.parametrize(
    ("answer", "way"),
    [
        (b"\x1b_Gi=31;OK\x1b\\\x1bP>|foot(1.16)\x1b\\\x1b[?62;4;22c", "kitty"),
        (b"\x1bP>|iTerm2 3.5.0\x1b\\\x1b[?62;4c", "iterm"),
        (b"\x1bP>|foot(1.16.2)\x1b\\\x1b[?62;4;22c", "sixel"),
        (b"\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c", None),
        (b"\x1b[?64;14c", None),
        (b"", None),
    ],
)
def test_what_an_answer_promises(answer: bytes, way: str | None) -> None:
    """A terminal's answer tells kitty's protocol, iTerm's by its name, and sixels by attribute 4 alone."""
    assert terminal.by_answer(answer) == way


ASKING = """
import fcntl, os, termios
from maquette.cli.pictures import terminal
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
before = termios.tcgetattr(0)
print("heard", terminal.ask(20.0), terminal.ask(0.05), termios.tcgetattr(0) == before, flush=True)
"""


def test_a_terminal_is_asked_and_left_as_it_was() -> None:
    """Asking a real pseudo-terminal gets its answer, restores its mode, and does not wait for a silent one."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", ASKING],
        env={**os.environ, "TERM": "xterm-256color"},
        stdin=slave, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    seen = b""
    while b"\x1b[c" not in seen:
        seen += os.read(master, 1024)
    os.write(master, b"\x1bP>|foot\x1b\\\x1b[?62;4c")
    out, _ = child.communicate(timeout=30)
    os.close(master)
    os.close(slave)
    assert out.strip().endswith(b"[?62;4c' b'' True")


def test_nothing_is_shown_where_nothing_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets no picture, NO_COLOR no blocks, and what a person asks for holds anywhere."""
    monkeypatch.setattr(terminal, "ask", lambda: b"")
    monkeypatch.setattr(os, "environ", {"TERM": "xterm-256color"})
    colours = Console(force_terminal=True, color_system="truecolor")
    assert terminal.choose("auto", colours) == "blocks"
    assert (
        terminal.choose("auto", Console(force_terminal=True, color_system="truecolor", no_color=True))
        == "none"
    )
    assert terminal.choose("auto", Console(force_terminal=False)) == "none"
    assert terminal.choose("sixel", Console(force_terminal=False)) == "sixel"


def test_pictures_stand_side_by_side_over_their_labels(tmp_path: Path) -> None:
    """Four variants fit 80 columns, each over its own label; a file that is no picture leaves its place empty."""
    gradient().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    console = Console(width=80, force_terminal=True, color_system=None)
    items = [
        (f"{number} {name}", tmp_path / name) for number, name in enumerate(["a.png", "b.png", "a.png"], 1)
    ]
    with console.capture() as capture:
        show(console, "blocks", items)
    *picture, labels = [line for line in capture.get().splitlines() if line.strip()]
    assert max(map(len, [*picture, labels])) <= 80
    starts = [labels.index(text) for text, _ in items]
    for start, drawn in zip(starts, (True, False, True), strict=True):
        assert any(line[start : start + 10].strip() for line in picture) == drawn

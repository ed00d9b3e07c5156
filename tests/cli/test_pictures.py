from pathlib import Path

from PIL import Image
from rich.color import Color

from maquette.cli.pictures.blocks import draw, opened


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

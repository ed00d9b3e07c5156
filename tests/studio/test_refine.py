"""refine: larger, cleaner, honest about what it did, and at home with foreign pictures. About 4 s."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Run, as_input, opened, runner, snowman
from PIL import Image

from maquette.studio.painter.picture import paint
from maquette.studio.painter.vocabulary import read
from maquette.studio.refine import refine


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(refine, "refine", tmp_path)


@pytest.fixture(scope="module")
def fox() -> Image.Image:
    return paint(read("a fox"), seed=1, size=160)


def values(image: Image.Image) -> Any:
    return np.asarray(image.convert("RGBA"), np.float64) / 255


def test_it_enlarges_and_lists_what_it_did_in_order(run: Run, tmp_path: Path, fox: Image.Image) -> None:
    """Twice the size, every operation with its values, the maker on the file."""
    recorded = run(as_input(tmp_path, fox), scale=2, denoise=0.5, sharpen=0.4)
    assert opened(recorded, "refined-1.png").size == (320, 320)
    names = [operation["name"] for operation in recorded.outputs["operations"]]
    assert names == ["denoise_tv", "resize_lanczos", "back_projection", "unsharp_mask", "alpha_cleanup"]
    assert recorded.outputs["operations"][0] == {"name": "denoise_tv", "weight": 0.06, "iterations": 10}
    artifact = recorded.succeeded.artifacts[0]
    assert (artifact.attributes["width"], artifact.attributes["height"]) == (320, 320)
    assert "no neural network" in artifact.attributes["engine"]["method"]


def test_what_is_switched_off_is_neither_done_nor_listed(run: Run, tmp_path: Path, fox: Image.Image) -> None:
    """With scale 1 and no denoising or sharpening, colours stay as they were."""
    recorded = run(as_input(tmp_path, fox), scale=1, denoise=0, sharpen=0)
    assert [operation["name"] for operation in recorded.outputs["operations"]] == ["alpha_cleanup"]
    before, after = values(fox), values(opened(recorded, "refined-1.png"))
    solid = before[..., 3] > 0.98
    assert np.abs(before - after)[solid][:, :3].max() < 1.5 / 255


def test_scaled_back_it_is_the_source(run: Run, tmp_path: Path, fox: Image.Image) -> None:
    """Back-projection keeps the enlarged picture true: shrunk again it differs by under 2 % on average."""
    recorded = run(as_input(tmp_path, fox), scale=3, denoise=0, sharpen=0)
    shrunk = values(opened(recorded, "refined-1.png").resize(fox.size, Image.Resampling.BOX))
    solid = values(fox)[..., 3] > 0.98
    assert np.abs(shrunk - values(fox))[solid][:, :3].mean() < 0.02


def test_denoising_removes_noise(run: Run, tmp_path: Path) -> None:
    """A flat colour with noise comes back flatter, without a shift of its mean."""
    noise = np.random.default_rng(1).normal(0.5, 0.06, (96, 96, 3)).clip(0, 1)
    dirty = Image.fromarray((noise * 255).astype(np.uint8))
    kept = as_input(tmp_path, dirty, background="opaque")
    clean = values(opened(run(kept, scale=1, denoise=1, sharpen=0), "refined-1.png"))[..., :3]
    assert clean.std() < 0.5 * noise.std()
    assert abs(clean.mean() - noise.mean()) < 0.01


def test_specks_and_haze_leave_the_alpha(run: Run, tmp_path: Path, fox: Image.Image) -> None:
    """A lone pixel and a five-percent veil disappear, the subject stays."""
    dirty = np.asarray(fox).copy()
    dirty[..., 3] = np.maximum(dirty[..., 3], 12)
    dirty[4, 4] = 255
    after = values(opened(run(as_input(tmp_path, Image.fromarray(dirty)), scale=1), "refined-1.png"))[..., 3]
    assert after[:12, :12].max() == 0
    assert abs(float((after > 0.5).sum()) - float((values(fox)[..., 3] > 0.5).sum())) < 20


def test_a_hidden_background_does_not_bleed_into_the_edge(run: Run, tmp_path: Path) -> None:
    """Transparent pixels may hold any colour; a red disc on hidden green keeps a red edge."""
    y, x = np.mgrid[0:80, 0:80]
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[...] = (0, 255, 0, 0)
    pixels[np.hypot(x - 40, y - 40) < 25] = (200, 20, 20, 255)
    after = values(opened(run(as_input(tmp_path, Image.fromarray(pixels)), sharpen=0), "refined-1.png"))
    assert after[after[..., 3] > 0.05][:, 1].max() < 0.2


@pytest.mark.parametrize("background", [(255, 255, 255), (40, 90, 60), "gradient"])
def test_a_subject_is_freed_from_a_plain_background(run: Run, tmp_path: Path, background: Any) -> None:
    """An opaque foreign drawing on white, colour or a gradient gets an alpha; white eyes inside it stay solid."""
    image = snowman(background=(0, 0, 0, 0), mode="RGBA")
    truth = np.asarray(image)[..., 3] > 127
    if background == "gradient":
        y, x = np.mgrid[0:240, 0:240]
        backdrop = Image.fromarray(np.stack([200 + x / 6, 190 + y / 6, 230 - x / 6], -1).astype(np.uint8))
    else:
        backdrop = Image.new("RGB", image.size, background)
    backdrop.paste(image, (0, 0), image)
    recorded = run(as_input(tmp_path, backdrop), scale=1, denoise=0)
    alpha = values(opened(recorded, "refined-1.png"))[..., 3] > 0.5
    assert recorded.outputs["operations"][0]["name"] == "cut_out"
    assert (alpha & truth).sum() / (alpha | truth).sum() > 0.97
    assert alpha[58, 111]
    assert alpha[58, 129]


def test_opaque_pictures_without_a_plain_background_stay_opaque(run: Run, tmp_path: Path) -> None:
    """A photograph-like picture keeps its background, and so does one that was asked to be opaque."""
    y, x = np.mgrid[0:96, 0:96]
    scene = np.stack(
        [128 + 100 * np.sin(x / 5), 128 + 100 * np.cos(y / 7), 128 + 90 * np.sin((x + y) / 6)], -1
    )
    recorded = run(as_input(tmp_path, Image.fromarray(scene.astype(np.uint8))), scale=1)
    assert opened(recorded, "refined-1.png").mode == "RGB"
    wanted = as_input(tmp_path, snowman(), background="opaque")
    assert opened(run(wanted, scale=1), "refined-1.png").mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_common_pixel_format_is_read(run: Run, tmp_path: Path, mode: str) -> None:
    """Greys, palettes, bilevel, 16-bit and CMYK pictures are refined like any other."""
    if mode == "I;16":
        grey = np.asarray(snowman().convert("L"), np.uint16) * 257
        image, name = Image.fromarray(grey), "grey.png"
    else:
        image, name = snowman().convert(mode), "picture.jpg" if mode == "CMYK" else "picture.png"
    refined = opened(run(as_input(tmp_path, image, name), scale=1, denoise=0), "refined-1.png")
    assert refined.size == (240, 240)
    assert 0.03 < values(refined)[..., :3].std() < 0.5


def test_the_longer_side_is_bounded(run: Run, tmp_path: Path) -> None:
    """max_size wins over scale, and shrinks what is larger already."""
    wide = snowman().resize((200, 100))
    assert opened(run(as_input(tmp_path, wide), scale=4, max_size=300), "refined-1.png").size == (300, 150)
    assert opened(run(as_input(tmp_path, wide), scale=1, max_size=100), "refined-1.png").size == (100, 50)


def test_each_selected_image_is_refined_and_references_are_not(
    run: Run, tmp_path: Path, fox: Image.Image
) -> None:
    """Two images give two files in order; a reference image beside them is ignored."""
    inputs = [
        as_input(tmp_path, fox, "a.png"),
        as_input(tmp_path, snowman(), "r.png", step="reference"),
        as_input(tmp_path, snowman(), "b.png"),
    ]
    recorded = run(*inputs, scale=1)
    assert list(recorded.files) == ["refined-1.png", "refined-2.png"]
    assert [item.attributes["source"] for item in recorded.succeeded.artifacts] == ["a.png", "b.png"]


def test_equal_input_gives_equal_bytes(run: Run, tmp_path: Path, fox: Image.Image) -> None:
    """Twice the same file."""
    first, second = (run(as_input(tmp_path, fox)).files["refined-1.png"].read_bytes() for _ in range(2))
    assert first == second


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "image_missing"),
        (b"", "image_undecodable"),
        (b"GIF89a not quite", "image_undecodable"),
        (_png(Image.new("RGB", (90, 90)))[:80], "image_undecodable"),
        (_png(Image.new("RGBA", (64, 64))), "image_blank"),
        (_png(Image.new("RGB", (3, 64))), "image_too_small"),
        (_png(Image.new("L", (9000, 10))), "image_too_large"),
    ],
)
def test_unusable_images_fail_with_a_code(run: Run, tmp_path: Path, data: bytes | None, code: str) -> None:
    """No image, a broken, transparent, tiny or giant one is refused as invalid."""
    failed = run(*([] if data is None else [as_input(tmp_path, data)])).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


@pytest.mark.parametrize("params", [{"scale": 9}, {"denoise": -1}, {"sharpen": "much"}, {"max_size": 0}])
def test_bad_parameters_fail(run: Run, tmp_path: Path, params: dict[str, Any]) -> None:
    """Numbers outside their bounds, or no numbers, are refused."""
    assert run(as_input(tmp_path, snowman()), **params).failed.code == "parameter_invalid"

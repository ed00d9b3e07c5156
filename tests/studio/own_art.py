"""Concept art as a person would bring it: twelve drawings by code that shares nothing with the studio's painter."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Mask = NDArray[np.bool_]
SIDE = 480


@dataclass(frozen=True, slots=True)
class Art:
    """A drawing as its file's bytes, and the silhouette that was drawn."""

    name: str
    data: bytes
    drawn: Mask
    """(height, width) of the picture."""
    rig_type: str
    """What the body is: biped, quadruped or prop."""


Figure = Callable[[ImageDraw.ImageDraw, bool], None]
"""Draws with colours, or all in white for the silhouette."""


def _pen(draw: ImageDraw.ImageDraw, *, flat: bool) -> Callable[..., None]:
    """A function that draws one shape: in its colour, or in white for the silhouette."""

    def put(kind: str, where: object, colour: object, **more: object) -> None:
        getattr(draw, kind)(where, fill=(255, 255, 255, 255) if flat else colour, **more)

    return put


def hero(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A flat vector person: hair, face, jacket with a zip, belt, trousers, boots."""
    put = _pen(draw, flat=flat)
    for side in (-1, 1):
        put(
            "polygon",
            [(240 + side * 40, 150), (240 + side * 62, 156), (240 + side * 100, 268), (240 + side * 80, 276)],
            (30, 110, 160, 255),
        )
        put("ellipse", [240 + side * 91 - 15, 262, 240 + side * 91 + 15, 292], (236, 190, 150, 255))
        put(
            "rectangle",
            [240 + side * 27 - 19, 290, 240 + side * 27 + 19, 420],
            (60, 60, 80, 255),
        )
        put(
            "rectangle",
            [240 + side * 31 - 25, 405, 240 + side * 31 + 25, 446],
            (120, 70, 30, 255),
        )
    put("rounded_rectangle", [186, 142, 294, 300], (30, 110, 160, 255), radius=22)
    put("rectangle", [188, 272, 292, 290], (200, 160, 40, 255))
    put("rectangle", [226, 128, 254, 150], (236, 190, 150, 255))
    put("ellipse", [190, 36, 290, 140], (80, 40, 20, 255))
    put("ellipse", [202, 56, 278, 140], (236, 190, 150, 255))
    if not flat:
        draw.line([(240, 150), (240, 270)], fill=(220, 230, 240, 255), width=5)
        for x in (224, 256):
            draw.ellipse([x - 5, 88, x + 5, 100], fill=(20, 20, 30, 255))
        draw.arc([222, 100, 258, 124], 20, 160, fill=(150, 40, 40, 255), width=3)


def robot(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A T-posed machine with one red eye and a chest screen."""
    put = _pen(draw, flat=flat)
    put("rectangle", [200, 60, 280, 130], (170, 176, 186, 255))
    put("rectangle", [228, 128, 252, 150], (90, 96, 106, 255))
    put("rectangle", [180, 148, 300, 280], (196, 120, 40, 255))
    put("rectangle", [60, 160, 420, 194], (170, 176, 186, 255))
    put("rectangle", [180, 148, 300, 280], (196, 120, 40, 255))
    for x in (188, 252):
        put("rectangle", [x, 280, x + 40, 420], (170, 176, 186, 255))
        put("rectangle", [x - 6, 416, x + 46, 440], (60, 64, 72, 255))
    if not flat:
        draw.ellipse([226, 82, 254, 110], fill=(230, 30, 30, 255))
        draw.rectangle([206, 176, 274, 228], fill=(40, 200, 120, 255), outline=(20, 30, 30, 255), width=4)


def blob(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A round creature with stubby arms and legs, horns and three eyes."""
    put = _pen(draw, flat=flat)
    for side in (-1, 1):
        put(
            "polygon",
            [(240 + side * 60, 120), (240 + side * 110, 60), (240 + side * 96, 140)],
            (240, 230, 190, 255),
        )
        put("ellipse", [240 + side * 60 - 34, 380, 240 + side * 60 + 34, 440], (120, 60, 170, 255))
        put("ellipse", [240 + side * 130 - 40, 230, 240 + side * 130 + 40, 290], (120, 60, 170, 255))
    put("ellipse", [120, 100, 360, 420], (140, 70, 190, 255))
    if not flat:
        draw.ellipse([180, 250, 300, 400], fill=(200, 150, 220, 255))
        for x, y in ((190, 180), (290, 180), (240, 150)):
            draw.ellipse([x - 20, y - 20, x + 20, y + 20], fill=(250, 250, 240, 255))
            draw.ellipse([x - 8, y - 8, x + 8, y + 8], fill=(20, 20, 20, 255))


def dog(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A dog from the side, looking to the left, four legs apart."""
    put = _pen(draw, flat=flat)
    dark, coat = (120, 78, 40, 255), (180, 120, 60, 255)
    for x in (196, 366):
        put("polygon", [(x, 270), (x + 30, 270), (x + 24, 400), (x + 2, 400)], dark)
    put("line", [(380, 220), (430, 160)], coat, width=20)
    put("rounded_rectangle", [130, 200, 396, 300], coat, radius=46)
    for x in (142, 324):
        put("polygon", [(x, 260), (x + 38, 260), (x + 30, 404), (x + 4, 404)], coat)
    put("polygon", [(140, 250), (200, 210), (150, 130), (100, 150)], coat)
    put("ellipse", [70, 100, 170, 190], coat)
    put("rounded_rectangle", [36, 138, 110, 184], (220, 180, 130, 255), radius=16)
    put("polygon", [(130, 110), (160, 110), (172, 176), (146, 170)], dark)
    if not flat:
        draw.ellipse([34, 136, 54, 154], fill=(20, 20, 20, 255))
        draw.ellipse([92, 124, 108, 140], fill=(20, 20, 20, 255))


def sitting_dog(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A dog from the front, sitting: its body is what an outline can tell."""
    put = _pen(draw, flat=flat)
    put("ellipse", [140, 210, 340, 440], (170, 110, 60, 255))
    for side in (-1, 1):
        put("ellipse", [240 + side * 40 - 28, 300, 240 + side * 40 + 28, 446], (190, 130, 76, 255))
        put("ellipse", [240 + side * 104 - 30, 70, 240 + side * 104 + 30, 200], (110, 66, 36, 255))
    put("ellipse", [140, 60, 340, 250], (190, 130, 76, 255))
    if not flat:
        draw.ellipse([196, 150, 284, 236], fill=(235, 215, 190, 255))
        draw.ellipse([222, 156, 258, 182], fill=(20, 20, 20, 255))
        for x in (196, 284):
            draw.ellipse([x - 13, 118, x + 13, 146], fill=(20, 20, 20, 255))


def lamp(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A desk lamp: foot, bent arm, shade."""
    put = _pen(draw, flat=flat)
    put("ellipse", [120, 410, 280, 446], (60, 70, 80, 255))
    put("line", [(200, 425), (150, 270), (270, 150)], (120, 130, 140, 255), width=18)
    put("ellipse", [136, 256, 164, 284], (60, 70, 80, 255))
    put("polygon", [(240, 110), (310, 180), (380, 200), (290, 90)], (210, 60, 50, 255))


def crate(draw: ImageDraw.ImageDraw, flat: bool) -> None:
    """A box in isometric projection: three faces of different brightness."""
    put = _pen(draw, flat=flat)
    put("polygon", [(240, 90), (400, 170), (240, 250), (80, 170)], (220, 170, 100, 255))
    put("polygon", [(80, 170), (240, 250), (240, 420), (80, 340)], (180, 130, 70, 255))
    put("polygon", [(400, 170), (240, 250), (240, 420), (400, 340)], (140, 95, 50, 255))


def _pictures(figure: Figure) -> tuple[Image.Image, Mask]:
    colour, white = Image.new("RGBA", (SIDE, SIDE)), Image.new("RGBA", (SIDE, SIDE))
    figure(ImageDraw.Draw(colour), False)
    figure(ImageDraw.Draw(white), True)
    return colour, np.asarray(white.getchannel("A")) > 127


def _on(colour: Image.Image, ground: NDArray[np.float64]) -> Image.Image:
    """The drawing over an opaque background (height, width, 3; 0..255)."""
    base = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)).convert("RGBA")
    base.alpha_composite(colour)
    return base.convert("RGB")


def _bytes(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 35} if kind == "JPEG" else {}))
    return stream.getvalue()


def _pixels(figure: Figure) -> tuple[Image.Image, Mask]:
    """64 x 64 without anti-aliasing."""
    colour, drawn = _pictures(figure)
    small = colour.resize((64, 64), Image.Resampling.NEAREST)
    return small, np.asarray(Image.fromarray(drawn).resize((64, 64), Image.Resampling.NEAREST))


def _pencil(figure: Figure) -> tuple[Image.Image, Mask]:
    """Grey lines round every area on cream paper with grain."""
    colour, drawn = _pictures(figure)
    flat = np.asarray(colour.convert("RGB"), np.float64).mean(-1) + 60 * drawn
    edge = np.hypot(*np.gradient(flat)) > 4
    lines = (
        np.asarray(Image.fromarray(edge.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(3)), np.float64)
        / 255
    )
    rng = np.random.default_rng(3)
    paper = 246 + rng.normal(0, 1.5, drawn.shape)
    grey = paper * (1 - lines) + 70 * lines
    return Image.fromarray(
        np.clip(np.stack([grey, grey * 0.99, grey * 0.96], -1), 0, 255).astype(np.uint8)
    ), drawn


def _painted(figure: Figure) -> Image.Image:
    """Soft shading from the upper left and brush noise over the flat colours."""
    colour, _ = _pictures(figure)
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    shade = 1.05 - 0.3 * (x + y)[..., None] + rng.normal(0, 0.03, (SIDE, SIDE, 1))
    rgba = np.asarray(colour, np.float64)
    rgba[..., :3] *= shade
    return Image.fromarray(np.clip(rgba, 0, 255).astype(np.uint8))


def _gradient() -> NDArray[np.float64]:
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    return np.stack([90 + 90 * y, 130 + 80 * y, 190 - 40 * x + 20 * y], -1)


def _noise() -> NDArray[np.float64]:
    """A meadow out of focus: blotches of greens and browns with grain."""
    rng = np.random.default_rng(6)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 9), np.uint8)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    tone = np.asarray(coarse, np.float64)[..., None] / 255
    return (
        np.array([70, 110, 50]) * (1 - tone)
        + np.array([120, 130, 70]) * tone
        + rng.normal(0, 9, (SIDE, SIDE, 3))
    )


def _moved(picture: tuple[Image.Image, Mask], dx: int, dy: int) -> tuple[Image.Image, Mask]:
    """Moved within the frame; what leaves it is cut off."""
    image, drawn = picture
    moved = Image.new("RGBA", image.size)
    moved.paste(image, (dx, dy))
    mask = Image.new("L", image.size)
    mask.paste(Image.fromarray(drawn.astype(np.uint8) * 255), (dx, dy))
    return moved, np.asarray(mask) > 127


def gallery() -> tuple[Art, ...]:
    """All drawings. Deterministic."""
    flat, drawn = _pictures(hero)
    soft = flat.copy()
    soft.putalpha(flat.getchannel("A").filter(ImageFilter.GaussianBlur(2.5)))
    pixel, pixel_drawn = _pixels(hero)
    pencil, pencil_drawn = _pencil(robot)
    creature, machine, hound, light, box = (_pictures(f) for f in (blob, robot, dog, lamp, crate))
    corner, corner_drawn = _moved(
        (flat.resize((240, 240)), np.asarray(Image.fromarray(drawn).resize((240, 240)))), 0, 0
    )
    aside = Image.new("RGBA", (SIDE, SIDE))
    aside.paste(corner, (230, 200))
    aside_drawn = np.zeros((SIDE, SIDE), np.bool_)
    aside_drawn[200:440, 230:470] = corner_drawn
    cut, cut_drawn = _moved((flat, drawn), 0, 60)
    mirrored = hound[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    white = np.full((SIDE, SIDE, 3), 255.0)
    return (
        Art("flat vector", _bytes(flat), drawn, "biped"),
        Art("pixel art", _bytes(pixel), pixel_drawn, "biped"),
        Art("pencil", _bytes(pencil), pencil_drawn, "biped"),
        Art("painted blob", _bytes(_on(_painted(blob), _gradient())), creature[1], "prop"),
        Art("before a meadow", _bytes(_on(_painted(robot), _noise())), machine[1], "biped"),
        Art("jpeg", _bytes(_on(flat, white), "JPEG"), drawn, "biped"),
        Art("soft alpha", _bytes(soft), drawn, "biped"),
        Art("off centre", _bytes(_on(aside, white)), aside_drawn, "biped"),
        Art("cut at the edge", _bytes(cut), cut_drawn, "biped"),
        Art("t-pose", _bytes(machine[0]), machine[1], "biped"),
        Art("isometric crate", _bytes(_on(box[0], white)), box[1], "prop"),
        Art("lamp", _bytes(_on(light[0], _gradient())), light[1], "prop"),
        Art("dog from the front", _bytes(_pictures(sitting_dog)[0]), _pictures(sitting_dog)[1], "prop"),
        Art("dog to the left", _bytes(hound[0]), hound[1], "quadruped"),
        Art("dog to the right", _bytes(_on(mirrored, white)), hound[1][:, ::-1], "quadruped"),
    )

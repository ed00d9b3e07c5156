"""What the cards of a contact sheet show: pictures, the sculpted mesh, its wires, its bones, its clips, its maps."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from maquette.studio.delivery.moving import spread
from maquette.studio.delivery.page import INK, MUTED, stage, write
from maquette.studio.picturing.camera import Camera, framed
from maquette.studio.picturing.overlays import skeleton, wire
from maquette.studio.picturing.surface import Surface
from maquette.studio.pose import posed
from maquette.studio.render import draw
from maquette.studio.scene import Bone, Clip, Floats, Scene

Painter = Callable[[int, int], Image.Image]
_SHADOWS = 256
_GHOST = 0.5
_FILL = 0.88
_CHECK = 14
_LIGHT, _DARK = (246, 247, 249), (229, 232, 237)
_MAP_NAMES = {
    "base_color": "base color",
    "normal": "normal",
    "roughness": "roughness",
    "metallic": "metallic",
    "ao": "occlusion",
}
_SWATCH = 320


def picture(image: Image.Image) -> Painter:
    """Show a picture whole, on squares where it is transparent."""

    def paint(width: int, height: int) -> Image.Image:
        panel = _squares(width, height)
        inner = (round(width * 0.92), round(height * 0.92))
        shown = image.convert("RGBA")
        opaque = shown.getchannel("A").getextrema() == (255, 255)
        fit = min(width / shown.width, height / shown.height) if opaque else 0.0
        scale = fit or min(inner[0] / shown.width, inner[1] / shown.height)
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        shown = shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        panel.paste(shown, ((width - size[0]) // 2, (height - size[1]) // 2), shown)
        return panel

    return paint


def still(drawn: Surface) -> Painter:
    """Show the model as it is, from three quarters."""

    def paint(width: int, height: int) -> Image.Image:
        panel = stage(width, height)
        camera = _framing(drawn)
        shown = draw(drawn, camera, _side(drawn, camera, width, height), backdrop=False)
        _center(panel, shown)
        return panel

    return paint


def front_and_back(drawn: Surface) -> Painter:
    """Show both sides of a model beside each other."""

    def paint(width: int, height: int) -> Image.Image:
        panel = stage(width, height)
        cameras = [_framing(drawn, azimuth, 0.12) for azimuth in (0.12, np.pi + 0.12)]
        beside = min(_side(drawn, camera, width // 2, height) for camera in cameras)
        above = min(_side(drawn, camera, width, height // 2) for camera in cameras)
        stacked = above > 1.25 * beside
        for camera, share in zip(cameras, (0.27, 0.73), strict=True):
            shown = draw(drawn, camera, above if stacked else beside, backdrop=False, shadows=_SHADOWS)
            _center(panel, shown, *((0.5, share) if stacked else (share, 0.5)))
        return panel

    return paint


def wires(clay: Surface) -> Painter:
    """Show the faces of a model: clay, and the edges over it."""

    def paint(width: int, height: int) -> Image.Image:
        panel, camera = stage(width, height), _framing(clay)
        side = _side(clay, camera, width, height)
        shown = draw(clay, camera, side, backdrop=False, shadows=_SHADOWS)
        _center(panel, Image.alpha_composite(shown, wire(clay, camera, side)))
        return panel

    return paint


def bones(clay: Surface, armature: Sequence[Bone]) -> Painter:
    """Show the skeleton over a body one can look through."""

    def paint(width: int, height: int) -> Image.Image:
        panel, camera = stage(width, height), _framing(clay, 0.3)
        side = _side(clay, camera, width, height)
        shown = draw(clay, camera, side, backdrop=False, shadows=_SHADOWS)
        shown.putalpha(shown.getchannel("A").point(lambda value: round(value * _GHOST)))
        _center(panel, Image.alpha_composite(shown, skeleton(armature, camera, side)))
        return panel

    return paint


def maps(textures: Mapping[str, Image.Image]) -> Painter:
    """Show the texture set as named swatches, as large as the panel lets them be."""

    def paint(width: int, height: int) -> Image.Image:
        panel = Image.new("RGB", (width, height), _LIGHT)
        names = [name for name in _MAP_NAMES if name in textures]
        columns = min(len(names), 3 if width < height * 2 else 5)
        lines = -(-len(names) // columns)
        gap, text = 14, 26
        edge = min((width - gap * (columns + 1)) // columns, (height - gap) // lines - text - gap)
        above = (height - lines * (edge + text + gap) + gap) // 2
        for index, name in enumerate(names):
            line, column = divmod(index, columns)
            inline = min(columns, len(names) - line * columns)
            x = (width - inline * (edge + gap) + gap) // 2 + column * (edge + gap)
            y = above + line * (edge + text + gap)
            panel.paste(_swatch(textures[name], edge), (x, y))
            write(panel, (x + edge / 2, y + edge + 19), _MAP_NAMES[name], 14, MUTED, "ms")
        return panel

    return paint


def film(drawn: Surface, scene: Scene, clips: Sequence[Clip], frames: int) -> Painter:
    """Show frames of each clip in a row, one camera for all, with the clip's name and length under them."""

    def paint(width: int, height: int) -> Image.Image:
        panel = stage(width, height)
        share = width / len(clips)
        each = max(2, frames // len(clips))
        for index, clip in enumerate(clips):
            left = index * share
            _strip(panel, (drawn, scene), clip, (left, share), each)
            text = f"{clip.duration:.2f} s, {clip.fps} fps" + (", loop" if clip.loop else "")
            wide = write(panel, (left + 22, height - 18), clip.name, 19, INK)
            write(panel, (left + 32 + wide, height - 18), text, 15, MUTED)
            if index:
                ImageDraw.Draw(panel).line(
                    (left, height * 0.12, left, height * 0.88), fill=(205, 210, 218), width=2
                )
        return panel

    return paint


def _strip(
    panel: Image.Image, body: tuple[Surface, Scene], clip: Clip, span: tuple[float, float], count: int
) -> None:
    drawn, scene = body
    left, share = span
    room = panel.height - 34
    numbers = spread(len(clip.times), count, loop=clip.loop)
    meshes = [mesh for number in numbers if (mesh := posed(scene, clip, number).mesh) is not None]
    used = np.unique(drawn.triangles)
    places = np.concatenate([mesh.positions[used] for mesh in meshes])
    camera = framed(places, 0.5, 0.16)
    side = _edge(places, camera, share / len(meshes) * 1.04, room)
    for index, mesh in enumerate(meshes):
        shown = draw(drawn.moved(mesh), camera, side, backdrop=False, shadows=128)
        x = left + share * (index + 0.5) / len(meshes) - side / 2
        panel.paste(shown, (round(x), (room - side) // 2 + 4), shown)


def _framing(drawn: Surface, azimuth: float = 0.55, elevation: float = 0.22) -> Camera:
    return framed(drawn.places, azimuth, elevation)


def _side(drawn: Surface, camera: Camera, width: int, height: int) -> int:
    """Edge of a square picture whose model fills a panel that need not be square."""
    return _edge(drawn.places, camera, width, height)


def _edge(points: Floats, camera: Camera, width: float, height: float) -> int:
    screen, _ = camera.seen(points)
    wide, high = (max(float(extent) / 2, 0.05) for extent in np.ptp(screen, axis=0))
    return round(min(width * _FILL / wide, height * _FILL / high, 1.6 * max(width, height)))


def _center(panel: Image.Image, shown: Image.Image, across: float = 0.5, down: float = 0.5) -> None:
    """Lay a picture with its middle at shares of the panel's width and height."""
    x, y = panel.width * across - shown.width / 2, panel.height * down - shown.height / 2
    panel.paste(shown, (round(x), round(y)), shown)


def _squares(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width] // _CHECK
    odd = ((x + y) % 2)[..., None].astype(bool)
    return Image.fromarray(np.where(odd, _DARK, _LIGHT).astype(np.uint8))


def _swatch(image: Image.Image, edge: int) -> Image.Image:
    return image.convert("RGB").resize((edge, edge), Image.Resampling.BOX, reducing_gap=2.0)

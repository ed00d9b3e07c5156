"""The contact sheet: one picture that tells how the asset came about, from the concept to the finished model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from maquette.studio.delivery import panels
from maquette.studio.delivery.page import GAP, MARGIN, MUTED, Card, paper, place, rows, write
from maquette.studio.picturing.surface import CLAY, Surface, surface
from maquette.studio.quads import face_count
from maquette.studio.scene import Mesh, Scene

WIDTH = 1920
SHEET_IMAGES_MAX = 4
_HEAD = 150
_BODY = 860
_HERO = 560
_HERO_FLAT = 900
_FILM = 330
_FOOT = 40
_SPELLED = {"gltf": "glTF", "webp": "WebP"}
_FILM_CLIPS_MAX = 3
_FILM_FRAMES = 9


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to show; whatever is missing has no card."""

    name: str
    concept: Image.Image | None
    refined: Image.Image | None
    sculpt: Scene | None
    """The mesh before it was rebuilt."""
    model: Scene
    """The finished model with its clips."""
    body: Surface
    """The same, made ready to be drawn."""
    textures: Mapping[str, Image.Image]
    formats: Sequence[str]


def contact_sheet(story: Story, progress: Callable[[float], None]) -> Image.Image:
    """Draw the sheet of a 3D asset, RGB, `WIDTH` pixels wide."""
    model = story.model
    assert model.mesh is not None
    clips = [clip for clip in model.clips if model.mesh.joints is not None][:_FILM_CLIPS_MAX]
    height = _HEAD + _BODY + (GAP + _FILM if clips else 0) + _FOOT
    page = paper(WIDTH, height)
    _heading(page, story.name, _figures(model))
    cards = _cards(story)
    right = WIDTH - MARGIN
    rows(page, (MARGIN, _HEAD, right - _HERO - GAP, _HEAD + _BODY), cards)
    progress(0.5)
    number = len(cards) + 1
    if clips:
        top = _HEAD + _BODY + GAP
        more = len(model.clips) - len(clips)
        told = f"{len(model.clips)} clip{'s' if len(model.clips) > 1 else ''}" + (
            f", {more} not shown" if more else ""
        )
        strip = Card("Animation", told, panels.film(story.body, model, clips, _FILM_FRAMES))
        place(page, (MARGIN, top, right, top + _FILM), strip, number)
        number += 1
    hero = Card("Final model", _listed(story.formats), panels.still(story.body))
    place(page, (right - _HERO, _HEAD, right, _HEAD + _BODY), hero, number)
    progress(1.0)
    return page


def image_sheet(
    name: str, concepts: Sequence[Image.Image], finals: Sequence[Image.Image], formats: Sequence[str]
) -> Image.Image:
    """Draw the sheet of a 2D asset: concepts, then what became of them; at most `SHEET_IMAGES_MAX` of each."""
    shown = [(f"Concept {_nth(index, concepts)}", image) for index, image in enumerate(concepts)]
    shown += [(f"Final {_nth(index, finals)}", image) for index, image in enumerate(finals)]
    cards = [
        Card(title.strip(), f"{image.width} x {image.height}", panels.picture(image))
        for title, image in shown
    ]
    page = paper(WIDTH, _HEAD + _BODY + _FOOT)
    _heading(page, name, _listed(formats))
    right = WIDTH - MARGIN
    if len(finals) == 1 and len(concepts) > 1:
        hero, edge = cards.pop(), right - _HERO_FLAT
        place(page, (edge, _HEAD, right, _HEAD + _BODY), hero, len(cards) + 1)
        right = edge - GAP
    rows(page, (MARGIN, _HEAD, right, _HEAD + _BODY), cards, lines=1 if len(cards) < 3 else 2)
    return page


def _listed(formats: Sequence[str]) -> str:
    return ", ".join(_SPELLED.get(kind, kind.upper()) for kind in formats)


def _nth(index: int, items: Sequence[object]) -> str:
    return str(index + 1) if len(items) > 1 else ""


def _heading(page: Image.Image, name: str, figures: str) -> None:
    title = " ".join(name.replace("_", " ").replace("-", " ").split())
    write(page, (MARGIN, 86), title[:1].upper() + title[1:48], 58)
    write(page, (MARGIN, 122), figures, 22, MUTED)
    write(page, (page.width - MARGIN, 86), "maquette", 26, MUTED, "rs")


def _figures(model: Scene) -> str:
    assert model.mesh is not None
    tall = model.mesh.positions[:, 1]
    figures = [_faces(model.mesh), f"{float(tall.max() - tall.min()):.2f} m tall"]
    if model.bones:
        figures.append(f"{len(model.bones)} bones")
    if model.clips:
        figures.append(", ".join(clip.name for clip in model.clips[:6]))
    return "   /   ".join(figures)


def _cards(story: Story) -> list[Card]:
    cards = []
    for title, image in (("Concept", story.concept), ("Refined", story.refined)):
        if image is not None:
            cards.append(Card(title, f"{image.width} x {image.height}", panels.picture(image)))
    if story.sculpt is not None and story.sculpt.mesh is not None:
        sculpt = surface(story.sculpt.mesh, story.sculpt.material)
        cards.append(Card("Sculpt, front and back", _faces(story.sculpt.mesh), panels.front_and_back(sculpt)))
    model = story.model
    assert model.mesh is not None
    clay = surface(model.mesh, CLAY)
    cards.append(Card("Retopology", _faces(model.mesh), panels.wires(clay)))
    if model.bones and model.mesh.joints is not None:
        cards.append(Card("Rig", f"{len(model.bones)} bones", panels.bones(clay, model.bones)))
    if story.textures:
        widest = max(max(image.size) for image in story.textures.values())
        cards.append(
            Card("Textures", f"{len(story.textures)} maps, {widest} px", panels.maps(story.textures))
        )
    return cards


def _faces(mesh: Mesh) -> str:
    kind = "quads" if mesh.topology == "quad" else "triangles"
    return f"{face_count(mesh):,} {kind}"

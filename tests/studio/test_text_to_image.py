"""text_to_image: nouns decide shapes, words and palette decide colours, seeds decide variants. About 12 s on an idle machine."""

import colorsys
import hashlib
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Run, as_input, hue_share, mask, opened, overlap, pixels, runner
from PIL import Image

from maquette.studio.painter.attachments import ATTACHMENTS
from maquette.studio.painter.catalogue import BY_WORD, SUBJECTS
from maquette.studio.painter.picture import paint
from maquette.studio.painter.vocabulary import read
from maquette.studio.text_to_image import text_to_image, variant_seed

TWENTY = (
    "a brass teapot with a dent", "an old violin", "a snow fox", "a samurai in red armour", "a lighthouse at dusk", "a haunted pumpkin", "a coral octopus",
    "a hot air balloon", "a pirate galleon", "a crystal chalice", "a stone golem", "a tall cactus", "a green submarine", "a toy locomotive", "a barn owl",
    "a bonsai tree", "a plasma frobnicator", "a battle axe", "an alien botanist", "a glowing zyxomma",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(text_to_image, "text_to_image", tmp_path)


def painted(prompt: str, seed: int = 5, size: int = 160, **more: Any) -> Image.Image:
    return paint(read(prompt, **more), seed=seed, size=size)


def test_twenty_nouns_have_twenty_silhouettes() -> None:
    """No two of twenty prompts, known and unknown nouns, share four fifths of their outline."""
    masks = {prompt: mask(painted(prompt)) for prompt in TWENTY}
    worst = max((overlap(masks[a], masks[b]), a, b) for a, b in itertools.combinations(TWENTY, 2))
    assert worst[0] < 0.8, worst


@pytest.mark.parametrize(
    ("prompt", "hue"),
    [("a red barrel", 0.0), ("a blue car", 0.61), ("a green fox", 0.33), ("a purple potion", 0.76), ("a yellow submarine", 0.14), ("an orange robot", 0.08), ("a teal flooberjam", 0.5), ("a knight in blue armour", 0.61), ("a wizard in a red robe", 0.0)],
)  # fmt: skip
def test_a_colour_word_colours_the_body(prompt: str, hue: float) -> None:
    """Whatever the subject's natural colour, the word's hue is its most frequent one."""
    image = painted(prompt)
    shares = {h: hue_share(image, h) for h in (0.0, 0.08, 0.14, 0.33, 0.5, 0.61, 0.76, 0.9)}
    assert max(shares, key=lambda h: shares[h]) == hue, shares


def test_the_palette_dominates_and_words_override_the_body() -> None:
    """With a violet and pink palette a frog-green subject turns violet; a colour word still wins the body."""
    palette = [(0.36, 0.2, 0.62), (0.85, 0.35, 0.65), (0.2, 0.15, 0.3)]
    plain = painted("a dragon")
    styled = paint(read("a dragon"), seed=5, size=160, colours=palette)
    worded = paint(read("a yellow dragon"), seed=5, size=160, colours=palette)
    violet = colorsys.rgb_to_hls(*palette[0])[0]
    assert hue_share(plain, violet, 0.1) < 0.1
    assert hue_share(styled, violet, 0.1) > 0.45
    assert hue_share(worded, 0.14) > 0.4 > hue_share(styled, 0.14)


def test_material_words_change_the_surface() -> None:
    """Rust brings orange-brown to a robot; ice and gold move a sword's colour towards theirs."""
    brown = 0.065
    assert hue_share(painted("a blue rusty robot"), brown, 0.04) > 2 * hue_share(
        painted("a blue robot"), brown, 0.04
    )
    steel, golden = (pixels(painted(f"a {word} sword")).mean(0) for word in ("steel", "golden"))
    assert golden[0] - golden[2] > steel[0] - steel[2] + 0.15
    plain, icy = (pixels(painted(f"{word} dragon")).mean(0) for word in ("a", "an icy"))
    assert icy[2] > plain[2] + 0.2


def test_attachments_and_proportions_follow_the_words() -> None:
    """Wings widen, a hat heightens, a tall tower is slimmer, a courier carries what a plain robot does not."""

    def aspect(prompt: str) -> float:
        solid = np.asarray(painted(prompt).getchannel("A")) > 127
        return float(np.ptp(np.flatnonzero(solid.any(0))) / np.ptp(np.flatnonzero(solid.any(1))))

    assert aspect("a rabbit with wings") > aspect("a rabbit")
    assert aspect("a cat with a wizard hat") < aspect("a cat")
    assert aspect("a tall tower") < aspect("a tower")
    assert (
        np.abs(np.asarray(painted("a robot courier"), int) - np.asarray(painted("a robot"), int)).mean() > 1
    )


def test_negative_words_remove_features_and_colours() -> None:
    """A banned hat leaves exactly the picture without one, and a banned red leaves a mushroom that is not red."""
    bare = painted("a blue robot").tobytes()
    assert painted("a blue robot with a hat").tobytes() != bare
    assert painted("a blue robot with a hat", negative="hat").tobytes() == bare
    assert painted("a blue robot with a hat", negative_keywords=["hats"]).tobytes() == bare
    assert painted("a blue robot without a hat").tobytes() == bare
    assert hue_share(painted("a mushroom"), 0.0) > 0.5
    assert hue_share(painted("a mushroom", negative="red"), 0.0) < 0.1


@pytest.mark.parametrize(
    "prompt", ["a rusty robot courier", "a knight", "a ninja", "a zombie", "an astronaut", "a goblin"]
)
def test_characters_stand_in_a_pose(prompt: str) -> None:
    """Feet apart, arms clear of the body: a row through the shins has two runs, one through the hips or waist three."""
    solid = np.asarray(painted(prompt, size=256).getchannel("A")) > 127
    rows = np.flatnonzero(solid.any(1))
    runs = (np.diff(solid[rows].astype(int), axis=1) == 1).sum(1)
    foot, middle = runs[-len(rows) // 8 :], runs[len(rows) * 2 // 5 : len(rows) * 7 // 10]
    assert (foot >= 2).mean() > 0.7
    assert (middle >= 3).sum() >= 5


def test_every_subject_paints_inside_the_frame() -> None:
    """Each of the catalogue's subjects, with all that it wears, fills its frame and stays inside it."""
    for subject in SUBJECTS:
        assert set(subject.wears) <= ATTACHMENTS.keys(), subject.name
        alpha = np.asarray(painted(subject.name, size=72).getchannel("A")) > 127
        assert alpha.mean() > 0.02, subject.name
        assert alpha.mean() < 0.85, subject.name
        edges = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
        assert not any(edge.any() for edge in edges), subject.name
        assert max(alpha.any(0).sum(), alpha.any(1).sum()) > 45, subject.name


def test_every_attachment_goes_on_anything() -> None:
    """Things can be put on a body with hands and on one without."""
    for noun in ("robot", "barrel"):
        plain = painted(f"a {noun}", size=48).tobytes()
        for name in ATTACHMENTS:
            assert painted(f"a {noun} with a {name}", size=48).tobytes() != plain, (noun, name)


def test_an_unknown_noun_has_a_shape_of_its_own_and_says_so(run: Run) -> None:
    """The word decides the shape, whatever the seed; the artifact admits that the word is not in the vocabulary."""
    recorded = run(prompt="a shiny glorbnax", size=128, variants=2)
    for artifact in recorded.succeeded.artifacts:
        assert artifact.attributes["recognised"] is False
        assert artifact.attributes["subject"] == "glorbnax"
    first, second = (mask(opened(recorded, f"concept-{i}.png")) for i in (1, 2))
    assert overlap(first, second) > 0.9
    assert overlap(first, mask(painted("a shiny plimwick"))) < 0.8
    assert run(prompt="a shiny teapot", size=128).succeeded.artifacts[0].attributes["recognised"] is True


@pytest.mark.parametrize(
    ("prompt", "noun", "role"),
    [
        ("a rusty robot courier", "robot", "courier"), ("skeleton knight", "skeleton", "knight"), ("wizard's tower", "tower", None), ("two brave foxes", "fox", None),
        ("a treasure chest full of coins", "chest", None), ("game-ready low-poly barrel, PBR", "barrel", None), ("a crystal", "crystal", None), ("a crystal axe", "axe", None),
        ("a fire hydrant", "hydrant", None), ("a man holding a sword", "man", None), ("a frobnitz holding a sword", "frobnitz", None), ("a robot barista", "robot", None),
    ],
)  # fmt: skip
def test_the_noun_is_found_as_english_puts_it(prompt: str, noun: str, role: str | None) -> None:
    """The last noun of the first phrase is the subject, roles apply to bodies, adjectives and fillers are neither."""
    brief = read(prompt)
    assert brief.noun == noun
    assert (brief.role.name if brief.role else None) == role
    assert brief.recognised == (noun in BY_WORD)


def test_equal_input_gives_equal_bytes_in_any_process(run: Run) -> None:
    """Two runs here and one in a fresh interpreter with another hash seed write the same file."""
    params = {
        "prompt": "a mossy golem with a lantern",
        "size": 96,
        "style": {"palette": ["#336644", "#ddaa33"], "keywords": ["muted"]},
    }
    first, second = (run(**params).files["concept-1.png"].read_bytes() for _ in range(2))
    program = (
        "import hashlib,json,sys,pathlib,tempfile\n"
        "from maquette.studio.text_to_image import text_to_image\n"
        "from maquette.worker.testing import run_handler\n"
        "workdir = pathlib.Path(tempfile.mkdtemp(dir=sys.argv[1]))\n"
        f"done = run_handler(text_to_image, step='text_to_image', workdir=workdir, seed=11, params={params!r})\n"
        "print(hashlib.sha256(done.files['concept-1.png'].read_bytes()).hexdigest())\n"
    )
    root = run(prompt="x", size=64).workdir.parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77"},
        timeout=60,
    )
    assert first == second
    assert done.stdout.strip() == hashlib.sha256(first).hexdigest()


@pytest.mark.parametrize(("ratio", "size"), [("16:9", (96, 54)), ("2:3", (64, 96)), ("1:1", (96, 96))])
def test_a_frame_has_the_ratio_that_was_asked_for(run: Run, ratio: str, size: tuple[int, int]) -> None:
    """The longer edge is ``size``; the subject is whole, in the middle; a square one is the same file as ever."""
    recorded = run(prompt="a teapot", size=96, aspect_ratio=ratio)
    picture = opened(recorded, "concept-1.png")
    assert picture.size == size
    left, top, right, bottom = picture.getchannel("A").getbbox() or (0, 0, 0, 0)
    assert abs(left + right - size[0]) <= 0.25 * min(size)
    assert min(left, top, size[0] - right, size[1] - bottom) >= 0
    assert right - left > 0.3 * min(size)
    if ratio == "1:1":
        plain = run(prompt="a teapot", size=96)
        assert recorded.files["concept-1.png"].read_bytes() == plain.files["concept-1.png"].read_bytes()


def test_variants_differ_and_each_can_be_had_alone(run: Run) -> None:
    """Sub-seeds are reported; asking for one of them alone gives that very file."""
    recorded = run(prompt="a robot", size=96, variants=4, seed=3)
    files = [recorded.files[f"concept-{i}.png"].read_bytes() for i in range(1, 5)]
    assert len(set(files)) == 4
    seeds = recorded.outputs["seeds"]
    assert seeds[0] == 3 == recorded.outputs["seed"]
    assert seeds == [variant_seed(3, i) for i in range(4)]
    assert run(prompt="a robot", size=96, seed=seeds[2]).files["concept-1.png"].read_bytes() == files[2]


def test_artifacts_and_outputs_say_what_was_done(run: Run) -> None:
    """Size, subject, maker and the prompts as used, keywords included."""
    style = {"keywords": ["muted"], "negative_keywords": ["ink"]}
    recorded = run(prompt="a fox", negative_prompt="tail", size=130, style=style)
    attributes = recorded.succeeded.artifacts[0].attributes
    assert (attributes["width"], attributes["height"]) == opened(recorded, "concept-1.png").size == (130, 130)
    assert attributes["subject"] == "fox"
    assert "no diffusion model" in attributes["engine"]["method"]
    assert recorded.outputs["prompt_used"] == "a fox, muted"
    assert recorded.outputs["negative_prompt_used"] == "tail, ink"
    assert recorded.succeeded.model == recorded.outputs["model"] == "maquette-studio/painter"


def test_backgrounds(run: Run) -> None:
    """Transparent pictures have clear corners; opaque ones have no alpha at all."""
    clear = opened(run(prompt="a fox", size=96), "concept-1.png")
    solid = opened(run(prompt="a fox", size=96, background="opaque"), "concept-1.png")
    assert clear.getpixel((0, 0))[3] == 0  # type: ignore[index]  # a band tuple
    assert solid.mode == "RGB"


def test_a_reference_image_lends_its_colours(run: Run, tmp_path: Path) -> None:
    """Without a palette the reference's dominant colours are used; with one they are not."""
    reference = as_input(tmp_path, Image.new("RGB", (64, 64), (200, 30, 170)), step="reference")
    assert hue_share(opened(run(reference, prompt="a dragon", size=128), "concept-1.png"), 0.86) > 0.3
    styled = run(reference, prompt="a dragon", size=128, style={"palette": ["#2f7fd0"]})
    assert hue_share(opened(styled, "concept-1.png"), 0.86) < 0.1


@pytest.mark.parametrize("style", ["cel-shaded", "noir", "pixel", "watercolor", "flat", "night"])
def test_style_keywords_change_the_look(style: str) -> None:
    """Each look differs from the plain picture and keeps its subject."""
    plain, styled = painted("a wooden barrel"), painted("a wooden barrel", keywords=[style])
    assert styled.tobytes() != plain.tobytes()
    assert overlap(mask(plain), mask(styled)) > 0.9


@pytest.mark.parametrize("prompt", ["🦊🤖", "ロボット", ",,, , and", "a", "no", "x" * 10_000, "a robot " * 900, "with wings", "\x00\n", "red blue green"])  # fmt: skip
def test_any_text_gives_a_picture(run: Run, prompt: str) -> None:
    """There is no prompt that breaks the painter."""
    assert len(pixels(opened(run(prompt=prompt, size=64), "concept-1.png"))) > 50


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"prompt": "  "}, "prompt_empty"),
        ({}, "prompt_empty"),
        ({"prompt": 5}, "parameter_invalid"),
        ({"prompt": "a fox", "size": 10**6}, "parameter_invalid"),
        ({"prompt": "a fox", "variants": 0}, "parameter_invalid"),
        ({"prompt": "a fox", "variants": "two"}, "parameter_invalid"),
        ({"prompt": "a fox", "background": "plaid"}, "parameter_invalid"),
        ({"prompt": "a fox", "style": "noir"}, "parameter_invalid"),
        ({"prompt": "a fox", "style": {"keywords": "noir"}}, "parameter_invalid"),
        ({"prompt": "a fox", "style": {"palette": ["#12345g"]}}, "palette_invalid"),
    ],
)
def test_bad_parameters_fail_with_a_code(run: Run, params: dict[str, Any], code: str) -> None:
    """An unusable request is a failure of class invalid that names what is wrong, never an exception."""
    failed = run(**params).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


def test_a_broken_reference_fails(run: Run, tmp_path: Path) -> None:
    """A reference that is no image is refused."""
    failed = run(as_input(tmp_path, b"not a picture", step="reference"), prompt="a fox").failed
    assert failed.code == "image_undecodable"


def test_materials_of_the_style_are_painted_and_the_rest_is_owned_up_to(run: Run) -> None:
    """A material changes the pixels as a word of the prompt would; what cannot be done is named, and nothing else is."""
    style = {"materials": ["brass"], "loras": [{"name": "ink"}], "line": {"weight": "bold", "words": []}}
    plain = run(seed=3, prompt="a teapot", size=96)
    brass = run(seed=3, prompt="a teapot", size=96, style=style)
    said = run(seed=3, prompt="a teapot", size=96, style={"keywords": ["brass"]})
    shown, alike, bare = (opened(done, "concept-1.png").tobytes() for done in (brass, said, plain))
    assert shown == alike
    assert shown != bare
    assert brass.outputs["style_ignored"] == ["line.weight", "loras"]
    assert brass.outputs["prompt_used"] == "a teapot, brass"
    assert "style_ignored" not in plain.outputs

"""Animals on four legs, from the side and facing right: horses, dogs, cats, bears, dragons. Proportions are the catalogue's.

All four legs are drawn, the far pair a step ahead and darker: that is what makes a side view readable, also for the lifter.
"""

from maquette.studio.painter.quadruped_heads import HEADS, Build
from maquette.studio.painter.shapes import box, capsule, circle, ellipse, polygon, smooth, stroke
from maquette.studio.painter.sketch import Anchors, Sketch

_GROUND = -0.95
_LONG = 0.56
"""Half length of a trunk."""
_STEP = 0.21
"""How far ahead the far legs stand, unless they are short."""


def standing(s: Sketch) -> None:
    """Draw a standing four-legged animal. Options: leg, bulk, neck, rise, head, muzzle, face, ears, tail, feet, coat, mane."""
    leg, bulk = float(s.option("leg", "0.5")), float(s.option("bulk", "0.24"))
    head, y = float(s.option("head", "0.17")), _GROUND + leg + bulk * 0.86
    neck, rise = float(s.option("neck", "0.22")), float(s.option("rise", "0.3"))
    build = Build(
        f"main:{s.option('coat', 'fur')}",
        _LONG,
        leg,
        bulk,
        y,
        (_LONG * 0.78 + neck, y + bulk * 0.35 + rise),
        head,
    )
    x, top = build.skull
    s.anchors = Anchors(
        (x, top + head, head),
        (x + head * 0.7, top, head * 0.75),
        (0.0, y, _LONG),
        y + bulk * 0.8,
        y - bulk,
        (),
        _GROUND,
    )
    if s.option("wings"):
        _wing(s, build)
    step = min(_STEP, 0.42 * leg)
    for hind, at in ((False, _LONG * 0.62 + step), (True, -_LONG * 0.86 + step)):
        _leg(s, build, at, hind=hind, far=True)
    _tail(s, build)
    if s.option("mane") == "ruff":
        s.add(
            "mane",
            "accent:fur",
            ellipse(x - head * 0.5, top - head * 0.3, head * 1.7, head * 1.95).wavy(0.03, 20),
            bevel=0.2,
        )
    _trunk(s, build)
    for hind, at in ((False, _LONG * 0.62), (True, -_LONG * 0.86)):
        _leg(s, build, at, hind=hind, far=False)
    if s.option("mane") == "ruff":
        s.add(
            "mane",
            "accent:fur",
            ellipse(x - head * 0.55, top - head * 0.35, head * 1.25, head * 1.7).wavy(0.03, 20),
            bevel=0.16,
        )
    elif s.option("mane"):
        points = [
            (_LONG * 0.5, y + bulk * 0.95),
            (x - head * 1.15, top - head * 0.1),
            (x - head * 0.2, top + head * 0.95),
        ]
        s.add("mane", "hair", stroke(points, head * 0.6, head * 0.4).wavy(0.018, 26), bevel=0.08)
    HEADS[s.option("face", "canine")](s, build)


def _trunk(s: Sketch, b: Build) -> None:
    x, top = b.skull
    chest, rump = (
        ellipse(_LONG * 0.5, b.y + b.bulk * 0.04, b.bulk * 1.12, b.bulk),
        ellipse(-_LONG * 0.6, b.y, b.bulk * 1.05, b.bulk * 0.94),
    )
    loin = capsule(
        (-_LONG * 0.6, b.y + b.bulk * 0.12), (_LONG * 0.5, b.y + b.bulk * 0.1), b.bulk * 0.8, b.bulk * 0.86
    )
    neck = capsule(
        (_LONG * 0.62, b.y + b.bulk * 0.3),
        (x - b.head * 0.25, top - b.head * 0.1),
        b.bulk * 0.72,
        b.head * 0.78,
    )
    shape = chest.blend(rump, 0.1).blend(loin, 0.08).blend(neck, 0.1)
    s.add("body", b.coat, shape, bevel=b.bulk)
    under = ellipse(0.0, b.y - b.bulk * 0.78, _LONG * 0.7, b.bulk * 0.3) & shape.grown(-0.012)
    s.add("belly", "second:fur", under, bevel=0.07, line=0.0, shadow=0.0)
    if s.option("bib"):
        bib = ellipse(_LONG * 0.5 + b.bulk * 0.95, b.y + b.bulk * 0.15, b.bulk * 0.45, b.bulk * 0.85, 0.35)
        s.add("chest", "second:fur", bib & shape.grown(-0.012), bevel=0.1, line=0.0, shadow=0.0)


def _leg(s: Sketch, b: Build, x: float, *, hind: bool, far: bool) -> None:
    tone = "--" if far else ""
    paint = b.coat.replace("main", f"main{tone}")
    thick = b.bulk * float(s.option("shank", "0.34"))
    ankle = _GROUND + 0.06
    knee = _GROUND + b.leg * 0.5
    lean = b.bulk * 0.16
    if hind:
        shape = ellipse(x - 0.01, b.y - b.bulk * 0.3, thick * 1.75, b.bulk * 0.78)
        shape = shape.blend(
            stroke(
                [(x + lean, b.y - b.bulk * 0.8), (x - lean, knee), (x - lean * 0.4, ankle)],
                thick * 1.1,
                thick * 0.66,
            ),
            0.05,
        )
    else:
        shape = ellipse(x, b.y - b.bulk * 0.25, thick * 1.4, b.bulk * 0.66)
        shape = shape.blend(
            stroke([(x, b.y - b.bulk * 0.7), (x + lean * 0.3, knee), (x, ankle)], thick, thick * 0.66), 0.05
        )
    s.add("legs", paint, shape, bevel=thick, shadow=0.3)
    feet, foot_x = s.option("feet", "paw"), x + (0.0 if not hind else -lean * 0.4)
    if feet == "hoof":
        s.add("feet", "shade", box(foot_x + 0.012, _GROUND + 0.035, thick * 0.8, 0.042, 0.018), bevel=0.04)
        return
    s.add(
        "feet",
        paint if s.option("socks") != "yes" else f"second{tone}:fur",
        ellipse(foot_x + thick * 0.5, _GROUND + 0.045, thick * 1.15, 0.052),
        bevel=0.05,
    )
    if feet == "claw" and not far:
        for k in (0.55, 1.0, 1.45):
            s.add(
                "claws",
                "cream",
                ellipse(foot_x + thick * k, _GROUND + 0.022, 0.02, 0.026),
                bevel=0.02,
                line=0.005,
            )


def _tail(s: Sketch, b: Build) -> None:
    kind = s.option("tail", "thin")
    x, y = -_LONG * 0.6 - b.bulk * 0.85, b.y + b.bulk * 0.35
    if kind == "hair":
        s.add(
            "tail",
            "hair",
            stroke(
                [(x + 0.03, y), (x - 0.13, y - 0.05), (x - 0.19, y - 0.28), (x - 0.15, y - 0.52)], 0.05, 0.075
            ).wavy(0.008, 26),
            bevel=0.07,
        )
    elif kind == "tuft":
        s.add(
            "tail",
            b.coat,
            stroke([(x + 0.03, y), (x - 0.14, y - 0.1), (x - 0.17, y - 0.34)], 0.035, 0.026),
            bevel=0.03,
        )
        s.add("tail", "hair", ellipse(x - 0.165, y - 0.4, 0.05, 0.1), bevel=0.05)
    elif kind == "bushy":
        tip = [
            (x + 0.06, y - 0.04),
            (x - 0.2, y + 0.08),
            (x - 0.46, y + 0.04),
            (x - 0.62, y - 0.16),
            (x - 0.36, y - 0.2),
            (x - 0.1, y - 0.17),
        ]
        brush = smooth(tip, 5)
        s.add("tail", b.coat, brush, bevel=0.12)
        s.add(
            "tail",
            "second:fur",
            brush & ellipse(x - 0.56, y - 0.08, 0.16, 0.18),
            bevel=0.1,
            line=0.006,
            shadow=0.0,
        )
    elif kind == "long":
        s.add(
            "tail",
            b.coat,
            stroke(
                [(x + 0.05, y), (x - 0.22, y + 0.02), (x - 0.36, y + 0.2), (x - 0.3, y + 0.42)], 0.062, 0.045
            ),
            bevel=0.05,
        )
    elif kind == "stub":
        s.add("tail", b.coat, circle(x + 0.01, y + 0.02, 0.075), bevel=0.07)
    elif kind == "spade":
        line = [(x + 0.16, y - 0.05), (x - 0.2, y - 0.16), (x - 0.46, y - 0.06), (x - 0.6, y + 0.16)]
        s.add("tail", b.coat, stroke(line, 0.15, 0.04), bevel=0.1)
        s.add(
            "tail",
            "accent",
            polygon([(x - 0.52, y + 0.14), (x - 0.72, y + 0.16), (x - 0.65, y + 0.38)], 0.018),
            bevel=0.05,
        )
    else:
        s.add(
            "tail",
            b.coat,
            stroke([(x + 0.04, y), (x - 0.17, y + 0.1), (x - 0.3, y + 0.3)], 0.062, 0.035),
            bevel=0.05,
        )


def _wing(s: Sketch, b: Build) -> None:
    """Draw one raised wing: the other one is hidden behind it."""
    x, y = _LONG * 0.2, b.y + b.bulk * 0.7
    web = [
        (x + 0.1, y - 0.06),
        (x - 0.02, y + 0.74),
        (x - 0.36, y + 0.62),
        (x - 0.4, y + 0.36),
        (x - 0.66, y + 0.3),
        (x - 0.5, y + 0.12),
        (x - 0.6, y - 0.04),
        (x - 0.26, y - 0.1),
    ]
    s.back("wings", "accent:leather", polygon(web, 0.02), bevel=0.06)
    for tip in (2, 4, 6):
        s.back("wings", b.coat.replace("main", "main-"), capsule(web[1], web[tip], 0.034, 0.014), bevel=0.03)
    s.back("wings", b.coat.replace("main", "main-"), capsule(web[0], web[1], 0.06, 0.036), bevel=0.04)

"""Robots: jointed bipeds in A-pose, put together from a few kinds of heads, chests, arms and feet."""

import math

from maquette.studio.painter.shapes import box, capsule, circle, ellipse, polygon, ring
from maquette.studio.painter.sketch import Anchors, Sketch


def robot(s: Sketch) -> None:
    """Draw a friendly machine: feet apart, arms clear of the body."""
    girth = s.trait("girth")
    chest_w, chest_h = s.between(0.26, 0.33) * girth, s.between(0.25, 0.3)
    head_w, head_h = s.between(0.25, 0.33) * s.trait("head"), s.between(0.19, 0.25) * s.trait("head")
    chest_y = -0.02
    neck = chest_y + chest_h
    head_y = neck + 0.08 + head_h
    hip_x = max(chest_w * 0.58, 0.17)
    hand = (chest_w + 0.40, -0.33)
    s.anchors = Anchors(
        head=(0.0, head_y + head_h, head_w),
        face=(0.0, head_y, head_w * 0.8),
        torso=(0.0, chest_y, chest_w),
        shoulder=chest_y + chest_h * 0.6,
        hip=chest_y - chest_h - 0.06,
        hands=(hand, (-hand[0], hand[1])),
        foot=-1.0,
    )
    _legs(s, hip_x, chest_y - chest_h)
    _arms(s, chest_w, chest_y + chest_h * 0.55, hand)
    _chest(s, chest_w, chest_h, chest_y)
    _head(s, head_w, head_h, head_y, neck)


def _legs(s: Sketch, x: float, top: float) -> None:
    knee, ankle = -0.64, -0.86
    s.add("hips", "dark", box(0, top - 0.03, x + 0.06, 0.075, 0.05), bevel=0.07)
    s.pair("legs", "dark", capsule((x, top - 0.03), (x + 0.03, ankle), 0.066), bevel=0.07)
    s.pair("legs", "metal", circle(x, top - 0.07, 0.082), bevel=0.08)
    s.pair("legs", "main", box(x + 0.018, -0.515, 0.098, 0.098, 0.05), bevel=0.1)
    s.pair("legs", "metal", circle(x + 0.025, knee, 0.07), bevel=0.06)
    s.pair("legs", "main-", circle(x + 0.025, knee, 0.035), bevel=0.03, line=0.006)
    s.pair(
        "legs",
        "main",
        polygon([(x - 0.06, -0.69), (x + 0.11, -0.69), (x + 0.15, -0.87), (x - 0.09, -0.87)], 0.02),
        bevel=0.1,
    )
    s.pair("feet", "second", box(x + 0.05, -0.925, 0.168, 0.075, 0.06), bevel=0.09)
    s.pair("feet", "shade", box(x + 0.05, -0.985, 0.178, 0.024, 0.015), bevel=0.03)


def _arms(s: Sketch, w: float, y: float, hand: tuple[float, float]) -> None:
    hx, hy = hand
    sx = w + 0.055
    elbow = (sx + (hx - sx) * 0.52, y + (hy - y) * 0.46)
    s.pair("arms", "dark", capsule((sx, y), elbow, 0.062), bevel=0.07)
    s.pair("arms", "dark", capsule(elbow, (hx, hy), 0.06), bevel=0.07)
    upper = (sx + (elbow[0] - sx) * 0.45, y + (elbow[1] - y) * 0.45)
    s.pair("arms", "main", capsule(upper, (elbow[0] - 0.02, elbow[1] + 0.03), 0.083, 0.075), bevel=0.09)
    fore = (elbow[0] + (hx - elbow[0]) * 0.3, elbow[1] + (hy - elbow[1]) * 0.3)
    wrist = (elbow[0] + (hx - elbow[0]) * 0.72, elbow[1] + (hy - elbow[1]) * 0.72)
    s.pair("arms", "metal", circle(*elbow, 0.064), bevel=0.06)
    s.pair("arms", "main", capsule(fore, wrist, 0.085, 0.108), bevel=0.1)
    angle = math.atan2(hy - elbow[1], hx - elbow[0])
    s.pair("arms", "second", box(wrist[0] + 0.02, wrist[1] - 0.025, 0.032, 0.108, 0.02, angle), bevel=0.04)
    palm = (hx + 0.035, hy - 0.05)
    if s.option("hands", "claw") == "claw":
        notch = box(palm[0] + 0.05, palm[1] - 0.075, 0.034, 0.1, 0.01, angle + math.pi / 2)
        s.pair("hands", "metal", circle(*palm, 0.1) - notch, bevel=0.07)
    else:
        s.pair("hands", "metal", circle(*palm, 0.095), bevel=0.09)
    s.pair("arms", "second", circle(sx + 0.01, y + 0.02, 0.118), bevel=0.11)
    s.pair("arms", "shade", circle(sx + 0.012, y + 0.02, 0.036), bevel=0.03, line=0.006)


def _chest(s: Sketch, w: float, h: float, y: float) -> None:
    s.add("neck", "dark", box(0, y + h + 0.05, 0.082, 0.11, 0.02), bevel=0.07)
    body = box(0, y, w, h, 0.1)
    if s.option("chest", "box") == "barrel":
        body = ellipse(0, y, w * 1.1, h * 1.12) & box(0, y, w * 1.1, h, 0.08)
    taper = polygon(
        [(-w * 0.98, y + h * 0.98), (w * 0.98, y + h * 0.98), (w * 0.74, y - h), (-w * 0.74, y - h)], 0.02
    )
    s.add("body", "main", taper.blend(body & box(0, y + h * 0.4, w, h * 0.62, 0.09), 0.06), bevel=0.15)
    s.add("body", "shade", box(0, y - h * 0.78, w * 0.66, 0.042, 0.02), bevel=0.03)
    s.pair(
        "vents",
        "shade",
        box(w * 0.64, y - h * 0.32, w * 0.17, 0.013, 0.01),
        bevel=0.01,
        line=0.005,
        shadow=0.0,
    )
    s.pair(
        "vents",
        "shade",
        box(w * 0.62, y - h * 0.5, w * 0.15, 0.013, 0.01),
        bevel=0.01,
        line=0.005,
        shadow=0.0,
    )
    s.add("panel", "metal", box(0, y + h * 0.17, w * 0.58, h * 0.46, 0.05), bevel=0.035)
    s.add("panel", "shade", box(0, y + h * 0.17, w * 0.48, h * 0.36, 0.04), bevel=0.02, line=0.006)
    s.add("core", "metal", ring(0, y + h * 0.2, 0.082, 0.017), bevel=0.02, line=0.006)
    s.add("core", "glow", circle(0, y + h * 0.2, 0.068), bevel=0.08, line=0.006)
    for i, paint in enumerate(("accent", "gold", "glow")):
        s.add("panel", paint, box((i - 1) * 0.065, y - h * 0.52, 0.02, 0.02, 0.01), bevel=0.02, line=0.005)
    for sx in (-1, 1):
        for sy in (-1, 1):
            bolt = circle(sx * w * (0.84 if sy > 0 else 0.7), y + sy * h * 0.86, 0.017)
            s.add("bolts", "metal", bolt, bevel=0.017, line=0.005)


def _head(s: Sketch, w: float, h: float, y: float, neck: float) -> None:
    kind = s.option("head") or ("box", "dome", "wide", "screen")[int(s.shape.integers(4))]
    s.add("neck", "second", box(0, neck + 0.035, 0.13, 0.035, 0.02), bevel=0.03)
    if s.chance(0.7):
        s.pair("ears", "second", box(w + 0.02, y, 0.055, h * 0.42, 0.03), bevel=0.05)
        s.pair("ears", "metal", box(w + 0.075, y, 0.02, h * 0.2, 0.015), bevel=0.02, line=0.006)
        antennas = s.chance(0.35)
    else:
        s.pair("ears", "metal", circle(w + 0.01, y, h * 0.4), bevel=0.07)
        antennas = True
    if antennas:
        s.back_pair("antenna", "metal", capsule((w + 0.04, y), (w + 0.07, y + h + 0.13), 0.02), bevel=0.02)
        s.back_pair("antenna", "accent", circle(w + 0.07, y + h + 0.15, 0.042), bevel=0.04)
    else:
        s.back("antenna", "metal", capsule((0, y + h), (0, y + h + 0.13), 0.022), bevel=0.02)
        s.back("antenna", "accent", circle(0, y + h + 0.16, 0.052), bevel=0.05)
    skull = {
        "box": box(0, y, w, h, 0.1),
        "dome": box(0, y - h * 0.4, w, h * 0.6, 0.07).blend(ellipse(0, y, w, h), 0.05),
        "wide": ellipse(0, y, w * 1.12, h * 1.05),
        "screen": box(0, y, w * 1.05, h, 0.05),
    }[kind]
    s.add("head", "main", skull, bevel=0.14)
    s.add(
        "head",
        "main-",
        box(0, y + h * 0.82, w * 0.3, 0.022, 0.012) & skull.grown(-0.015),
        bevel=0.02,
        line=0.006,
        shadow=0.2,
    )
    face = box(0, y - h * 0.02, w * 0.8, h * 0.56, 0.09)
    s.add("face", "metal", face.grown(0.028) & skull.grown(-0.012), bevel=0.03, line=0.008)
    s.add("face", "shade", face, bevel=0.05)
    _eyes(s, w, h, y)


def _eyes(s: Sketch, w: float, h: float, y: float) -> None:
    kind = s.pick("round", "tall", "visor", "lens")
    eye_y = y + h * 0.05
    if kind == "visor":
        s.add("eyes", "glow", box(0, eye_y, w * 0.58, h * 0.18, h * 0.18), bevel=0.04, line=0.0)
        return
    if kind == "lens":
        s.pair("eyes", "metal", ring(w * 0.38, eye_y, h * 0.3, 0.016), bevel=0.02, line=0.006)
    shape = (
        box(w * 0.38, eye_y, h * 0.19, h * 0.32, h * 0.18)
        if kind == "tall"
        else circle(w * 0.38, eye_y, h * 0.27)
    )
    s.pair("eyes", "glow", shape, bevel=0.06, line=0.0)
    s.pair(
        "eyes",
        "white",
        circle(w * 0.38 - h * 0.08, eye_y + h * 0.1, h * 0.07),
        bevel=0.02,
        line=0.0,
        shadow=0.0,
    )
    smile = ring(0, eye_y - h * 0.02, h * 0.34, 0.011) & box(0, eye_y - h * 0.42, h * 0.2, h * 0.12, 0.0)
    s.add("mouth", "glow", smile, bevel=0.02, line=0.0, shadow=0.0)

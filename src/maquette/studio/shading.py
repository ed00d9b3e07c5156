"""How previews are lit: a soft three-light studio, GGX highlights, a blurred environment, a colour-true tone curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]

_SKY = np.array([0.62, 0.66, 0.72], np.float32)
_HORIZON = np.array([0.50, 0.49, 0.48], np.float32)
_GROUND = np.array([0.30, 0.27, 0.25], np.float32)


_AMBIENT, _DIFFUSE, _HIGHLIGHT, _MIRROR = 0.80, 0.34, 0.32, 1.5
"""Shares of each kind of light, balanced by eye so that a grey card facing the key comes out as painted."""


@dataclass(frozen=True, slots=True)
class Light:
    """A distant lamp. ``toward`` points from the object to the lamp, in camera axes (x right, y up, z to the eye)."""

    toward: tuple[float, float, float]
    color: tuple[float, float, float]
    softness: float
    """Radius of the lamp's reflection, as cosine falloff: 0.02 a bulb, 0.3 a softbox."""

    @property
    def direction(self) -> Floats32:
        """Unit vector to the lamp."""
        vector = np.asarray(self.toward, np.float32)
        unit: Floats32 = vector / np.linalg.norm(vector)
        return unit


KEY = Light((-0.62, 0.72, 0.62), (2.05, 1.96, 1.82), 0.12)
FILL = Light((0.85, 0.18, 0.55), (0.42, 0.48, 0.58), 0.30)
RIM = Light((0.55, 0.55, -0.80), (1.15, 1.22, 1.35), 0.10)


@dataclass(frozen=True, slots=True)
class Fragments:
    """What is known of each visible sample, float32 and in camera axes."""

    normal: Floats32
    """(k, 3) unit."""
    to_eye: Floats32
    """(k, 3) unit."""
    up: Floats32
    """(3,) the world's up."""
    albedo: Floats32
    """(k, 3) linear."""
    occlusion: Floats32
    """(k, 1)"""
    roughness: Floats32
    """(k, 1)"""
    metallic: Floats32
    """(k, 1)"""
    key_visible: Floats32
    """(k, 1): 1 where the key light reaches, 0 in its shadow."""


def shade(f: Fragments) -> Floats32:
    """(k, 3) linear radiance."""
    n_v = np.clip(_dot(f.normal, f.to_eye), 1e-3, 1.0)
    f0 = 0.04 + (f.albedo - 0.04) * f.metallic
    diffuse_color = f.albedo * (1.0 - f.metallic)
    light = _hemisphere(f.normal, f.up) * f.occlusion * _AMBIENT
    diffuse = diffuse_color * light
    specular = np.zeros_like(f.albedo)
    for lamp in (KEY, FILL, RIM):
        visible = f.key_visible if lamp is KEY else 0.35 + 0.65 * f.occlusion
        n_l = np.clip(_dot(f.normal, lamp.direction[None]), 0.0, 1.0)
        arriving = np.asarray(lamp.color, np.float32) * (n_l * visible)
        diffuse += diffuse_color * arriving * _DIFFUSE
        specular += arriving * _ggx(f, lamp, n_v, n_l, f0) * _HIGHLIGHT
    reflected = 2.0 * n_v * f.normal - f.to_eye
    specular += _surroundings(reflected, f) * _environment_brdf(f0, f.roughness, n_v) * f.occlusion
    radiance: Floats32 = diffuse + specular
    return radiance


def tone_mapped(linear: Floats32) -> Floats32:
    """Khronos PBR Neutral (2024): base colours under white light come out as they were painted, highlights roll off."""
    start, desaturation = 0.8 - 0.04, 0.15
    red, green, blue = (linear[..., channel, None] for channel in range(3))
    low = np.minimum(np.minimum(red, green), blue)  # numpy reduces a short axis ten times as slowly
    color = linear - np.where(low < 0.08, low - 6.25 * low * low, 0.04)
    red, green, blue = (color[..., channel, None] for channel in range(3))
    peak = np.maximum(np.maximum(np.maximum(red, green), blue), 1e-6)
    room = 1.0 - start
    new_peak = 1.0 - room * room / (np.maximum(peak, start) + room - start)
    squeezed = color * (new_peak / peak)
    whitened = 1.0 - 1.0 / (desaturation * (peak - new_peak) + 1.0)
    mapped: Floats32 = np.where(peak < start, color, squeezed + (new_peak - squeezed) * whitened)
    return np.clip(mapped, 0.0, 1.0)


def _dot(a: Floats32, b: Floats32) -> Floats32:
    product: Floats32 = np.einsum("ij,ij->i", a, np.broadcast_to(b, a.shape))[:, None]
    return product


def _hemisphere(direction: Floats32, up: Floats32) -> Floats32:
    """Blurred surroundings seen in a direction: sky above, warm floor below."""
    height = (direction @ up)[:, None]
    above = _HORIZON + (_SKY - _HORIZON) * np.clip(height, 0.0, 1.0)
    result: Floats32 = above + (_GROUND - above) * np.clip(-height, 0.0, 1.0)
    return result


def _surroundings(direction: Floats32, f: Fragments) -> Floats32:
    """Mirror image of the studio: the hemisphere plus each lamp's softbox, wider the rougher the surface."""
    seen = _hemisphere(direction, f.up) * _MIRROR
    for lamp in (KEY, FILL, RIM):
        width = lamp.softness + f.roughness**2
        lobe = np.exp((_dot(direction, lamp.direction[None]) - 1.0) / width) * lamp.softness / width
        seen = seen + np.asarray(lamp.color, np.float32) * lobe
    return seen


def _ggx(f: Fragments, lamp: Light, n_v: Floats32, n_l: Floats32, f0: Floats32) -> Floats32:
    """Cook-Torrance with the GGX distribution (Walter et al. 2007) and Schlick's Fresnel and Smith terms."""
    half = f.to_eye + lamp.direction
    half = (half / np.maximum(np.sqrt(_dot(half, half)), 1e-6)).astype(np.float32)
    n_h = np.clip(_dot(f.normal, half), 0.0, 1.0)
    fresnel = f0 + (1.0 - f0) * (1.0 - np.clip(_dot(f.to_eye, half), 0.0, 1.0)) ** 5
    alpha = np.maximum(f.roughness**2, 0.03)
    spread = alpha**2 / (np.pi * (n_h * n_h * (alpha**2 - 1.0) + 1.0) ** 2)
    k = alpha / 2.0
    visibility = 0.25 / ((n_v * (1.0 - k) + k) * (n_l * (1.0 - k) + k))
    return fresnel * np.minimum(spread * visibility, 8.0)


def _environment_brdf(f0: Floats32, roughness: Floats32, n_v: Floats32) -> Floats32:
    """B. Karis, "Physically Based Shading on Mobile" (2014): the split-sum table as a polynomial."""
    r0 = 1.0 - roughness
    a = np.minimum(r0 * r0, np.exp2(-9.28 * n_v)) * r0 + (0.0425 - 0.0275 * roughness)
    scale = -1.04 * a + (1.04 - 0.572 * roughness)
    bias = 1.04 * a + (0.022 * roughness - 0.04)
    result: Floats32 = np.clip(f0 * scale + bias, 0.0, 1.0)
    return result

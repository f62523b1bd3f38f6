"""Light on a surface: a key and a fill light, light from all around, a soft highlight; then tone and sRGB.

Only + - * / and sqrt are used on pixels, which IEEE 754 rounds the same in every lane of every machine: the picture
does not depend on threads or vector width. sRGB encoding is a table.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..nouns import AMBIENT as AMBIENT  # the lights' units are part of the light's formula, for every engine
from ..nouns import DIRECT as DIRECT
from ..nouns import Camera, Lights
from .environment import evaluate, polynomials_of
from .scene import Rig, Scene, Triple
from .surface import Seen, dot, root
from .texture import srgb_encode

KEY_WRAP = 0.15  # how far the key light reaches past the terminator, softening it
SHOULDER = 0.60  # linear values above it are compressed, so that nothing burns out
ENCODE_STEPS = 1 << 14


@lru_cache(maxsize=8)
def encode_table(device: torch.device) -> Tensor:
    """sRGB uint8 of the linear values k / ENCODE_STEPS."""
    values = srgb_encode((np.arange(ENCODE_STEPS + 1)) / ENCODE_STEPS)
    return torch.from_numpy(np.rint(values * 255.0).astype(np.uint8)).to(device)


def encode(linear: Tensor) -> Tensor:
    """Linear (N,) float32, 0-1, to sRGB uint8."""
    index = (linear * ENCODE_STEPS + 0.5).clamp(0, ENCODE_STEPS).int()
    return encode_table(linear.device).index_select(0, index)


def tone(x: Tensor) -> Tensor:
    """Identity up to `SHOULDER`, then a smooth rational approach to 1."""
    over = (x - SHOULDER).clamp(min=0.0) / (1.0 - SHOULDER)
    return torch.minimum(x, torch.full_like(x, SHOULDER)) + (1.0 - SHOULDER) * (over / (1.0 + over))


def shade(scene: Scene, rig: Rig, seen: Seen) -> Triple:
    """Colour of the samples as the viewer sees it: linear RGB 0-1 after tone mapping, 3 x (N,) float32.

    What a surface mirrors, besides the key light's highlight, is looked up along the mirrored ray in the same
    second-order environment: a blurred reflection, whatever the roughness, which only dims it.
    """
    n = seen.normal
    length = 1.0 / root(seen.ray[0] * seen.ray[0] + seen.ray[1] * seen.ray[1] + 1.0)
    v: Triple = (-seen.ray[0] * length, -seen.ray[1] * length, -length)
    facing = dot(n, v).clamp(1e-3, 1.0)
    metallic = _of_part(scene.materials.metallic, seen)
    rough = _of_part(scene.materials.roughness, seen).clamp(0.08, 1.0)
    key, fill = _in_camera(rig, "key_direction", seen), _in_camera(rig, "fill_direction", seen)
    towards_key = dot(n, key)
    lit_key = ((towards_key + KEY_WRAP) * (1.0 / (1.0 + KEY_WRAP))).clamp(min=0.0)
    lit_fill = dot(n, fill).clamp(min=0.0)
    n_v = 2.0 * dot(n, v)
    mirrored: Triple = (n_v * n[0] - v[0], n_v * n[1] - v[1], n_v * n[2] - v[2])
    matt_light, mirror_light = _around(rig, seen)  # (terms, 3, views) each
    glint_key = _highlight(n, v, key, facing, rough) * towards_key.clamp(min=0.0)
    graze = 1.0 - facing
    graze = graze * graze * graze * graze * graze * (1.0 - rough)
    unlit = scene.materials.unlit.index_select(0, seen.part)
    some_unlit = bool(unlit.any())
    result = []
    for c in range(3):
        base = seen.colour[c]
        key_c, fill_c = _light(rig, "key_colour", c, seen), _light(rig, "fill_colour", c, seen)
        mirror = 0.04 + (base - 0.04) * metallic
        mirror = mirror + (1.0 - mirror) * graze
        matt = base * (1.0 - metallic)
        ambient = AMBIENT * evaluate(_terms(matt_light, c, seen), *n).clamp(min=0.0)
        around = AMBIENT * evaluate(_terms(mirror_light, c, seen), *mirrored).clamp(min=0.0) * (1.35 - 0.35 * rough)
        light = DIRECT * (key_c * lit_key + fill_c * lit_fill) + ambient
        value = tone(matt * light + mirror * (around + DIRECT * key_c * glint_key))
        result.append(torch.where(unlit, base, value) if some_unlit else value)
    return result[0], result[1], result[2]


def _around(rig: Rig, seen: Seen) -> Tensor:
    """The environments of the views as `polynomials`, (2, terms, 3, views) float32; 4 terms where that is enough."""
    table = polynomials_of(rig.lights, rig.cameras).astype(np.float32).swapaxes(2, 3)
    if not table[:, 4:].any():
        table = table[:, :4]
    return torch.from_numpy(np.ascontiguousarray(table)).to(seen.alpha.device)


def _terms(table: Tensor, channel: int, seen: Seen) -> list[Tensor]:
    """The terms of one colour of one kind (terms, 3, views) for every sample: () or (N,) each."""
    own = table[:, channel]
    return list(own[:, 0] if seen.view is None else own.index_select(1, seen.view))


def _of_part(table: Tensor, seen: Seen) -> Tensor:
    """A material's number at the samples: (N,), or () where all parts have the same."""
    if bool((table == table[0]).all()):
        return table[0]
    return table.index_select(0, seen.part)


def _highlight(n: Triple, v: Triple, light: Triple, facing: Tensor, rough: Tensor) -> Tensor:
    """GGX lobe with the visibility term of Karis (2013), without Fresnel; capped so that no pixel burns out."""
    h = tuple(a + b for a, b in zip(v, light, strict=True))
    scale = 1.0 / root(dot(h, h)).clamp(min=1e-6)  # type: ignore[arg-type]
    n_h = (dot(n, h) * scale).clamp(0.0, 1.0)  # type: ignore[arg-type]
    a = rough * rough
    a2 = a * a
    d = n_h * n_h * (a2 - 1.0) + 1.0
    k = a * 0.5
    n_l = dot(n, light).clamp(min=1e-3)
    spread = d * d * ((facing * (1.0 - k) + k) * (n_l * (1.0 - k) + k))
    return (a2 * 0.25 / spread).clamp(max=8.0)


def _in_camera(rig: Rig, name: str, seen: Seen) -> Triple:
    """A direction of the lights in the camera frame: 3 x () or 3 x (N,) float32."""
    result = []
    for i in range(3):

        def component(camera: Camera, lights: Lights, i: int = i) -> float:
            direction = getattr(lights, name)
            size = sum(float(value) ** 2 for value in direction) ** 0.5 or 1.0
            return sum(float(camera.R[i, j]) * float(direction[j]) for j in range(3)) / size

        result.append(_single(rig.value(component, seen.view), seen))
    return result[0], result[1], result[2]


def _light(rig: Rig, name: str, channel: int, seen: Seen) -> Tensor:
    return _single(rig.value(lambda _, lights: float(getattr(lights, name)[channel]), seen.view), seen)


def _single(value: Tensor | float, seen: Seen) -> Tensor:
    if isinstance(value, Tensor):
        return value.float()
    return torch.tensor(value, dtype=torch.float32, device=seen.alpha.device)

"""From a panorama of light to the lights of a view: its two brightest places as lamps, the rest as harmonics.

The lamps keep shadows and highlights sharp, which nine harmonics cannot; taking them out keeps the harmonics from
ringing. Then everything is exposed together, the panorama too, as a camera would: see `LEVEL`.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import AMBIENT, DIRECT, Lights, Panorama
from .environment import MIRRORED, basis
from .shade import SHOULDER
from .texture import srgb_encode

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]
Colour = tuple[float, float, float]

LEVEL = 0.45  # luminance a white matt ball of every normal sends back on average: the fixed studio's is 0.46
STRONGEST = 4.0  # a lamp lights what faces it this many times as much as the rest lights all sides on average, at most
DIMMEST = 0.1  # of the mean comes from every side at least: light that a real place would throw back
_LAMP_RADIUS = 35.0  # degrees about its brightest place that belong to a lamp
_LAMP_FROM = 2.0  # times the mean radiance: what is brighter shines as a lamp
_ROWS = 64  # of the picture that light is measured on
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_LAMBERT = (1.0, *(2.0 / 3.0,) * 3, *(0.25,) * 5)  # bands of the cosine over pi (Ramamoorthi and Hanrahan, eq. 8)
_SHARP = (MIRRORED[0], *(MIRRORED[1],) * 3, *(MIRRORED[2],) * 5)
_ENCODE = np.rint(srgb_encode(np.arange(1 << 14) / ((1 << 14) - 1.0)) * 255.0).astype(np.uint8)


def lights_from(radiance: Floats, name: str) -> Lights:
    """The lights of a panorama at turn 0; `panorama` is its picture as a camera with their exposure sees it.

    Args:
        radiance: (h, 2 h, 3) linear light, >= 0; laid out as `generate.pictures.look` says.
        name: of the panorama.

    Raises:
        ValueError: it is all black.
    """
    small = np.asarray(cv2.resize(radiance, (2 * _ROWS, _ROWS), interpolation=cv2.INTER_AREA), dtype=np.float64)
    towards, area = _directions(_ROWS)
    mean = float(((small @ _LUMA) * area).sum() / area.sum())
    if not mean > 0.0:
        raise ValueError(f"{name}: there is no light in it")
    key, key_light, rest = _lamp(small, towards, area, _LAMP_FROM * mean)
    fill, fill_light, rest = _lamp(rest, towards, area, _LAMP_FROM * mean)
    harmonics = np.einsum("lhw,hwc,hw->lc", basis(*towards), rest, area) * np.array(_LAMBERT)[:, None]
    harmonics = _softened(harmonics, towards)
    ambient = max(float(harmonics[0] @ _LUMA) * 0.28209479, 0.02 * mean)
    key_light, fill_light = (_weakened(lamp, STRONGEST * ambient) for lamp in (key_light, fill_light))
    # Averaged over all normals, a lamp's cosine counts a quarter.
    exposure = LEVEL / (ambient + 0.25 * float((key_light + fill_light) @ _LUMA))
    return Lights(
        key_direction=_three(key),
        key_colour=_three(key_light * exposure / DIRECT),
        fill_direction=_three(fill),
        fill_colour=_three(fill_light * exposure / DIRECT),
        environment=tuple(_three(row) for row in harmonics * (exposure / AMBIENT)),
        panorama=Panorama(name=name, pixels=developed(radiance, exposure)),
    )


def developed(radiance: Floats, exposure: float) -> NDArray[np.uint8]:
    """Radiance (h, w, 3) times `exposure` as sRGB bytes, through the tone curve that the object goes through too.

    The curve (`shade.tone`): identity up to `shade.SHOULDER` = s, above it s + (1 - s) o / (1 + o) with
    o = (x - s) / (1 - s): slope 1 at s, never above 1.
    """
    result = np.empty(radiance.shape, np.uint8)
    for row, light in enumerate(radiance):  # a row at a time: panoramas are large
        x = light * np.float32(exposure)
        over = np.maximum(x - np.float32(SHOULDER), 0.0) / np.float32(1.0 - SHOULDER)
        x = np.minimum(x, np.float32(SHOULDER)) + np.float32(1.0 - SHOULDER) * (over / (1.0 + over))
        result[row] = _ENCODE[np.rint(x * np.float32(len(_ENCODE) - 1)).astype(np.int32)]
    return result


def turned(lights: Lights, turn: float) -> Lights:
    """Panorama lights turned about z by `turn` degrees, clockwise from above."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    c2, s2 = c * c - s * s, 2.0 * s * c

    def lamp(d: Colour) -> Colour:
        return d[0] * c + d[1] * s, d[1] * c - d[0] * s, d[2]

    def pair(cosine: Colour, sine: Colour, c: float, s: float) -> tuple[Colour, Colour]:
        """Coefficients of cos(m phi) and sin(m phi) after phi went back by the turn."""
        one = tuple(a * c + b * s for a, b in zip(cosine, sine, strict=True))
        two = tuple(b * c - a * s for a, b in zip(cosine, sine, strict=True))
        return one, two  # type: ignore[return-value]

    e = lights.environment
    x, y = pair(e[3], e[1], c, s)
    xz, yz = pair(e[7], e[5], c, s)
    xx, xy = pair(e[8], e[4], c2, s2)
    return Lights(
        key_direction=lamp(lights.key_direction),
        key_colour=lights.key_colour,
        fill_direction=lamp(lights.fill_direction),
        fill_colour=lights.fill_colour,
        environment=(e[0], y, e[2], x, xy, yz, e[6], xz, xx),
        panorama=lights.panorama,
        turn=turn,
    )


def _directions(rows: int) -> tuple[Wide, Wide]:
    """Unit vectors (3, rows, 2 rows) of a panorama's pixels at turn 0, canonical frame; solid angles (rows, 2 rows)."""
    edges = np.sin(np.linspace(0.5 * math.pi, -0.5 * math.pi, rows + 1))
    elevation = (0.5 - (np.arange(rows) + 0.5) / rows)[:, None] * math.pi
    heading = ((np.arange(2 * rows) + 0.5) / rows - 1.0)[None, :] * math.pi
    level = np.cos(elevation)
    towards = np.stack([level * np.sin(heading), level * np.cos(heading), np.sin(elevation) + 0.0 * heading])
    return towards, np.repeat((edges[:-1] - edges[1:])[:, None] * (math.pi / rows), 2 * rows, axis=1)


def _lamp(radiance: Wide, towards: Wide, area: Wide, threshold: float) -> tuple[Wide, Wide, Wide]:
    """Take the light above `threshold` about the brightest place out of a panorama (rows, 2 rows, 3).

    Returns:
        where it stands (3,), unit; what a white surface that faces it sends back (3,), irradiance / pi; and the rest.
    """
    luma = radiance @ _LUMA
    peak = np.unravel_index(int(luma.argmax()), luma.shape)
    centre = towards[:, peak[0], peak[1]]
    near = np.einsum("i,ihw->hw", centre, towards) > math.cos(math.radians(_LAMP_RADIUS))
    share = np.where(near, np.maximum(1.0 - threshold / np.maximum(luma, 1e-12), 0.0), 0.0)
    weight = share * luma * area
    if not weight.sum() > 0.0:
        return np.array([0.0, 0.0, 1.0]), np.zeros(3), radiance
    centre = np.einsum("ihw,hw->i", towards, weight)
    centre = centre / math.sqrt(float((centre * centre).sum()))
    cosine = np.maximum(np.einsum("i,ihw->hw", centre, towards), 0.0)
    light = np.einsum("hwc,hw->c", radiance, share * area * cosine) / math.pi
    return centre, light, radiance * (1.0 - share)[..., None]


def _softened(harmonics: Wide, towards: Wide) -> Wide:
    """Weaken the bands 1 and 2 (9, 3) together as far as no side, nor its mirror image, gets less than `DIMMEST`."""
    mirrored = np.einsum("lhw,lc->hwc", basis(*towards[:, ::4, ::4])[1:], harmonics[1:] * np.array(_SHARP)[1:, None])
    mean = np.maximum(harmonics[0] * 0.28209479, 1e-12)
    deepest = float((mirrored / mean).min())
    result = harmonics.copy()
    result[1:] *= min(1.0, (1.0 - DIMMEST) / max(-deepest, 1e-12))
    return result


def _weakened(light: Wide, limit: float) -> Wide:
    return light * min(1.0, limit / max(float(light @ _LUMA), 1e-12))


def _three(values: Wide) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])
